/** Who holds slots or waits for some. */
import type { LeaseRecord, WaiterRecord } from "../../contract/wire/limits.ts";
import { isolate } from "../data/readable-text.ts";

/** Names of flow runs by their ids. */
export type Names = ReadonlyMap<string, string>;

type About = Pick<LeaseRecord, "run" | "holder" | "note">;

/** The flow run that somebody holds or waits for; else what else is known. */
export function Who({ about, names }: { about: About; names: Names }) {
  const id = runOf(about);
  // What people write may read from right to left, which must not turn round what stands beside it.
  if (id === undefined) return <bdi>{describeWho(about, names)}</bdi>;
  return <a href={`/runs/flow-run/${id}`}>{names.get(id) ?? id.slice(-12)}</a>;
}

/** The same as a text. */
export function describeWho({ note, holder, ...about }: About, names: Names): string {
  const id = runOf({ holder, ...about });
  if (id !== undefined) return isolate(names.get(id) ?? id);
  if (note !== null && note !== "") return isolate(note);
  return holder === null ? "somebody" : `${holder.type.replace("_", " ")} ${holder.id.slice(-12)}`;
}

export function runOf({ run, holder }: Pick<About, "run" | "holder">): string | undefined {
  return run?.flow_run_id ?? (holder?.type === "flow_run" ? holder.id : undefined);
}

/**
 * Whether some of those whose turn it would be must wait for other limits as well; ends a sentence that lists them.
 * `counts`: how many they are, where only the first ones are given.
 */
export function sayOthers(
  first: readonly (About & Pick<WaiterRecord, "wants_others">)[],
  names: Names,
  counts?: { all: number; some: number },
): string {
  const known = first.filter(({ wants_others }) => wants_others);
  const { all, some } = counts ?? { all: first.length, some: known.length };
  if (some === 0) return "";
  const ifFree = `if the other limits that ${some === 1 ? "it wants" : "they want"} are free, too`;
  return some === all ? `, ${ifFree}` : `; ${listWho(known, names, some)} only ${ifFree}`;
}

const LISTED_MAX = 3;

/** Who they are, so many in all; of many the first ones. */
export function listWho(first: readonly About[], names: Names, count = first.length): string {
  const said = first.slice(0, LISTED_MAX).map((about) => describeWho(about, names));
  const others = count - said.length;
  const rest = others === Infinity ? "others" : `${others} more`;
  return [...said, ...(others > 0 ? [rest] : [])].join(", ");
}

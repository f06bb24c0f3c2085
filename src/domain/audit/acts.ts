/** What people do, in stable words; and where a proposed state is a person's act and where a program's. */
import type { Changes } from "../../contract/wire/audit.ts";
import { isTerminal, type StateType } from "../../contract/wire/states.ts";

/** An update that only switches something has a word of its own. */
export function verbOfUpdate(
  changes: Changes,
  switches: Readonly<Record<string, readonly [on: string, off: string]>>,
): string {
  const [field = "", ...others] = Object.keys(changes);
  const words = others.length === 0 ? switches[field] : undefined;
  return words === undefined ? "update" : changes[field]?.to === true ? words[0] : words[1];
}

/** Where no process exists that could say how the run gets on. */
const WITHOUT_PROCESS: ReadonlySet<StateType> = new Set(["SCHEDULED", "PAUSED"]);

/**
 * What a proposed state of a run is as a person's act; undefined for what programs say. Only asked where the proposal
 * carries no run's identity, as those of our agent's processes do. Prefect's processes and workers have none, so the
 * state tells: they say how their run gets on, give it back when they are stopped, and force CRASHED and CANCELLED only
 * (source: wire §3.5). What is left is a person's: to ask for a cancel, to schedule anew what has ended or waits, and to
 * force anything else.
 */
export function verbOfProposal(
  before: StateType | null,
  proposed: StateType,
  is_forced: boolean,
): string | undefined {
  const hasProcess = before !== null && !isTerminal(before) && !WITHOUT_PROCESS.has(before);
  switch (proposed) {
    case "CANCELLING":
      return "cancel";
    case "CANCELLED":
      return is_forced || hasProcess ? undefined : "cancel";
    case "SCHEDULED":
      if (hasProcess) return undefined;
      return before !== null && isTerminal(before) ? "retry" : "reschedule";
    case "CRASHED":
      return undefined;
    default:
      return is_forced ? "set_state" : undefined;
  }
}

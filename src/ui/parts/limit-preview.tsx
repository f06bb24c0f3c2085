/** What a change of a limit would do to its line, as the limit itself says it, and again when that changes. */
import type { LimitPreview, PreviewedLimit } from "../../contract/wire/limits.ts";
import { useQuery, type Query } from "../data/query.ts";
import { useRunNames } from "../data/run-names.ts";
import { useSettled } from "../data/settled.ts";
import { listWho, runOf, sayOthers } from "./who.tsx";

/** What it would do, and who it is as texts. */
interface SaidPreview extends LimitPreview {
  sayAdmitted: string;
  sayRefused: string;
}

/** `path`: of the limit in the API. Without a value until it is known, also while the change is still being typed. */
export function useLimitPreview(
  path: string,
  change: PreviewedLimit,
): Pick<Query<SaidPreview>, "value" | "error"> {
  const asked = JSON.stringify(change);
  const isSettled = useSettled(asked) === asked;
  const { value, error } = useQuery<LimitPreview>(
    isSettled ? { method: "POST", path: `${path}/preview_change`, body: change } : null,
  );
  const { admitted = [], refused = [] } = value ?? {};
  const names = useRunNames([...admitted, ...refused].map(runOf).filter((id) => id !== undefined));
  if (value === undefined) return { value, error };
  const { admits, admits_with_others, has_more, refuses } = value;
  const others = sayOthers(admitted, names, { all: admits, some: admits_with_others });
  const said = {
    ...value,
    sayAdmitted: `${listWho(admitted, names, has_more ? Infinity : admits)}${others}`,
    sayRefused: listWho(refused, names, refuses),
  };
  return { value: said, error };
}

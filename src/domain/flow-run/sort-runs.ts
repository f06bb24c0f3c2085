/** How lists of runs from several places are merged. */
import type { FlowRunSort } from "../../contract/wire/filters.ts";
import type { FlowRun } from "../../contract/wire/flow-runs.ts";

type Key = (run: FlowRun) => string | null;

const SORTS: Record<FlowRunSort, { key: Key; isDescending: boolean }> = {
  ID_DESC: { key: (run) => run.id, isDescending: true },
  START_TIME_ASC: { key: (run) => run.start_time ?? run.expected_start_time, isDescending: false },
  START_TIME_DESC: { key: (run) => run.start_time ?? run.expected_start_time, isDescending: true },
  EXPECTED_START_TIME_ASC: { key: (run) => run.expected_start_time, isDescending: false },
  EXPECTED_START_TIME_DESC: { key: (run) => run.expected_start_time, isDescending: true },
  NAME_ASC: { key: (run) => run.name, isDescending: false },
  NAME_DESC: { key: (run) => run.name, isDescending: true },
  NEXT_SCHEDULED_START_TIME_ASC: { key: (run) => run.next_scheduled_start_time, isDescending: false },
  END_TIME_DESC: { key: (run) => run.end_time, isDescending: true },
};

/** The order of a sort, as the stores have it in SQL; the id makes it total. */
export function compareRuns(sort: FlowRunSort): (left: FlowRun, right: FlowRun) => number {
  const { key, isDescending } = SORTS[sort];
  return (left, right) => {
    // SQLite puts nulls first when it goes up; so does the empty text here.
    const [before, after] = [key(left) ?? "", key(right) ?? ""];
    const order = before < after ? -1 : before > after ? 1 : left.id < right.id ? -1 : 1;
    return isDescending ? -order : order;
  };
}

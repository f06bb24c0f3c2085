/** How lists of runs from several places are merged: by their keys alone, so that only one page of records is read. */
import type { FlowRunSort } from "../../contract/wire/filters.ts";
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import type { TaskRun, TaskRunSort } from "../../contract/wire/task-runs.ts";

/** A run's place in a list. */
export interface RunKey {
  id: string;
  /** What the list is sorted by. */
  key: string | null;
  /** Of its record. */
  bytes: number;
}

/** The fields that lists are ordered by; runs of flows and of tasks have them. */
type Sortable = Pick<
  FlowRun,
  "id" | "name" | "start_time" | "end_time" | "expected_start_time" | "next_scheduled_start_time"
>;

const KEYS: Record<FlowRunSort, (run: Sortable) => string | null> = {
  ID_DESC: ({ id }) => id,
  START_TIME_ASC: (run) => run.start_time ?? run.expected_start_time,
  START_TIME_DESC: (run) => run.start_time ?? run.expected_start_time,
  EXPECTED_START_TIME_ASC: (run) => run.expected_start_time,
  EXPECTED_START_TIME_DESC: (run) => run.expected_start_time,
  NAME_ASC: ({ name }) => name,
  NAME_DESC: ({ name }) => name,
  NEXT_SCHEDULED_START_TIME_ASC: (run) => run.next_scheduled_start_time,
  END_TIME_DESC: ({ end_time }) => end_time,
};

/** The order of a sort, for the records themselves. */
export function compareRuns(sort: FlowRunSort): (left: Sortable, right: Sortable) => number {
  const compare = compareKeys(sort);
  const toKey = (run: Sortable) => ({ id: run.id, key: KEYS[sort](run) });
  return (left, right) => compare(toKey(left), toKey(right));
}

/** The same for task runs, which can also go by how long they have run so far; ties go to what was to begin last. */
export function compareTaskRuns(sort: TaskRunSort): (left: TaskRun, right: TaskRun) => number {
  if (sort !== "DURATION_ASC" && sort !== "DURATION_DESC") return compareRuns(sort);
  const sign = sort === "DURATION_DESC" ? -1 : 1;
  const compareStarts = compareRuns("EXPECTED_START_TIME_DESC");
  return (left, right) =>
    sign * (left.estimated_run_time - right.estimated_run_time) || compareStarts(left, right);
}

type Place = Pick<RunKey, "id" | "key">;

/** The order of a sort, as the stores have it in SQL; the id makes it total. */
export function compareKeys(sort: FlowRunSort): (left: Place, right: Place) => number {
  const isDescending = sort.endsWith("_DESC");
  return (left, right) => {
    // SQLite puts nulls first when it goes up; so does the empty text here.
    const order = compareText(left.key ?? "", right.key ?? "") || (left.id < right.id ? -1 : 1);
    return isDescending ? -order : order;
  };
}

/** One page of runs carries so much at most: an answer of an object, and its memory, have bounds. */
const PAGE_BYTES_MAX = 12 * 1024 * 1024;

/** Says why a page is too large to be answered; undefined when it is not. */
export function findPageFault(page: readonly RunKey[]): string | undefined {
  const bytes = page.reduce((sum, run) => sum + run.bytes, 0);
  if (bytes <= PAGE_BYTES_MAX) return undefined;
  const fitting = Math.max(1, Math.floor((page.length * PAGE_BYTES_MAX) / bytes));
  return `The ${page.length} runs of this page have ${Math.ceil(bytes / 2 ** 20)} MiB together; ask for fewer at a time, such as a limit of ${fitting}.`;
}

/** The runs of a page in its order; those that are gone are left out. */
export function inOrder<Run extends { id: string }>(ids: readonly string[], runs: readonly Run[]): Run[] {
  const found = new Map(runs.map((run) => [run.id, run]));
  return ids.flatMap((id) => found.get(id) ?? []);
}

/** As SQLite compares: by UTF-8 bytes, which is by code points and not by the units that JavaScript goes by. */
function compareText(left: string, right: string): number {
  const length = Math.min(left.length, right.length);
  for (let index = 0; index < length; index += 1) {
    const [before, after] = [left.charCodeAt(index), right.charCodeAt(index)];
    if (before === after) continue;
    const isSmaller = isHalfOfPair(before) === isHalfOfPair(after) ? before < after : isHalfOfPair(after);
    return isSmaller ? -1 : 1;
  }
  return left.length - right.length;
}

/** Characters beyond U+FFFF are two units in JavaScript, both below some that are one. */
function isHalfOfPair(unit: number): boolean {
  return unit >= 0xd8_00 && unit <= 0xdf_ff;
}

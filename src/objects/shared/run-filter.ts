/** The SQL of run filters and sorts: part of the stores that keep runs, all with the same columns. */
import { isBlank } from "../../contract/wire/common.ts";
import type { FlowRunFilter, FlowRunSort, RunFilter } from "../../contract/wire/filters.ts";

export interface Condition {
  sql: string;
  bindings: (string | number)[];
}

/** A condition on runs. */
export interface RunCondition extends Condition {
  /** The index by start does not answer it. */
  isSought: boolean;
  /** The part of it that the index answers; undefined where it names runs, which are found by their ids. */
  times?: Condition;
}

/** Runs that are looked at one by one in the order of their start, before the table is read from end to end. */
const NEAR_MAX = 1000;

const ALWAYS: Condition = { sql: "1", bindings: [] };

/** What each sort goes by. A run's id is ordered by its expected start at creation. */
const KEYS: Record<FlowRunSort, string> = {
  ID_DESC: "id",
  START_TIME_ASC: "coalesce(start_time, expected_start_time)",
  START_TIME_DESC: "coalesce(start_time, expected_start_time)",
  EXPECTED_START_TIME_ASC: "expected_start_time",
  EXPECTED_START_TIME_DESC: "expected_start_time",
  NAME_ASC: "name",
  NAME_DESC: "name",
  NEXT_SCHEDULED_START_TIME_ASC: "next_scheduled_start_time",
  END_TIME_DESC: "end_time",
};

/**
 * A query for the keys of runs in the order of a sort. Ends where LIMIT may follow. For what `isSought` the table is read
 * from end to end: that takes a thirtieth of the time of going to each of its runs by the index.
 */
export function selectKeys(sort: FlowRunSort, where: string, isSought = false): string {
  const columns = `id, ${KEYS[sort]} AS key, octet_length(record) AS bytes`;
  // A plus keeps the index out of it.
  const plus = isSought && KEYS[sort] === "expected_start_time" ? "+" : "";
  return `SELECT ${columns} FROM flow_run WHERE ${where} ORDER BY ${plus}${orderOf(sort)}`;
}

/**
 * The same query for the first runs by their start only, for sorts that go by it: what is found there comes before all
 * others. Undefined for the other sorts.
 */
export function selectNearKeys(
  sort: FlowRunSort,
  { sql, bindings, times }: RunCondition,
): Condition | undefined {
  if (times === undefined || KEYS[sort] !== "expected_start_time") return undefined;
  const near = `SELECT id FROM flow_run WHERE ${times.sql} ORDER BY ${orderOf(sort)} LIMIT ${NEAR_MAX}`;
  const where = `id IN (${near}) AND ${sql}`;
  return { sql: selectKeys(sort, where, true), bindings: [...times.bindings, ...bindings] };
}

/** How a sort orders; the id makes it total. */
export function orderOf(sort: FlowRunSort): string {
  const direction = sort.endsWith("_DESC") ? "DESC" : "ASC";
  return sort === "ID_DESC" ? "id DESC" : `${KEYS[sort]} ${direction}, id ${direction}`;
}

/** All of the conditions that there are, or any of them; none at all lets every row through. */
export function join(
  conditions: readonly (Condition | undefined)[],
  operator: "and_" | "or_" | null | undefined,
): Condition {
  const real = conditions.filter((condition) => condition !== undefined);
  if (real.length === 0) return ALWAYS;
  return {
    sql: `(${real.map(({ sql }) => sql).join(operator === "or_" ? " OR " : " AND ")})`,
    bindings: real.flatMap(({ bindings }) => bindings),
  };
}

/** One of a list; undefined where there is no list. */
export function anyOf(column: string, list: readonly string[] | null | undefined): Condition | undefined {
  if (list === null || list === undefined) return undefined;
  return { sql: `${column} IN (SELECT value FROM json_each(?))`, bindings: [JSON.stringify(list)] };
}

/** A queue of the pool, by the name that it has now. */
export interface KnownQueue {
  id: string;
  name: string;
}

/** A queue may have been renamed since its runs were made. */
function inQueues(
  names: readonly string[] | null | undefined,
  queues: readonly KnownQueue[],
): Condition | undefined {
  if (names === null || names === undefined) return undefined;
  return anyOf(
    "queue_id",
    queues.filter(({ name }) => names.includes(name)).map(({ id }) => id),
  );
}

function inQueuesThatBegin(
  prefixes: readonly string[] | null | undefined,
  queues: readonly KnownQueue[],
): Condition | undefined {
  if (prefixes === null || prefixes === undefined) return undefined;
  return anyOf(
    "queue_id",
    queues.filter(({ name }) => prefixes.some((prefix) => name.startsWith(prefix))).map(({ id }) => id),
  );
}

/** An empty `not_any_` means nothing at all (source: wire §4.11). */
function noneOf(column: string, list: readonly string[] | null | undefined): Condition | undefined {
  if (list === null || list === undefined || list.length === 0) return undefined;
  return {
    sql: `coalesce(${column}, '') NOT IN (SELECT value FROM json_each(?))`,
    bindings: [JSON.stringify(list)],
  };
}

/** Null or not, as wanted. */
export function isNull(column: string, wanted: boolean | null | undefined): Condition | undefined {
  if (wanted === null || wanted === undefined) return undefined;
  return { sql: `${column} IS ${wanted ? "" : "NOT "}NULL`, bindings: [] };
}

/** Holds a text, in upper or lower case. */
export function contains(column: string, text: string | null | undefined): Condition | undefined {
  if (text === null || text === undefined) return undefined;
  return { sql: `instr(lower(${column}), lower(?)) > 0`, bindings: [text] };
}

/** Between two instants, both included. */
export function within(
  column: string,
  filter:
    | {
        before_?: string | null | undefined;
        after_?: string | null | undefined;
        is_null_?: boolean | null | undefined;
      }
    | null
    | undefined,
): Condition | undefined {
  if (filter === null || filter === undefined) return undefined;
  const { before_, after_, is_null_ } = filter;
  return join(
    [
      typeof before_ === "string" ? { sql: `${column} <= ?`, bindings: [before_] } : undefined,
      typeof after_ === "string" ? { sql: `${column} >= ?`, bindings: [after_] } : undefined,
      isNull(column, is_null_),
    ],
    "and_",
  );
}

/** All or any of some tags, or none at all. */
export function withTags(tags: FlowRunFilter["tags"]): Condition | undefined {
  if (tags === null || tags === undefined) return undefined;
  const { all_, any_, is_null_ } = tags;
  const matching =
    "(SELECT count(DISTINCT tag.value) FROM json_each(record, '$.tags') tag WHERE tag.value IN (SELECT value FROM json_each(?)))";
  return join(
    [
      all_ === null || all_ === undefined || all_.length === 0
        ? undefined
        : { sql: `${matching} = ?`, bindings: [JSON.stringify(all_), new Set(all_).size] },
      any_ === null || any_ === undefined
        ? undefined
        : { sql: `${matching} > 0`, bindings: [JSON.stringify(any_)] },
      is_null_ === null || is_null_ === undefined
        ? undefined
        : { sql: `json_array_length(record, '$.tags') ${is_null_ ? "=" : ">"} 0`, bindings: [] },
    ],
    tags.operator,
  );
}

function ofRuns(filter: FlowRunFilter, queues: readonly KnownQueue[], start: string): Condition {
  const { state, created_by } = filter;
  return join(
    [
      filter.id && join([anyOf("id", filter.id.any_), noneOf("id", filter.id.not_any_)], "and_"),
      filter.name && join([anyOf("name", filter.name.any_), contains("name", filter.name.like_)], "and_"),
      withTags(filter.tags),
      filter.deployment_id &&
        join(
          [
            anyOf("deployment_id", filter.deployment_id.any_),
            isNull("deployment_id", filter.deployment_id.is_null_),
          ],
          filter.deployment_id.operator,
        ),
      filter.work_queue_name &&
        join(
          [
            inQueues(filter.work_queue_name.any_, queues),
            isNull("queue_id", filter.work_queue_name.is_null_),
          ],
          filter.work_queue_name.operator,
        ),
      state &&
        join(
          [
            state.type &&
              join([anyOf("state_type", state.type.any_), noneOf("state_type", state.type.not_any_)], "and_"),
            state.name &&
              join([anyOf("state_name", state.name.any_), noneOf("state_name", state.name.not_any_)], "and_"),
          ].map((condition) => condition ?? undefined),
          state.operator,
        ),
      filter.flow_version && anyOf("record ->> '$.flow_version'", filter.flow_version.any_),
      within("start_time", filter.start_time),
      within("end_time", filter.end_time),
      within(start, filter.expected_start_time),
      within("next_scheduled_start_time", filter.next_scheduled_start_time),
      filter.parent_task_run_id &&
        join(
          [
            anyOf("record ->> '$.parent_task_run_id'", filter.parent_task_run_id.any_),
            isNull("record ->> '$.parent_task_run_id'", filter.parent_task_run_id.is_null_),
          ],
          filter.parent_task_run_id.operator,
        ),
      // Which run a parent task belongs to is known by its journal only: whoever asks resolves it before.
      filter.parent_flow_run_id?.any_ ? { sql: "0", bindings: [] } : undefined,
      filter.idempotency_key &&
        join(
          [
            anyOf("record ->> '$.idempotency_key'", filter.idempotency_key.any_),
            noneOf("record ->> '$.idempotency_key'", filter.idempotency_key.not_any_),
          ],
          "and_",
        ),
      created_by &&
        join(
          [
            anyOf("record ->> '$.created_by.id'", created_by.id_),
            anyOf("record ->> '$.created_by.type'", created_by.type_),
            isNull("record ->> '$.created_by.type'", created_by.is_null_),
          ],
          created_by.operator,
        ),
      filter.worker_name && anyOf(`record ->> '$.labels."prefect.worker.name"'`, filter.worker_name.any_),
    ].map((condition) => condition ?? undefined),
    filter.operator,
  );
}

/** Tells whether a filter names queues, which only their pool can resolve. */
export function namesQueues(filter: RunFilter): boolean {
  return (
    filter.work_queue_names !== undefined ||
    filter.work_queue_name_prefixes !== undefined ||
    typeof filter.flow_runs?.work_queue_name === "object"
  );
}

/** Tells whether a filter says nothing but when runs are expected to start. */
function saysOnlyTimes({ flow_runs, ...others }: RunFilter): boolean {
  const { expected_start_time: _times, ...conditions } = flow_runs ?? {};
  return isBlank(others) && isBlank(conditions);
}

/** Writes a filter as the condition of a WHERE clause. */
export function toCondition(filter: RunFilter, queues: readonly KnownQueue[]): RunCondition {
  if (saysOnlyTimes(filter))
    return { ...writeFilter(filter, queues, "expected_start_time"), isSought: false };
  const { operator, id, expected_start_time } = filter.flow_runs ?? {};
  const times = operator === "or_" ? undefined : within("expected_start_time", expected_start_time);
  const namesRuns = filter.run_ids !== undefined || (id?.any_ ?? null) !== null;
  return {
    ...writeFilter(filter, queues, "+expected_start_time"),
    isSought: true,
    ...(!namesRuns && { times: times ?? ALWAYS }),
  };
}

function writeFilter(filter: RunFilter, queues: readonly KnownQueue[], start: string): Condition {
  return join(
    [
      filter.flow_runs ? ofRuns(filter.flow_runs, queues, start) : undefined,
      anyOf("id", filter.run_ids),
      anyOf("flow_id", filter.flow_ids),
      anyOf("deployment_id", filter.deployment_ids),
      anyOf("queue_id", filter.work_queue_ids),
      inQueues(filter.work_queue_names, queues),
      inQueuesThatBegin(filter.work_queue_name_prefixes, queues),
    ],
    "and_",
  );
}

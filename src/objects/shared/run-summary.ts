/** The SQL that counts runs by state and stretch of time: part of the stores that keep runs, all with the same columns. */
import type { Intervals, RunSummary } from "../../contract/wire/run-summaries.ts";
import { TERMINAL_TYPES } from "../../contract/wire/states.ts";
import { formatInstant } from "../../contract/instants.ts";
import type { Condition } from "./run-filter.ts";
import type { Sql } from "./sql.ts";

/** Groups that one store answers. */
const SUMMARIES_MAX = 10_000;
const seconds = (column: string) => `unixepoch(${column}, 'subsec')`;

/** Sums are of each run as it is at `now`, in milliseconds. Without intervals all runs are in the first one. */
export function summarizeRuns(
  sql: Sql,
  condition: Condition,
  { intervals, now }: { intervals: Intervals | null; now: number },
): RunSummary[] {
  const interval =
    intervals === null
      ? { sql: "0", bindings: [] }
      : {
          sql: `CAST((${seconds("expected_start_time")} - ?) / ? AS INTEGER)`,
          bindings: [intervals.starts_at / 1000, intervals.interval_ms / 1000],
        };
  const within =
    intervals === null
      ? { sql: "1", bindings: [] }
      : {
          sql: "expected_start_time >= ? AND expected_start_time < ?",
          bindings: [formatInstant(intervals.starts_at), formatInstant(intervals.ends_at)],
        };
  const ended = [...TERMINAL_TYPES].map((type) => `'${type}'`).join(", ");
  return sql.all<RunSummary>(
    `SELECT ${interval.sql} AS "interval", state_type, state_name, count(*) AS count_runs,
       sum(json_extract(record, '$.total_run_time') + CASE WHEN state_type = 'RUNNING'
         THEN max(0.0, ? - ${seconds("json_extract(record, '$.state.timestamp')")}) ELSE 0.0 END)
         AS sum_estimated_run_time,
       sum(CASE WHEN start_time IS NOT NULL
           THEN coalesce(max(0.0, ${seconds("start_time")} - ${seconds("expected_start_time")}), 0.0)
         WHEN expected_start_time IS NULL OR state_type IN (${ended}) THEN 0.0
         ELSE max(0.0, ? - ${seconds("expected_start_time")}) END) AS sum_estimated_lateness
     FROM flow_run WHERE ${condition.sql} AND ${within.sql}
     GROUP BY "interval", state_type, state_name LIMIT ?`,
    ...interval.bindings,
    now / 1000,
    now / 1000,
    ...condition.bindings,
    ...within.bindings,
    SUMMARIES_MAX,
  );
}

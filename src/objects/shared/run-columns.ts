/** The columns that every store of runs has, beside the record: `run-filter.ts` filters and sorts by them. */
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import type { SqlValue } from "./sql.ts";

const COLUMNS = {
  id: (run) => run.id,
  flow_id: (run) => run.flow_id,
  deployment_id: (run) => run.deployment_id,
  queue_id: (run) => run.work_queue_id,
  name: (run) => run.name,
  state_type: (run) => run.state_type,
  state_name: (run) => run.state_name,
  expected_start_time: (run) => run.expected_start_time,
  next_scheduled_start_time: (run) => run.next_scheduled_start_time,
  start_time: (run) => run.start_time,
  end_time: (run) => run.end_time,
  record: (run) => JSON.stringify(run),
} satisfies Record<string, (run: FlowRun) => SqlValue>;

/** Their names, as an INSERT lists them. */
export const RUN_COLUMNS = Object.keys(COLUMNS).join(", ");
/** As many placeholders. */
export const RUN_PLACEHOLDERS = Object.keys(COLUMNS)
  .map(() => "?")
  .join(", ");

/** What a run has in them, in the same order. */
export function runBindings(run: FlowRun): SqlValue[] {
  return Object.values(COLUMNS).map((read) => read(run));
}

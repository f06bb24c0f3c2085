/** SQL of the finished runs that a journal keeps, with the columns that `shared/run-filter.ts` filters by. */
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import type { State } from "../../contract/wire/states.ts";
import type { KeptRun } from "../shared/kept-run.ts";
import type { Condition } from "../shared/run-filter.ts";
import { first, type Sql } from "../shared/sql.ts";

/** Finished runs with their states; nothing here changes them. */
export class KeptRunStore {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** Keeps a run; one that left its pool earlier does not replace one that left it later. */
  writeRun({ run, priority, fence, states, moved_at }: KeptRun): void {
    this.#sql.all("DELETE FROM flow_run WHERE id = ? AND moved_at <= ?", run.id, moved_at);
    this.#sql.all(
      `INSERT OR IGNORE INTO flow_run (id, flow_id, deployment_id, queue_id, name, state_type, state_name,
         expected_start_time, next_scheduled_start_time, start_time, end_time, priority, fence, moved_at, states, record)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      run.id,
      run.flow_id,
      run.deployment_id,
      run.work_queue_id,
      run.name,
      run.state_type,
      run.state_name,
      run.expected_start_time,
      run.next_scheduled_start_time,
      run.start_time,
      run.end_time,
      priority,
      fence,
      moved_at,
      JSON.stringify(states),
      JSON.stringify(run),
    );
  }

  readRun(id: string): KeptRun | undefined {
    const row = first<{ priority: number; fence: number; moved_at: number; states: string; record: string }>(
      this.#sql,
      "SELECT priority, fence, moved_at, states, record FROM flow_run WHERE id = ?",
      id,
    );
    if (row === undefined) return undefined;
    const { states, record, ...rest } = row;
    return { ...rest, states: JSON.parse(states) as State[], run: JSON.parse(record) as FlowRun };
  }

  /** Drops the copy that left its pool at `moved_at`, or an earlier one. */
  deleteRun(id: string, moved_at: number): void {
    this.#sql.all("DELETE FROM flow_run WHERE id = ? AND moved_at <= ?", id, moved_at);
  }

  filterRuns(condition: Condition, order: string, limit: number): FlowRun[] {
    return this.#sql
      .all<{ record: string }>(
        `SELECT record FROM flow_run WHERE ${condition.sql} ORDER BY ${order} LIMIT ?`,
        ...condition.bindings,
        limit,
      )
      .map(({ record }) => JSON.parse(record) as FlowRun);
  }

  countRuns(condition: Condition): number {
    return (
      first<{ count: number }>(
        this.#sql,
        `SELECT count(*) AS count FROM flow_run WHERE ${condition.sql}`,
        ...condition.bindings,
      )?.count ?? 0
    );
  }
}

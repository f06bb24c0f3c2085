/** SQL of the finished runs that a journal keeps, with the columns that `shared/run-filter.ts` filters by. */
import type { FlowRunSort } from "../../contract/wire/filters.ts";
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import type { RunLease } from "../../contract/wire/limits.ts";
import type { RunInput } from "../../contract/wire/run-inputs.ts";
import type { Intervals, RunSummary } from "../../contract/wire/run-summaries.ts";
import type { State } from "../../contract/wire/states.ts";
import type { RunKey } from "../../domain/flow-run/sort-runs.ts";
import type { KeptRun } from "../shared/kept-run.ts";
import { RUN_COLUMNS, RUN_PLACEHOLDERS, runBindings } from "../shared/run-columns.ts";
import { selectKeys, type Condition, type RunCondition } from "../shared/run-filter.ts";
import { summarizeRuns } from "../shared/run-summary.ts";
import { first, type Sql } from "../shared/sql.ts";

const NOT_EXCEPTED = "id NOT IN (SELECT value FROM json_each(?))";

/** Finished runs with their states; nothing here changes them. */
export class KeptRunStore {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** Keeps a run; one that left its pool earlier does not replace one that left it later. */
  writeRun({ run, priority, fence, states, inputs = [], leases = [], moved_at }: KeptRun): void {
    this.#sql.all("DELETE FROM flow_run WHERE id = ? AND moved_at <= ?", run.id, moved_at);
    this.#sql.all(
      `INSERT OR IGNORE INTO flow_run (${RUN_COLUMNS}, priority, fence, moved_at, states, inputs, leases)
       VALUES (${RUN_PLACEHOLDERS}, ?, ?, ?, ?, ?, ?)`,
      ...runBindings(run),
      priority,
      fence,
      moved_at,
      JSON.stringify(states),
      JSON.stringify(inputs),
      JSON.stringify(leases),
    );
  }

  readRun(id: string): KeptRun | undefined {
    const row = first<{
      priority: number;
      fence: number;
      moved_at: number;
      states: string;
      inputs: string;
      leases: string;
      record: string;
    }>(
      this.#sql,
      "SELECT priority, fence, moved_at, states, inputs, leases, record FROM flow_run WHERE id = ?",
      id,
    );
    if (row === undefined) return undefined;
    const { states, inputs, leases, record, ...rest } = row;
    return {
      ...rest,
      states: JSON.parse(states) as State[],
      inputs: JSON.parse(inputs) as RunInput[],
      leases: JSON.parse(leases) as RunLease[],
      run: JSON.parse(record) as FlowRun,
    };
  }

  /** One state by its id alone. A scan: nobody asks often. */
  findState(id: string): State | undefined {
    const row = first<{ states: string }>(
      this.#sql,
      "SELECT states FROM flow_run WHERE instr(states, ?) > 0 LIMIT 1",
      JSON.stringify(id),
    );
    return row && (JSON.parse(row.states) as State[]).find((state) => state.id === id);
  }

  /** Drops the copy that left its pool at `moved_at`, or an earlier one. */
  deleteRun(id: string, moved_at: number): void {
    this.#sql.all("DELETE FROM flow_run WHERE id = ? AND moved_at <= ?", id, moved_at);
  }

  readRuns(ids: readonly string[]): FlowRun[] {
    return this.#sql
      .all<{ record: string }>(
        "SELECT record FROM flow_run WHERE id IN (SELECT value FROM json_each(?))",
        JSON.stringify(ids),
      )
      .map(({ record }) => JSON.parse(record) as FlowRun);
  }

  listKeys(condition: RunCondition, except: readonly string[], sort: FlowRunSort, limit: number): RunKey[] {
    return this.#sql.all<RunKey>(
      `${selectKeys(sort, `${condition.sql} AND ${NOT_EXCEPTED}`, condition.isSought)} LIMIT ?`,
      ...condition.bindings,
      JSON.stringify(except),
      limit,
    );
  }

  summarizeRuns(
    condition: Condition,
    except: readonly string[],
    span: { intervals: Intervals | null; now: number },
  ): RunSummary[] {
    const sql = `${condition.sql} AND ${NOT_EXCEPTED}`;
    const bindings = [...condition.bindings, JSON.stringify(except)];
    return summarizeRuns(this.#sql, { sql, bindings }, span);
  }

  countRuns(condition: Condition, except: readonly string[]): number {
    return (
      first<{ count: number }>(
        this.#sql,
        `SELECT count(*) AS count FROM flow_run WHERE ${condition.sql} AND ${NOT_EXCEPTED}`,
        ...condition.bindings,
        JSON.stringify(except),
      )?.count ?? 0
    );
  }
}

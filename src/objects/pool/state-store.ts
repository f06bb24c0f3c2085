/** SQL of the states that runs have had. */
import type { RunIdentity } from "../../contract/wire/limits.ts";
import type { State } from "../../contract/wire/states.ts";
import { first, type Sql } from "../shared/sql.ts";

/** States are written once and never changed. */
export class StateStore {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** Writes a state. False: who has said so is not the run's live attempt, and nothing was written (promise I6). */
  writeState(flow_run_id: string, state: State, speaker: RunIdentity | null = null): boolean {
    const written = this.#sql.all(
      `INSERT OR IGNORE INTO state (flow_run_id, id, record) SELECT ?1, ?2, ?3
         WHERE ?4 IS NULL OR EXISTS (SELECT 1 FROM active WHERE run_id = ?1 AND attempt_id = ?4 AND fence = ?5)
         RETURNING 1`,
      flow_run_id,
      state.id,
      JSON.stringify(state),
      speaker?.attempt_id ?? null,
      speaker?.fence ?? null,
    );
    return speaker === null || written.length > 0;
  }

  /** The states of a run in their order: a state's id rises with its time. */
  listStates(flow_run_id: string, limit: number): State[] {
    return this.#sql
      .all<{ record: string }>(
        `SELECT record FROM state WHERE flow_run_id = ? ORDER BY record ->> '$.timestamp', id LIMIT ?`,
        flow_run_id,
        limit,
      )
      .map(({ record }) => JSON.parse(record) as State);
  }

  /** Tells whether a run has made a transition that its caller gave this id. */
  hasTransition(flow_run_id: string, transition_id: string): boolean {
    const sql = `SELECT 1 FROM state
      WHERE flow_run_id = ? AND record ->> '$.state_details.transition_id' = ? LIMIT 1`;
    return first(this.#sql, sql, flow_run_id, transition_id) !== undefined;
  }

  /** One state by its id alone. A scan: nobody asks often, and an index would cost a row with every state. */
  readState(id: string): State | undefined {
    const row = first<{ record: string }>(this.#sql, "SELECT record FROM state WHERE id = ? LIMIT 1", id);
    return row && (JSON.parse(row.record) as State);
  }
}

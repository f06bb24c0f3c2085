/** SQL of what a pool knows of its runs' deployments, and of the questions to their limits that wait for an answer. */
import { first, type Sql } from "../shared/sql.ts";
import type { DeploymentNote } from "./operations.ts";
import type { Flags } from "./rows.ts";

/** Notes of deployments by their revision, and intents by the request that answers them. */
export class DeploymentStore {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  readDeployment(deployment_id: string): (DeploymentNote & { is_removed: boolean }) | undefined {
    const row = first<Flags<DeploymentNote & { is_removed: boolean }, "is_removed">>(
      this.#sql,
      "SELECT * FROM deployment WHERE deployment_id = ?",
      deployment_id,
    );
    return row && { ...row, is_removed: row.is_removed === 1 };
  }

  writeDeployment(note: DeploymentNote, is_removed: boolean): void {
    this.#sql.all(
      `INSERT OR REPLACE INTO deployment
         (deployment_id, revision, concurrency_limit, collision_strategy, grace_period_seconds, is_removed)
       VALUES (?, ?, ?, ?, ?, ?)`,
      note.deployment_id,
      note.revision,
      note.concurrency_limit,
      note.collision_strategy,
      note.grace_period_seconds,
      Number(is_removed),
    );
  }

  writeIntent(id: string, run_id: string, body: unknown, created_at: number): void {
    this.#sql.all(
      "INSERT INTO intent (id, run_id, body, created_at) VALUES (?, ?, ?, ?)",
      id,
      run_id,
      JSON.stringify(body),
      created_at,
    );
  }

  takeIntent<Body>(id: string): { run_id: string; body: Body } | undefined {
    const row = first<{ run_id: string; body: string }>(
      this.#sql,
      "DELETE FROM intent WHERE id = ? RETURNING run_id, body",
      id,
    );
    return row && { run_id: row.run_id, body: JSON.parse(row.body) as Body };
  }
}

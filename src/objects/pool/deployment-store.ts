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

  /** When the process that serves a deployment last asked for its runs, for those of whom that is known. */
  listPolls(deployment_ids: readonly string[]): { deployment_id: string; last_polled: number }[] {
    return this.#sql.all(
      "SELECT deployment_id, last_polled FROM served WHERE deployment_id IN (SELECT value FROM json_each(?))",
      JSON.stringify(deployment_ids),
    );
  }

  /** The deployments that a process serves, or has served. */
  listServed(): { deployment_id: string; last_polled: number }[] {
    return this.#sql.all("SELECT deployment_id, last_polled FROM served");
  }

  /**
   * Keeps that these deployments were polled, of those that are known here whose last poll is older than `before`, and
   * says which these were.
   */
  setPolled(deployment_ids: readonly string[], at: number, before: number): string[] {
    const polled = this.#sql.all<{ deployment_id: string }>(
      `INSERT INTO served (deployment_id, last_polled)
         SELECT deployment_id, ?1 FROM deployment WHERE deployment_id IN (SELECT value FROM json_each(?2))
       ON CONFLICT (deployment_id) DO UPDATE SET last_polled = ?1 WHERE last_polled < ?3
       RETURNING deployment_id`,
      at,
      JSON.stringify(deployment_ids),
      before,
    );
    return polled.map(({ deployment_id }) => deployment_id);
  }

  deletePolls(deployment_id: string): void {
    this.#sql.all("DELETE FROM served WHERE deployment_id = ?", deployment_id);
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

  /** Tells whether the answer to a request is still awaited. */
  hasIntent(id: string): boolean {
    return first(this.#sql, "SELECT 1 FROM intent WHERE id = ?", id) !== undefined;
  }

  /** Tells whether a run that was to be claimed still awaits the answer of its deployment's limit. */
  hasSlotIntent(): boolean {
    return first(this.#sql, "SELECT 1 FROM intent WHERE body ->> 'kind' = 'slot' LIMIT 1") !== undefined;
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

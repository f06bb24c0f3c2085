/** SQL of which runs have moved to their day's journal. */
import { first, type Sql } from "../shared/sql.ts";

/** One row for each run that has left, so that an id that was made up asks no journal. */
export class MovedStore {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  hasMoved(run_id: string): boolean {
    return first(this.#sql, "SELECT 1 FROM moved WHERE run_id = ?", run_id) !== undefined;
  }

  /**
   * Runs that a journal may have a copy of which does not count: one on its way there or back. They are read off the
   * effects that are still to be acknowledged, see `journals.ts`; there are few.
   */
  listInDoubt(): string[] {
    return this.#sql
      .all<{ run_id: string }>(
        `SELECT DISTINCT substr(request_id, 1, 36) AS run_id FROM outbox WHERE operation IN ('keep_run', 'drop_run')`,
      )
      .map(({ run_id }) => run_id);
  }

  writeMoved(run_id: string, day: string): void {
    this.#sql.all("INSERT OR IGNORE INTO moved (run_id) VALUES (?)", run_id);
    this.#sql.all("INSERT OR IGNORE INTO moved_day (day) VALUES (?)", day);
  }

  deleteMoved(run_id: string): void {
    this.#sql.all("DELETE FROM moved WHERE run_id = ?", run_id);
  }

  /** The days that have a journal with runs of this pool. */
  listDays(): string[] {
    return this.#sql.all<{ day: string }>("SELECT day FROM moved_day").map(({ day }) => day);
  }

  /** Forgets a day and its runs, those with ids from `first_id` on and before `end_id`, and their idempotency keys. */
  deleteDay(day: string, first_id: string, end_id: string): void {
    this.#sql.all("DELETE FROM moved_day WHERE day = ?", day);
    this.#sql.all("DELETE FROM moved WHERE run_id >= ? AND run_id < ?", first_id, end_id);
    this.#sql.all("DELETE FROM idempotency WHERE run_id >= ? AND run_id < ?", first_id, end_id);
  }
}

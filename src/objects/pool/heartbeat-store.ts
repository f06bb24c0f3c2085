/** SQL of how often the processes of runs say that they live: one row for each run that ever did. */
import { first, type Sql } from "../shared/sql.ts";

/** Prefect's default (source: its setting `flows.heartbeat_frequency`). */
const HEARTBEAT_MS_DEFAULT = 180_000;
/** A process that missed this many heartbeats is silent. */
const HEARTBEATS_MISSED_MAX = 3;

export interface HeartbeatRow {
  run_id: string;
  /** Milliseconds since the epoch of the first heartbeat. */
  first_at: number;
  /** Milliseconds between two of them; null while there was only one. */
  interval_ms: number | null;
}

export class HeartbeatStore {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  read(run_id: string): HeartbeatRow | undefined {
    return first<HeartbeatRow & Record<string, never>>(
      this.#sql,
      "SELECT run_id, first_at, interval_ms FROM heartbeat WHERE run_id = ?",
      run_id,
    );
  }

  write({ run_id, first_at, interval_ms }: HeartbeatRow): void {
    this.#sql.all(
      `INSERT INTO heartbeat (run_id, first_at, interval_ms) VALUES (?, ?, ?)
         ON CONFLICT (run_id) DO UPDATE SET interval_ms = excluded.interval_ms`,
      run_id,
      first_at,
      interval_ms,
    );
  }

  delete(run_id: string): void {
    this.#sql.all("DELETE FROM heartbeat WHERE run_id = ?", run_id);
  }

  /** The silence, in milliseconds, after which the process of a run is taken for dead; undefined where it sends none. */
  silenceOf(run_id: string): number | undefined {
    const row = this.read(run_id);
    return row && HEARTBEATS_MISSED_MAX * (row.interval_ms ?? HEARTBEAT_MS_DEFAULT);
  }
}

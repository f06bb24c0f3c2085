/** SQL of who runs what: the runs that hold slots, the attempts that have ended, the limits that an attempt has asked. */
import { first, type Sql, type SqlValue } from "../shared/sql.ts";
import type { WrittenDeadlines } from "../shared/written-deadlines.ts";
import type { ActiveRow, Row } from "./rows.ts";

const ACTIVE_COLUMNS =
  "run_id, queue_id, attempt_id, session_id, worker_name, fence, is_started, deadline_at";

/** At most one row of `active` per run is promise I3. */
export class AttemptStore {
  readonly #sql: Sql;
  readonly #deadlines: WrittenDeadlines;

  constructor(sql: Sql, deadlines: WrittenDeadlines) {
    [this.#sql, this.#deadlines] = [sql, deadlines];
  }

  readActive(run_id: string): ActiveRow | undefined {
    const row = first<Row>(this.#sql, "SELECT * FROM active WHERE run_id = ?", run_id);
    return row && toActive(row);
  }

  /** Everything that holds slots: as many rows as runs are under way, whatever the backlog. */
  listActive(): ActiveRow[] {
    return this.#sql.all<Row>("SELECT * FROM active").map(toActive);
  }

  listActiveOfWorker(worker_name: string): ActiveRow[] {
    return this.#sql.all<Row>("SELECT * FROM active WHERE worker_name = ?", worker_name).map(toActive);
  }

  /** How many slots are taken, by queue. A cancelled run has its slot until its process is gone, unlike Prefect's. */
  countActiveByQueue(): Map<string, number> {
    return this.#countActiveBy("queue_id");
  }

  /** How many runs each worker has. */
  countActiveByWorker(): Map<string, number> {
    return this.#countActiveBy("worker_name");
  }

  #countActiveBy(column: "queue_id" | "worker_name"): Map<string, number> {
    return new Map(
      this.#sql
        .all<{ of: string; count: number }>(
          `SELECT ${column} AS "of", count(*) AS count FROM active WHERE ${column} IS NOT NULL GROUP BY ${column}`,
        )
        .map(({ of, count }) => [of, count] as const),
    );
  }

  /** How many runs of these deployments hold a slot of their deployment's limit, or are about to. */
  countActiveByDeployment(deployment_ids: readonly string[]): Map<string, number> {
    return new Map(
      this.#sql
        .all<{ deployment_id: string; count: number }>(
          `SELECT r.deployment_id, count(*) AS count FROM active a CROSS JOIN flow_run r ON r.id = a.run_id
             WHERE r.deployment_id IN (SELECT value FROM json_each(?)) GROUP BY r.deployment_id`,
          JSON.stringify(deployment_ids),
        )
        .map(({ deployment_id, count }) => [deployment_id, count] as const),
    );
  }

  /** Gives a run to an attempt; false where it has one (promise I3), or where the fence is not above the run's (I4). */
  beginAttempt(active: ActiveRow & { fence: number; deadline_at: number }): boolean {
    this.#deadlines.note(active.deadline_at);
    return (
      this.#sql.all(
        `INSERT INTO active (${ACTIVE_COLUMNS})
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8 FROM flow_run WHERE id = ?1 AND fence < ?6
         ON CONFLICT (run_id) DO NOTHING RETURNING run_id`,
        ...activeValues(active),
      ).length > 0
    );
  }

  writeActive(active: ActiveRow): void {
    if (active.deadline_at !== null) this.#deadlines.note(active.deadline_at);
    this.#sql.all(
      `INSERT INTO active (${ACTIVE_COLUMNS})
       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
       ON CONFLICT (run_id) DO UPDATE SET queue_id = ?2, session_id = ?4, is_started = ?7, deadline_at = ?8
         WHERE attempt_id IS ?3 AND fence IS ?6`,
      ...activeValues(active),
    );
  }

  /** Ends exactly this attempt; one with another fence stays (promise I6). */
  deleteAttempt(run_id: string, attempt_id: string, fence: number): boolean {
    return (
      this.#sql.all(
        "DELETE FROM active WHERE run_id = ? AND attempt_id = ? AND fence = ? RETURNING run_id",
        run_id,
        attempt_id,
        fence,
      ).length > 0
    );
  }

  /** Takes away the row of a run that no attempt of ours holds. */
  deleteSubmitted(run_id: string): void {
    this.#sql.all("DELETE FROM active WHERE run_id = ? AND attempt_id IS NULL", run_id);
  }

  /** The earliest deadline of an attempt's own. */
  earliestActiveDeadline(): number | undefined {
    return (
      first<{ at: number | null }>(this.#sql, "SELECT min(deadline_at) AS at FROM active")?.at ?? undefined
    );
  }

  listActiveOverdue(at: number, limit: number): ActiveRow[] {
    return this.#sql.all<Row>("SELECT * FROM active WHERE deadline_at <= ? LIMIT ?", at, limit).map(toActive);
  }

  /** The earliest end of a session that attempts depend on; idle agents cost no alarm. */
  earliestSessionDeadline(): number | undefined {
    return (
      first<{ at: number | null }>(
        this.#sql,
        `SELECT min(session_deadline) AS at FROM worker w WHERE session_id IS NOT NULL AND EXISTS
           (SELECT 1 FROM active a WHERE a.worker_name = w.name AND a.session_id = w.session_id AND a.deadline_at IS NULL)`,
      )?.at ?? undefined
    );
  }

  /** Attempts that only their session's deadline protects, and whose session ended before `at`. */
  listLost(at: number, limit: number): ActiveRow[] {
    return this.#sql
      .all<Row>(
        `SELECT a.* FROM active a JOIN worker w ON w.name = a.worker_name AND w.session_id = a.session_id
           WHERE a.deadline_at IS NULL AND w.session_deadline <= ? LIMIT ?`,
        at,
        limit,
      )
      .map(toActive);
  }

  /**
   * The clock was put forward at `at`: what was to end later than it seems now lasts from then on as long as it was given
   * for, sessions and the deadlines of attempts alike. Doing it again changes nothing.
   */
  raiseDeadlines(at: number, of: { silence_ms: number; start_ms: number; grace_ms: number }): void {
    this.#sql.all(
      `UPDATE worker SET session_deadline = ?1 + session_seconds * 1000
         WHERE session_deadline < ?1 + session_seconds * 1000`,
      at,
    );
    const session = "(SELECT session_seconds * 1000 FROM worker WHERE name = worker_name)";
    const lasts = `CASE WHEN attempt_id IS NULL THEN ?2
      WHEN is_started = 0 THEN max(?3, coalesce(${session}, 0) + ?4) ELSE coalesce(${session}, ?3) END`;
    this.#sql.all(
      `UPDATE active SET deadline_at = ?1 + ${lasts} WHERE deadline_at < ?1 + ${lasts}`,
      at,
      of.silence_ms,
      of.start_ms,
      of.grace_ms,
    );
  }

  writeEndedAttempt(attempt_id: string, run_id: string, ended_at: number): void {
    this.#sql.all(
      "INSERT OR IGNORE INTO ended_attempt (attempt_id, run_id, ended_at) VALUES (?, ?, ?)",
      attempt_id,
      run_id,
      ended_at,
    );
  }

  listEnded(attempt_ids: readonly string[]): Set<string> {
    return new Set(
      this.#sql
        .all<{ attempt_id: string }>(
          "SELECT attempt_id FROM ended_attempt WHERE attempt_id IN (SELECT value FROM json_each(?))",
          JSON.stringify(attempt_ids),
        )
        .map(({ attempt_id }) => attempt_id),
    );
  }

  deleteEndedBefore(at: number): void {
    this.#sql.all("DELETE FROM ended_attempt WHERE ended_at < ?", at);
  }

  /** Keeps that an attempt has asked a limit; true when that is news. */
  writeNote(attempt_id: string, limit_key: string): boolean {
    return (
      this.#sql.all(
        "INSERT OR IGNORE INTO note (attempt_id, limit_key) VALUES (?, ?) RETURNING attempt_id",
        attempt_id,
        limit_key,
      ).length > 0
    );
  }

  /** The limits that an attempt has asked, at most `limit` of them. */
  listNotes(attempt_id: string, limit: number): string[] {
    return this.#sql
      .all<{ limit_key: string }>(
        "SELECT limit_key FROM note WHERE attempt_id = ? ORDER BY limit_key LIMIT ?",
        attempt_id,
        limit,
      )
      .map(({ limit_key }) => limit_key);
  }

  /** Takes the notes of an attempt. */
  takeNotes(attempt_id: string): string[] {
    return this.#sql
      .all<{ limit_key: string }>("DELETE FROM note WHERE attempt_id = ? RETURNING limit_key", attempt_id)
      .map(({ limit_key }) => limit_key);
  }
}

/** In the order of {@link ACTIVE_COLUMNS}. */
function activeValues(active: ActiveRow): SqlValue[] {
  return [
    active.run_id,
    active.queue_id,
    active.attempt_id,
    active.session_id,
    active.worker_name,
    active.fence,
    Number(active.is_started),
    active.deadline_at,
  ];
}

function toActive(row: Row): ActiveRow {
  return { ...(row as unknown as ActiveRow), is_started: row["is_started"] === 1 };
}

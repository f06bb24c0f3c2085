/** All SQL of a pool. Rows come out as records; what is filtered or sorted is a column, the rest lies in one JSON text. */
import type { JsonObject } from "../../contract/wire/common.ts";
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import type { State } from "../../contract/wire/states.ts";
import type { LostRunPolicy, WorkPool } from "../../contract/wire/work-pools.ts";
import type { DeadlineKind, Place } from "../../domain/pool/place.ts";
import { first, type Sql } from "../shared/sql.ts";
import type { DeploymentNote } from "./operations.ts";

export interface PoolRow {
  id: string;
  name: string;
  created: string;
  updated: string;
  description: string | null;
  type: string;
  base_job_template: JsonObject;
  is_paused: boolean;
  concurrency_limit: number | null;
  default_queue_id: string;
  storage_configuration: WorkPool["storage_configuration"];
  lost_run_policy: LostRunPolicy;
  is_internal: boolean;
  /** Milliseconds since the epoch; the runs of a deleted pool stay readable. */
  deleted_at: number | null;
}

export interface QueueRow {
  id: string;
  name: string;
  created: string;
  updated: string;
  description: string;
  is_paused: boolean;
  concurrency_limit: number | null;
  priority: number;
  last_polled: number | null;
}

/** What an agent says about itself and people want to see. */
export interface Advertised {
  labels: Record<string, string>;
  gpus: { id: string; name: string; memory_mib: number }[];
  work_queue_names: string[];
  version: string | null;
}

export interface WorkerRow {
  name: string;
  id: string;
  created: string;
  updated: string;
  last_heartbeat_at: number | null;
  heartbeat_interval_seconds: number | null;
  is_gone: boolean;
  session_id: string | null;
  session_deadline: number | null;
  session_seconds: number | null;
  run_limit: number | null;
  advertised: Advertised;
}

/** A run as it is stored: its wire record and what the pool alone knows of it. */
export interface StoredRun {
  run: FlowRun;
  /** Lower numbers are claimed first. */
  priority: number;
  /** Fence of the newest attempt; rises with each. */
  fence: number;
  /** Out of the ready index because its deployment's limit has no slot for it. */
  is_parked: boolean;
  /** A slot of the deployment's limit that waits for this run to be claimed. */
  slot_lease_id: string | null;
  slot_expires_at: number | null;
  /** Its place in the line of the deployment's limit. */
  slot_request_id: string | null;
}

/** A run that holds slots of the pool: at most one row per run is promise I3. */
export interface ActiveRow {
  run_id: string;
  queue_id: string | null;
  /** Null for a run that a worker other than ours has submitted. */
  attempt_id: string | null;
  session_id: string | null;
  worker_name: string | null;
  fence: number | null;
  is_started: boolean;
  /** Milliseconds since the epoch at which the attempt is given up; null: the session's deadline stands. */
  deadline_at: number | null;
}

type Row = Record<string, string | number | null>;
type Flags<Of, Names extends keyof Of> = { [Name in keyof Of]: Name extends Names ? number : Of[Name] };

const RUN_COLUMNS = "priority, fence, is_parked, slot_lease_id, slot_expires_at, slot_request_id, record";

/** Kinds of deadlines, each with a line of its own so that the earliest of each is one seek. */
export const DEADLINE_KINDS: readonly DeadlineKind[] = ["due", "late", "pause", "cancelling", "slot"];

export class PoolStore {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  readPool(): PoolRow | undefined {
    const row = first<
      Omit<Flags<PoolRow, "is_paused" | "is_internal">, "base_job_template" | "storage_configuration"> & {
        base_job_template: string;
        storage_configuration: string;
      }
    >(this.#sql, "SELECT * FROM pool WHERE one = 1");
    return (
      row && {
        ...row,
        is_paused: row.is_paused === 1,
        is_internal: row.is_internal === 1,
        base_job_template: JSON.parse(row.base_job_template) as JsonObject,
        storage_configuration: JSON.parse(row.storage_configuration) as PoolRow["storage_configuration"],
      }
    );
  }

  writePool(pool: PoolRow): void {
    this.#sql.all(
      `INSERT OR REPLACE INTO pool (one, id, name, created, updated, description, type, base_job_template, is_paused,
         concurrency_limit, default_queue_id, storage_configuration, lost_run_policy, is_internal, deleted_at)
       VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      pool.id,
      pool.name,
      pool.created,
      pool.updated,
      pool.description,
      pool.type,
      JSON.stringify(pool.base_job_template),
      Number(pool.is_paused),
      pool.concurrency_limit,
      pool.default_queue_id,
      JSON.stringify(pool.storage_configuration),
      pool.lost_run_policy,
      Number(pool.is_internal),
      pool.deleted_at,
    );
  }

  /** All queues by priority; their number is bounded at creation. */
  listQueues(): QueueRow[] {
    return this.#sql
      .all<Flags<QueueRow, "is_paused">>("SELECT * FROM queue ORDER BY priority, id")
      .map((row) => ({ ...row, is_paused: row.is_paused === 1 }));
  }

  writeQueue(queue: QueueRow): void {
    this.#sql.all(
      `INSERT OR REPLACE INTO queue
         (id, name, created, updated, description, is_paused, concurrency_limit, priority, last_polled)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      queue.id,
      queue.name,
      queue.created,
      queue.updated,
      queue.description,
      Number(queue.is_paused),
      queue.concurrency_limit,
      queue.priority,
      queue.last_polled,
    );
  }

  readQueueName(id: string): string | undefined {
    return first<{ name: string }>(this.#sql, "SELECT name FROM queue WHERE id = ?", id)?.name;
  }

  hasQueue(id: string): boolean {
    return first(this.#sql, "SELECT 1 FROM queue WHERE id = ?", id) !== undefined;
  }

  setQueuePriority(id: string, priority: number): void {
    this.#sql.all("UPDATE queue SET priority = ? WHERE id = ?", priority, id);
  }

  setQueuesPolled(ids: readonly string[], at: number): void {
    this.#sql.all(
      "UPDATE queue SET last_polled = ? WHERE id IN (SELECT value FROM json_each(?))",
      at,
      JSON.stringify(ids),
    );
  }

  deleteQueue(id: string): void {
    this.#sql.all("DELETE FROM queue WHERE id = ?", id);
  }

  deleteAllQueues(): void {
    this.#sql.all("DELETE FROM queue");
  }

  listWorkers(): WorkerRow[] {
    return this.#sql.all<Row>("SELECT * FROM worker ORDER BY name").map(toWorker);
  }

  readWorker(name: string): WorkerRow | undefined {
    const row = first<Row>(this.#sql, "SELECT * FROM worker WHERE name = ?", name);
    return row && toWorker(row);
  }

  writeWorker(worker: WorkerRow): void {
    this.#sql.all(
      `INSERT OR REPLACE INTO worker (name, id, created, updated, last_heartbeat_at, heartbeat_interval_seconds, is_gone,
         session_id, session_deadline, session_seconds, run_limit, advertised)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      worker.name,
      worker.id,
      worker.created,
      worker.updated,
      worker.last_heartbeat_at,
      worker.heartbeat_interval_seconds,
      Number(worker.is_gone),
      worker.session_id,
      worker.session_deadline,
      worker.session_seconds,
      worker.run_limit,
      JSON.stringify(worker.advertised),
    );
  }

  deleteWorker(name: string): boolean {
    return this.#sql.all("DELETE FROM worker WHERE name = ? RETURNING name", name).length > 0;
  }

  deleteAllWorkers(): void {
    this.#sql.all("DELETE FROM worker");
  }

  readRun(id: string): StoredRun | undefined {
    const row = first<Row>(this.#sql, `SELECT ${RUN_COLUMNS} FROM flow_run WHERE id = ?`, id);
    return row && toStoredRun(row);
  }

  hasRun(id: string): boolean {
    return first(this.#sql, "SELECT 1 FROM flow_run WHERE id = ?", id) !== undefined;
  }

  readRuns(ids: readonly string[]): StoredRun[] {
    return this.#sql
      .all<Row>(
        `SELECT ${RUN_COLUMNS} FROM flow_run WHERE id IN (SELECT value FROM json_each(?))`,
        JSON.stringify(ids),
      )
      .map(toStoredRun);
  }

  /** Runs by a condition that `run-filter.ts` wrote. */
  filterRuns(
    condition: { sql: string; bindings: (string | number)[] },
    order: string,
    limit: number,
    offset: number,
  ): StoredRun[] {
    return this.#sql
      .all<Row>(
        `SELECT ${RUN_COLUMNS} FROM flow_run WHERE ${condition.sql} ORDER BY ${order} LIMIT ? OFFSET ?`,
        ...condition.bindings,
        limit,
        offset,
      )
      .map(toStoredRun);
  }

  countRuns(condition: { sql: string; bindings: (string | number)[] }): number {
    return (
      first<{ count: number }>(
        this.#sql,
        `SELECT count(*) AS count FROM flow_run WHERE ${condition.sql}`,
        ...condition.bindings,
      )?.count ?? 0
    );
  }

  /**
   * Stores a run, new or changed, and moves it in the indexes from where it stands to `place`. A run with a live attempt
   * or without its deployment's slot is not ready whatever its time says. A run without a queue is ready in the name of
   * its deployment, for the process that serves it.
   */
  writeRun(stored: StoredRun, place: Place, now: number): { is_ready: boolean } {
    const { run } = stored;
    const home = run.work_queue_id ?? run.deployment_id;
    const isHeld = stored.is_parked || this.readActive(run.id) !== undefined;
    const ready_at =
      place.due_at === null || place.due_at > now || isHeld || home === null ? null : place.due_at;
    const deadline =
      stored.slot_expires_at === null
        ? place.deadline
        : { at: stored.slot_expires_at, kind: "slot" as const };
    const before = first<{
      ready_at: number | null;
      deadline_at: number | null;
      home: string | null;
      priority: number;
    }>(
      this.#sql,
      "SELECT ready_at, deadline_at, coalesce(queue_id, deployment_id) AS home, priority FROM flow_run WHERE id = ?",
      run.id,
    );
    if (before !== undefined) {
      const isSameReady =
        before.ready_at === ready_at && before.home === home && before.priority === stored.priority;
      if (before.ready_at !== null && !isSameReady)
        this.#sql.all(
          "DELETE FROM ready WHERE queue_id = ? AND priority = ? AND due_at = ? AND run_id = ?",
          before.home,
          before.priority,
          before.ready_at,
          run.id,
        );
      if (before.deadline_at !== null && before.deadline_at !== deadline?.at)
        this.#deleteDeadlines(before.deadline_at, run.id);
    }
    this.#sql.all(
      `INSERT INTO flow_run (id, flow_id, deployment_id, queue_id, name, state_type, state_name, expected_start_time,
         next_scheduled_start_time, start_time, end_time, priority, fence, is_parked, slot_lease_id, slot_expires_at,
         slot_request_id, ready_at, deadline_at, record)
       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)
       ON CONFLICT (id) DO UPDATE SET queue_id = ?4, name = ?5, state_type = ?6, state_name = ?7,
         next_scheduled_start_time = ?9, start_time = ?10, end_time = ?11, priority = ?12, fence = ?13, is_parked = ?14,
         slot_lease_id = ?15, slot_expires_at = ?16, slot_request_id = ?17, ready_at = ?18, deadline_at = ?19,
         record = ?20`,
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
      stored.priority,
      stored.fence,
      Number(stored.is_parked),
      stored.slot_lease_id,
      stored.slot_expires_at,
      stored.slot_request_id,
      ready_at,
      deadline?.at ?? null,
      JSON.stringify(run),
    );
    // The index on the expected start is only touched when it moves, which is rare.
    this.#sql.all(
      "UPDATE flow_run SET expected_start_time = ?1 WHERE id = ?2 AND expected_start_time IS NOT ?1",
      run.expected_start_time,
      run.id,
    );
    if (ready_at !== null)
      this.#sql.all(
        "INSERT OR IGNORE INTO ready (queue_id, priority, due_at, run_id) VALUES (?, ?, ?, ?)",
        home,
        stored.priority,
        ready_at,
        run.id,
      );
    if (deadline !== null) {
      this.#sql.all(
        "DELETE FROM deadline WHERE kind IN (SELECT value FROM json_each(?)) AND at = ? AND run_id = ?",
        JSON.stringify(DEADLINE_KINDS.filter((kind) => kind !== deadline.kind)),
        deadline.at,
        run.id,
      );
      this.#sql.all(
        "INSERT OR IGNORE INTO deadline (at, run_id, kind) VALUES (?, ?, ?)",
        deadline.at,
        run.id,
        deadline.kind,
      );
    }
    return { is_ready: ready_at !== null };
  }

  #deleteDeadlines(at: number, run_id: string): void {
    this.#sql.all(
      "DELETE FROM deadline WHERE kind IN (SELECT value FROM json_each(?)) AND at = ? AND run_id = ?",
      JSON.stringify(DEADLINE_KINDS),
      at,
      run_id,
    );
  }

  deleteRun(id: string): void {
    const before = first<{
      flow_id: string;
      deployment_id: string | null;
      ready_at: number | null;
      deadline_at: number | null;
      queue_id: string | null;
      priority: number;
      idempotency_key: string | null;
    }>(
      this.#sql,
      `DELETE FROM flow_run WHERE id = ? RETURNING flow_id, deployment_id, ready_at, deadline_at, queue_id, priority,
         record ->> '$.idempotency_key' AS idempotency_key`,
      id,
    );
    if (before === undefined) return;
    if (before.ready_at !== null)
      this.#sql.all(
        "DELETE FROM ready WHERE queue_id = ? AND priority = ? AND due_at = ? AND run_id = ?",
        before.queue_id ?? before.deployment_id,
        before.priority,
        before.ready_at,
        id,
      );
    if (before.deadline_at !== null) this.#deleteDeadlines(before.deadline_at, id);
    if (before.idempotency_key !== null)
      this.#sql.all(
        "DELETE FROM idempotency WHERE flow_id = ? AND idempotency_key = ?",
        before.flow_id,
        before.idempotency_key,
      );
    if (before.deployment_id !== null)
      this.#sql.all("DELETE FROM scheduled WHERE deployment_id = ? AND run_id = ?", before.deployment_id, id);
    this.#sql.all("DELETE FROM state WHERE flow_run_id = ?", id);
  }

  writeState(flow_run_id: string, state: State): void {
    this.#sql.all(
      "INSERT OR IGNORE INTO state (flow_run_id, id, record) VALUES (?, ?, ?)",
      flow_run_id,
      state.id,
      JSON.stringify(state),
    );
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

  /** One state by its id alone. A scan: nobody asks often, and an index would cost a row with every state. */
  readState(id: string): State | undefined {
    const row = first<{ record: string }>(this.#sql, "SELECT record FROM state WHERE id = ? LIMIT 1", id);
    return row && (JSON.parse(row.record) as State);
  }

  findIdempotent(flow_id: string, idempotency_key: string): string | undefined {
    return first<{ run_id: string }>(
      this.#sql,
      "SELECT run_id FROM idempotency WHERE flow_id = ? AND idempotency_key = ?",
      flow_id,
      idempotency_key,
    )?.run_id;
  }

  writeIdempotent(flow_id: string, idempotency_key: string, run_id: string): void {
    this.#sql.all(
      "INSERT INTO idempotency (flow_id, idempotency_key, run_id) VALUES (?, ?, ?)",
      flow_id,
      idempotency_key,
      run_id,
    );
  }

  /** The first due runs of a queue in the order in which they are claimed. */
  listReady(queue_id: string, limit: number): string[] {
    return this.#sql
      .all<{ run_id: string }>(
        "SELECT run_id FROM ready WHERE queue_id = ? ORDER BY priority, due_at, run_id LIMIT ?",
        queue_id,
        limit,
      )
      .map(({ run_id }) => run_id);
  }

  hasReady(): boolean {
    return first(this.#sql, "SELECT 1 FROM ready LIMIT 1") !== undefined;
  }

  /** How many runs stand before this one in its queue, counted up to `max`. */
  countReadyBefore(queue_id: string, priority: number, due_at: number, run_id: string, max: number): number {
    return (
      first<{ count: number }>(
        this.#sql,
        `SELECT count(*) AS count FROM (SELECT 1 FROM ready
           WHERE queue_id = ? AND (priority, due_at, run_id) < (?, ?, ?) LIMIT ?)`,
        queue_id,
        priority,
        due_at,
        run_id,
        max,
      )?.count ?? 0
    );
  }

  /**
   * What a poll may see of a queue, or of a deployment without one: what is ready and what becomes due until `before`, in
   * the order of time. Reads a few times `limit` rows, whatever the backlog.
   */
  listScheduled(home: string, before: string | null, after: string | null, limit: number): StoredRun[] {
    const until = before === null ? Number.MAX_SAFE_INTEGER : Date.parse(before);
    const future = this.#sql
      .all<{ run_id: string }>(
        `SELECT d.run_id FROM deadline d CROSS JOIN flow_run r ON r.id = d.run_id
           WHERE d.kind = 'due' AND d.at <= ? AND coalesce(r.queue_id, r.deployment_id) = ? ORDER BY d.at LIMIT ?`,
        until,
        home,
        limit,
      )
      .map(({ run_id }) => run_id);
    return this.readRuns([...this.listReady(home, limit), ...future])
      .filter(({ run }) => {
        const at = run.next_scheduled_start_time ?? "";
        return (before === null || at <= before) && (after === null || at > after);
      })
      .sort((left, right) =>
        (left.run.next_scheduled_start_time ?? "") < (right.run.next_scheduled_start_time ?? "") ? -1 : 1,
      )
      .slice(0, limit);
  }

  /** Deadlines of one kind that have passed, the earliest ones. */
  listDeadlines(
    kind: DeadlineKind,
    until: number,
    limit: number,
  ): { at: number; run_id: string; kind: DeadlineKind }[] {
    return this.#sql.all(
      "SELECT at, run_id, kind FROM deadline WHERE kind = ? AND at <= ? ORDER BY at, run_id LIMIT ?",
      kind,
      until,
      limit,
    );
  }

  deleteDeadline(kind: DeadlineKind, at: number, run_id: string): void {
    this.#sql.all("DELETE FROM deadline WHERE kind = ? AND at = ? AND run_id = ?", kind, at, run_id);
  }

  earliestDeadline(kinds: readonly DeadlineKind[] = DEADLINE_KINDS): number | undefined {
    const found = kinds.flatMap((kind) => {
      const row = first<{ at: number }>(
        this.#sql,
        "SELECT at FROM deadline WHERE kind = ? ORDER BY at LIMIT 1",
        kind,
      );
      return row === undefined ? [] : [row.at];
    });
    return found.length === 0 ? undefined : Math.min(...found);
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

  /** Runs that hold slots by Prefect's count: CANCELLING does not (source: wire §4.2). CROSS JOIN keeps the few active runs outside. */
  countActiveByQueue(types: readonly string[]): Map<string, number> {
    return new Map(
      this.#sql
        .all<{ queue_id: string; count: number }>(
          `SELECT a.queue_id, count(*) AS count FROM active a CROSS JOIN flow_run r ON r.id = a.run_id
             WHERE a.queue_id IS NOT NULL AND r.state_type IN (SELECT value FROM json_each(?)) GROUP BY a.queue_id`,
          JSON.stringify(types),
        )
        .map(({ queue_id, count }) => [queue_id, count] as const),
    );
  }

  writeActive(active: ActiveRow): void {
    this.#sql.all(
      `INSERT INTO active (run_id, queue_id, attempt_id, session_id, worker_name, fence, is_started, deadline_at)
       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
       ON CONFLICT (run_id) DO UPDATE SET queue_id = ?2, session_id = ?4, is_started = ?7, deadline_at = ?8
         WHERE attempt_id IS ?3 AND fence IS ?6`,
      active.run_id,
      active.queue_id,
      active.attempt_id,
      active.session_id,
      active.worker_name,
      active.fence,
      Number(active.is_started),
      active.deadline_at,
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

  /** Takes the notes of an attempt. */
  takeNotes(attempt_id: string): string[] {
    return this.#sql
      .all<{ limit_key: string }>("DELETE FROM note WHERE attempt_id = ? RETURNING limit_key", attempt_id)
      .map(({ limit_key }) => limit_key);
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

  writeScheduled(deployment_id: string, run_id: string): void {
    this.#sql.all(
      "INSERT OR IGNORE INTO scheduled (deployment_id, run_id) VALUES (?, ?)",
      deployment_id,
      run_id,
    );
  }

  deleteScheduled(deployment_id: string, run_id: string): void {
    this.#sql.all("DELETE FROM scheduled WHERE deployment_id = ? AND run_id = ?", deployment_id, run_id);
  }

  listAutoScheduled(deployment_id: string, limit: number): string[] {
    return this.#sql
      .all<{ run_id: string }>(
        "SELECT run_id FROM scheduled WHERE deployment_id = ? LIMIT ?",
        deployment_id,
        limit,
      )
      .map(({ run_id }) => run_id);
  }

  /** SCHEDULED runs of a deployment, of a queue, or all of them; rare, so it may scan. */
  listWaiting(
    of: { deployment_id?: string; queue_id?: string; is_parked?: boolean },
    limit: number,
  ): StoredRun[] {
    return this.#sql
      .all<Row>(
        `SELECT ${RUN_COLUMNS} FROM flow_run WHERE state_type = 'SCHEDULED'
           AND (?1 IS NULL OR deployment_id = ?1) AND (?2 IS NULL OR queue_id = ?2)
           AND (?3 IS NULL OR is_parked = ?3) LIMIT ?4`,
        of.deployment_id ?? null,
        of.queue_id ?? null,
        of.is_parked === undefined ? null : Number(of.is_parked),
        limit,
      )
      .map(toStoredRun);
  }

  countLate(queue_id: string): number {
    return (
      first<{ count: number }>(
        this.#sql,
        "SELECT count(*) AS count FROM flow_run WHERE state_type = 'SCHEDULED' AND state_name = 'Late' AND queue_id = ?",
        queue_id,
      )?.count ?? 0
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

function toWorker(row: Row): WorkerRow {
  return {
    ...(row as unknown as WorkerRow),
    is_gone: row["is_gone"] === 1,
    advertised: JSON.parse(String(row["advertised"])) as Advertised,
  };
}

function toActive(row: Row): ActiveRow {
  return { ...(row as unknown as ActiveRow), is_started: row["is_started"] === 1 };
}

function toStoredRun({ record, is_parked, ...row }: Row): StoredRun {
  return {
    ...(row as unknown as StoredRun),
    is_parked: is_parked === 1,
    run: JSON.parse(String(record)) as FlowRun,
  };
}

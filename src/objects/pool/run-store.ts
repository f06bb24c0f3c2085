/** SQL of flow runs, and of the indexes that one write of a run keeps in step: what is ready, what has a deadline. */
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import type { FlowRunSort } from "../../contract/wire/filters.ts";
import type { RunKey } from "../../domain/flow-run/sort-runs.ts";
import type { Place } from "../../domain/pool/place.ts";
import { RUN_COLUMNS, RUN_PLACEHOLDERS, runBindings } from "../shared/run-columns.ts";
import { selectKeys, selectNearKeys, type Condition, type RunCondition } from "../shared/run-filter.ts";
import type { Intervals, RunSummary } from "../../contract/wire/run-summaries.ts";
import { summarizeRuns } from "../shared/run-summary.ts";
import { first, type Sql } from "../shared/sql.ts";
import type { WrittenDeadlines } from "../shared/written-deadlines.ts";
import type { AttemptStore } from "./attempt-store.ts";
import { DEADLINE_KINDS, type Row, type StoredRun } from "./rows.ts";

const STORED_COLUMNS = "priority, fence, is_parked, slot_lease_id, slot_expires_at, slot_request_id, record";

/** What a write changes of a run that is there. The expected start is left out: it has an index and hardly ever moves. */
const CHANGES = [
  "queue_id",
  "name",
  "state_type",
  "state_name",
  "next_scheduled_start_time",
  "start_time",
  "end_time",
  "record",
  "priority",
  "fence",
  "is_parked",
  "slot_lease_id",
  "slot_expires_at",
  "slot_request_id",
  "ready_at",
  "deadline_at",
]
  .map((column) => `${column} = excluded.${column}`)
  .join(", ");

/** The runs of a pool; a run is changed in one place only, {@link RunStore.writeRun}. */
export class RunStore {
  readonly #sql: Sql;
  readonly #attempts: AttemptStore;
  readonly #deadlines: WrittenDeadlines;

  constructor(sql: Sql, attempts: AttemptStore, deadlines: WrittenDeadlines) {
    [this.#sql, this.#attempts, this.#deadlines] = [sql, attempts, deadlines];
  }

  readRun(id: string): StoredRun | undefined {
    const row = first<Row>(this.#sql, `SELECT ${STORED_COLUMNS} FROM flow_run WHERE id = ?`, id);
    return row && toStoredRun(row);
  }

  hasRun(id: string): boolean {
    return first(this.#sql, "SELECT 1 FROM flow_run WHERE id = ?", id) !== undefined;
  }

  readRuns(ids: readonly string[]): StoredRun[] {
    return this.#sql
      .all<Row>(
        `SELECT ${STORED_COLUMNS} FROM flow_run WHERE id IN (SELECT value FROM json_each(?))`,
        JSON.stringify(ids),
      )
      .map(toStoredRun);
  }

  /** Runs by a condition that `shared/run-filter.ts` wrote. */
  listKeys(condition: RunCondition, sort: FlowRunSort, limit: number, offset: number): RunKey[] {
    const list = ({ sql, bindings }: Condition): RunKey[] =>
      this.#sql.all<RunKey>(`${sql} LIMIT ? OFFSET ?`, ...bindings, limit, offset);
    const near = selectNearKeys(sort, condition);
    const found = near === undefined ? [] : list(near);
    if (near !== undefined && found.length === limit) return found;
    const sql = selectKeys(sort, condition.sql, condition.isSought);
    return list({ sql, bindings: condition.bindings });
  }

  summarizeRuns(condition: Condition, span: { intervals: Intervals | null; now: number }): RunSummary[] {
    return summarizeRuns(this.#sql, condition, span);
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

  /** SCHEDULED runs of a deployment, of a queue, or all of them; rare, so it may scan. */
  listWaiting(
    of: { deployment_id?: string; queue_id?: string; is_parked?: boolean },
    limit: number,
  ): StoredRun[] {
    return this.#sql
      .all<Row>(
        `SELECT ${STORED_COLUMNS} FROM flow_run WHERE state_type = 'SCHEDULED'
           AND (?1 IS NULL OR deployment_id = ?1) AND (?2 IS NULL OR queue_id = ?2)
           AND (?3 IS NULL OR is_parked = ?3) LIMIT ?4`,
        of.deployment_id ?? null,
        of.queue_id ?? null,
        of.is_parked === undefined ? null : Number(of.is_parked),
        limit,
      )
      .map(toStoredRun);
  }

  /**
   * Stores a run, new or changed, and moves it in the indexes from where it stands to `place`. A run with a live attempt
   * or without its deployment's slot is not ready whatever its time says. A run without a queue is ready in the name of
   * its deployment, for the process that serves it.
   */
  writeRun(stored: StoredRun, place: Place, now: number): { is_ready: boolean } {
    const { run } = stored;
    const home = run.work_queue_id ?? run.deployment_id;
    const isHeld = stored.is_parked || this.#attempts.readActive(run.id) !== undefined;
    const ready_at =
      place.due_at === null || place.due_at > now || isHeld || home === null ? null : place.due_at;
    const deadline =
      stored.slot_expires_at === null
        ? place.deadline
        : { at: stored.slot_expires_at, kind: "slot" as const };
    if (deadline !== null) this.#deadlines.note(deadline.at);
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
      `INSERT INTO flow_run (${RUN_COLUMNS}, priority, fence, is_parked, slot_lease_id, slot_expires_at,
         slot_request_id, ready_at, deadline_at)
       VALUES (${RUN_PLACEHOLDERS}, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET ${CHANGES}`,
      ...runBindings(run),
      stored.priority,
      stored.fence,
      Number(stored.is_parked),
      stored.slot_lease_id,
      stored.slot_expires_at,
      stored.slot_request_id,
      ready_at,
      deadline?.at ?? null,
    );
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

  /** Tells whether a run is here with an id from `first_id` on and before `end_id`. */
  hasRunBetween(first_id: string, end_id: string): boolean {
    const found = first(
      this.#sql,
      "SELECT 1 FROM flow_run WHERE id >= ? AND id < ? LIMIT 1",
      first_id,
      end_id,
    );
    return found !== undefined;
  }

  /** Removes a run with all that hangs on it; one that moved keeps its idempotency key. */
  deleteRun(id: string, hasMoved = false): void {
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
    if (before.idempotency_key !== null && !hasMoved)
      this.#sql.all(
        "DELETE FROM idempotency WHERE flow_id = ? AND idempotency_key = ?",
        before.flow_id,
        before.idempotency_key,
      );
    if (before.deployment_id !== null)
      this.#sql.all("DELETE FROM scheduled WHERE deployment_id = ? AND run_id = ?", before.deployment_id, id);
    this.#sql.all("DELETE FROM state WHERE flow_run_id = ?", id);
    this.#sql.all("DELETE FROM run_input WHERE flow_run_id = ?", id);
    this.#sql.all("DELETE FROM run_lease WHERE flow_run_id = ?", id);
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
      "INSERT OR REPLACE INTO idempotency (flow_id, idempotency_key, run_id) VALUES (?, ?, ?)",
      flow_id,
      idempotency_key,
      run_id,
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
}

function toStoredRun({ record, is_parked, ...row }: Row): StoredRun {
  return {
    ...(row as unknown as StoredRun),
    is_parked: is_parked === 1,
    run: JSON.parse(String(record)) as FlowRun,
  };
}

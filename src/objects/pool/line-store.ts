/** SQL that reads the lines in which runs stand: who is ready, whose time comes when. Runs write them. */
import { formatInstant } from "../../contract/instants.ts";
import type { DeadlineKind } from "../../domain/pool/place.ts";
import { first, type Sql } from "../shared/sql.ts";
import type { RunStore } from "./run-store.ts";
import { DEADLINE_KINDS, type StoredRun } from "./rows.ts";

/** Every kind by name: only so is the index walked. */
const ANY_DEADLINE = `SELECT 1 FROM deadline WHERE kind IN (${DEADLINE_KINDS.map((kind) => `'${kind}'`).join(", ")})
  AND at <= ? LIMIT 1`;

/** The lines of a pool; each reads as many rows as it is asked for, whatever the backlog. */
export class LineStore {
  readonly #sql: Sql;
  readonly #runs: RunStore;

  constructor(sql: Sql, runs: RunStore) {
    this.#sql = sql;
    this.#runs = runs;
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

  /** How many runs of a queue are due and wait, counted up to `max`. */
  countReady(queue_id: string, max: number): number {
    return (
      first<{ count: number }>(
        this.#sql,
        "SELECT count(*) AS count FROM (SELECT 1 FROM ready WHERE queue_id = ? LIMIT ?)",
        queue_id,
        max,
      )?.count ?? 0
    );
  }

  /** Who stands at the front of a queue. */
  readFirst(queue_id: string): { run_id: string; priority: number } | undefined {
    return first(
      this.#sql,
      "SELECT run_id, priority FROM ready WHERE queue_id = ? ORDER BY priority, due_at, run_id LIMIT 1",
      queue_id,
    );
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

  /** How many of so many runs that stand before this one in its queue are of the same deployment and have no slot of it yet. */
  countRivalsBefore(
    queue_id: string,
    {
      run,
      priority,
      due,
    }: { run: { id: string; deployment_id: string | null }; priority: number; due: number },
    max: number,
  ): number {
    return (
      first<{ count: number }>(
        this.#sql,
        `SELECT count(*) AS count FROM (SELECT run_id FROM ready
           WHERE queue_id = ? AND (priority, due_at, run_id) < (?, ?, ?) LIMIT ?) rival
           CROSS JOIN flow_run ON flow_run.id = rival.run_id
           WHERE flow_run.deployment_id = ? AND flow_run.slot_lease_id IS NULL`,
        queue_id,
        priority,
        due,
        run.id,
        max,
        run.deployment_id,
      )?.count ?? 0
    );
  }

  /**
   * What a poll may see of a queue, or of a deployment without one: what is ready and what becomes due until `before`, in
   * the order of {@link inPollOrder}. Reads a few times `limit` rows, whatever the backlog.
   */
  listScheduled(
    home: string,
    before: string | null,
    after: string | null,
    limit: number,
    now: number,
  ): StoredRun[] {
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
    return this.#runs
      .readRuns([...this.listReady(home, limit), ...future])
      .filter(({ run }) => {
        const at = run.next_scheduled_start_time ?? "";
        return (before === null || at <= before) && (after === null || at > after);
      })
      .sort(inPollOrder(now))
      .slice(0, limit);
  }

  /** Tells whether any deadline has passed. */
  hasDeadline(until: number): boolean {
    return first(this.#sql, ANY_DEADLINE, until) !== undefined;
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
}

/** The order of a poll: by time, but what is due and was moved to the front goes first. */
export function inPollOrder(now: number): (left: StoredRun, right: StoredRun) => number {
  const at = formatInstant(now);
  const timeOf = ({ run }: StoredRun): string => run.next_scheduled_start_time ?? "";
  const priorityOf = (stored: StoredRun): number => (timeOf(stored) <= at ? stored.priority : 0);
  return (left, right) => {
    const before = priorityOf(left) - priorityOf(right);
    return before === 0 ? (timeOf(left) < timeOf(right) ? -1 : 1) : before;
  };
}

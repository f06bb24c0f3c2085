/** The table of acquires over several limits, at their home, and the shares of such acquires at a member. */
import { endOfLease } from "../../domain/limit/deadlines.ts";
import type { Joint } from "../../domain/limit/joint.ts";
import { first, type Sql } from "../shared/sql.ts";
import type { WrittenDeadlines } from "../shared/written-deadlines.ts";

export class JointStore {
  readonly #sql: Sql;
  readonly #deadlines: WrittenDeadlines;
  constructor(sql: Sql, deadlines: WrittenDeadlines) {
    [this.#sql, this.#deadlines] = [sql, deadlines];
  }

  find(joint_id: string): Joint | undefined {
    return read(first(this.#sql, "SELECT record FROM joint WHERE joint_id = ?", joint_id));
  }

  findByWaiter(waiter_key: string): Joint | undefined {
    return read(first(this.#sql, "SELECT record FROM joint WHERE waiter_key = ?", waiter_key));
  }

  write(joint: Joint): void {
    if (joint.due_at > 0) this.#deadlines.note(joint.due_at);
    this.#sql.all(
      `INSERT INTO joint (joint_id, waiter_key, due_at, record) VALUES (?, ?, ?, ?)
        ON CONFLICT (joint_id) DO UPDATE SET waiter_key = excluded.waiter_key, due_at = excluded.due_at, record = excluded.record`,
      joint.joint_id,
      joint.waiter_key,
      joint.due_at,
      JSON.stringify(joint),
    );
  }

  delete(joint_id: string): void {
    this.#sql.all("DELETE FROM joint WHERE joint_id = ?", joint_id);
  }

  /** Those that are held have no time of their own: they end with their lease at home. */
  listDue(now: number, limit: number): Joint[] {
    return this.#sql
      .all<{ record: string }>(
        "SELECT record FROM joint WHERE due_at > 0 AND due_at <= ? ORDER BY due_at LIMIT ?",
        now,
        limit,
      )
      .map(({ record }) => JSON.parse(record) as Joint);
  }

  listOfAttempt(attempt_id: string): Joint[] {
    return this.#sql
      .all<{ record: string }>("SELECT record FROM joint WHERE record ->> '$.run.attempt_id' = ?", attempt_id)
      .map(({ record }) => JSON.parse(record) as Joint);
  }

  earliestDue(): number | undefined {
    return (
      first<{ at: number | null }>(this.#sql, "SELECT min(due_at) AS at FROM joint WHERE due_at > 0")?.at ??
      undefined
    );
  }

  /** The share of an acquire at this member. */
  findShare(joint_id: string): { fence: number; tail: number; kind: string; slots: number } | undefined {
    return first(this.#sql, "SELECT fence, tail, kind, slots FROM lease WHERE joint_id = ?", joint_id);
  }

  setShare(joint_id: string, kind: "reserved" | "member", expires_at: number): void {
    this.#deadlines.note(endOfLease(expires_at, 0));
    this.#sql.all(
      "UPDATE lease SET kind = ?, expires_at = ? WHERE joint_id = ? AND kind IN ('reserved', 'member')",
      kind,
      expires_at,
      joint_id,
    );
  }

  /** The share becomes slots without a lease. */
  makeAnonymous(joint_id: string, expires_at: number): void {
    this.#deadlines.note(endOfLease(expires_at, 0));
    this.#sql.all(
      "UPDATE lease SET kind = 'anonymous', expires_at = ?, joint_id = NULL, home_key = NULL WHERE joint_id = ?",
      expires_at,
      joint_id,
    );
  }

  /** The share of home becomes the lease that the caller knows. */
  makeHome({ joint_id, request_id, lease_seconds }: Joint, expires_at: number): void {
    this.#deadlines.note(endOfLease(expires_at, 0));
    this.#sql.all(
      "UPDATE lease SET kind = 'home', request_id = ?, lease_seconds = ?, expires_at = ? WHERE joint_id = ?",
      request_id,
      lease_seconds,
      expires_at,
      joint_id,
    );
  }
}

function read(row: { record: string } | undefined): Joint | undefined {
  return row === undefined ? undefined : (JSON.parse(row.record) as Joint);
}

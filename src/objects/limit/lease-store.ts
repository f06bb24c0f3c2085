/** SQL of leases. What is occupied is always the sum over their rows. */
import type { Holder, RunIdentity } from "../../contract/wire/limits.ts";
import { endOfLease } from "../../domain/limit/deadlines.ts";
import type { Held } from "../../domain/limit/estimates.ts";
import type { About, EndedSlots, Lease } from "../../domain/limit/types.ts";
import { first, type Sql } from "../shared/sql.ts";
import { aboutValues, splitAbout, type AboutRow } from "./about-columns.ts";
import { slicesAfter } from "./ended-store.ts";
import type { WrittenDeadlines } from "../shared/written-deadlines.ts";

type LeaseRow = Omit<Lease, "slot_names" | keyof About> & AboutRow & { slot_names: string | null };

const LEASE_COLUMNS = `fence, tail, kind, request_id, slots, slot_names, lease_seconds, arrived_at, estimated_ms, acquired_at,
  expires_at, joint_id, home_key, holder_type, holder_id, flow_run_id, attempt_id, run_fence, note`;
const DEADLINE = "max(expires_at, ? + lease_seconds * 1000)";

const RECALL = `SELECT EXISTS (SELECT 1 FROM lease WHERE request_id = ?) AS is_held,
  EXISTS (SELECT 1 FROM ended WHERE slice IN (?, ?) AND kind = 'request' AND id = ? AND until > ?) AS has_ended,
  (SELECT coalesce(sum(slots), 0) FROM lease) AS occupied`;
const MEASURE = `SELECT coalesce(sum(slots), 0) AS occupied, coalesce(max(fence), 0) AS highest_fence FROM lease`;
const INSERT_LEASE = `INSERT INTO lease (${LEASE_COLUMNS})
  SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19 FROM (${MEASURE})
  WHERE highest_fence < ?1 AND (?20 IS NULL OR (occupied = ?21 AND occupied + ?5 <= ?20)) RETURNING fence`;

/** What is known of a lease once it has ended, as its row has it: most of it is only written down again. */
export type EndedLease = Pick<Lease, "kind" | "request_id" | "joint_id" | "home_key"> &
  Omit<EndedSlots, "ended_at" | "ended_by">;
const ENDED_COLUMNS = `kind, request_id, joint_id, home_key, fence, tail, slots, slot_names, arrived_at, estimated_ms, acquired_at,
  holder_type, holder_id, flow_run_id, note`;

/** What an acquire has to know before it decides. */
export interface Recollection {
  /** A live lease has this request id. */
  is_held: boolean;
  has_ended: boolean;
  /** As {@link LeaseStore.countOccupied} counts. */
  occupied: number;
}

/** What a decision to give slots was made by. */
export interface Room {
  /** What all leases together may occupy, the new one included. */
  limit: number;
  /** What they occupied when that was decided. */
  occupied: number;
}

export class LeaseStore {
  readonly #sql: Sql;
  readonly #deadlines: WrittenDeadlines;
  constructor(sql: Sql, deadlines: WrittenDeadlines) {
    [this.#sql, this.#deadlines] = [sql, deadlines];
  }

  /** Occupancy: what the gate, the display and the list of holders agree on. */
  countOccupied(): number {
    return (
      first<{ occupied: number }>(this.#sql, "SELECT coalesce(sum(slots), 0) AS occupied FROM lease")
        ?.occupied ?? 0
    );
  }

  /**
   * Writes a lease; false where a promise would not hold then: a live lease has a higher fence (I4), or the leases occupy
   * something else than was counted (I2), or more than the limit (I1). `room` is null where slots are taken regardless.
   */
  insert(lease: Lease, room: Room | null): boolean {
    this.#deadlines.note(endOfLease(lease.expires_at, 0));
    const inserted = this.#sql.all(
      INSERT_LEASE,
      lease.fence,
      lease.tail,
      lease.kind,
      lease.request_id,
      lease.slots,
      writeNames(lease.slot_names),
      lease.lease_seconds,
      lease.arrived_at,
      lease.estimated_ms,
      lease.acquired_at,
      lease.expires_at,
      lease.joint_id,
      lease.home_key,
      ...aboutValues(lease),
      room?.limit ?? null,
      room?.occupied ?? null,
    );
    return inserted.length > 0;
  }

  /** What the statement that writes a lease sees. */
  measure(): { occupied: number; highest_fence: number } {
    return first(this.#sql, MEASURE) ?? { occupied: 0, highest_fence: 0 };
  }

  find(fence: number, tail: number): Lease | undefined {
    return this.#select("WHERE fence = ? AND tail = ?", fence, tail)[0];
  }

  /** What is known of a request id, and what is occupied, in one look. */
  recall(request_id: string, now: number): Recollection {
    const row = first<{ is_held: 0 | 1; has_ended: 0 | 1; occupied: number }>(
      this.#sql,
      RECALL,
      request_id,
      ...slicesAfter(now),
      request_id,
      now,
    );
    return { is_held: row?.is_held === 1, has_ended: row?.has_ended === 1, occupied: row?.occupied ?? 0 };
  }

  findOfRequest(request_id: string): Lease | undefined {
    return this.#select("WHERE request_id = ?", request_id)[0];
  }

  /** Moves the deadline; false when the lease has ended. */
  renew(fence: number, tail: number, lease_seconds: number | null, expires_at: number): boolean {
    this.#deadlines.note(endOfLease(expires_at, 0));
    return (
      this.#sql.all(
        "UPDATE lease SET expires_at = ?, lease_seconds = coalesce(?, lease_seconds) WHERE fence = ? AND tail = ? RETURNING fence",
        expires_at,
        lease_seconds,
        fence,
        tail,
      ).length > 0
    );
  }

  /** Makes a lease that is no attempt's one of `run`; false when it has ended or is another's. */
  tie({ fence, tail }: Pick<Lease, "fence" | "tail">, run: RunIdentity): boolean {
    return (
      this.#sql.all(
        `UPDATE lease SET flow_run_id = ?, attempt_id = ?, run_fence = ?
          WHERE fence = ? AND tail = ? AND (attempt_id IS NULL OR attempt_id = ?) RETURNING fence`,
        run.flow_run_id,
        run.attempt_id,
        run.fence,
        fence,
        tail,
        run.attempt_id,
      ).length > 0
    );
  }

  delete(fence: number, tail: number): EndedLease | undefined {
    return first<EndedLease>(
      this.#sql,
      `DELETE FROM lease WHERE fence = ? AND tail = ? RETURNING ${ENDED_COLUMNS}`,
      fence,
      tail,
    );
  }

  /** Leaves a lease with fewer slots, and with no more names than these. */
  shrink({ fence, slot_names }: Lease, slots: number): void {
    this.#sql.all(
      "UPDATE lease SET slots = ?, slot_names = ? WHERE fence = ?",
      slots,
      writeNames(slot_names?.slice(0, slots) ?? null),
      fence,
    );
  }

  /** Live leases after `after_fence`, oldest first. */
  list(after_fence: number, limit: number): Lease[] {
    return this.#select("WHERE fence > ? ORDER BY fence LIMIT ?", after_fence, limit);
  }

  listAnonymous(): Lease[] {
    return this.#select("WHERE kind = 'anonymous' ORDER BY fence");
  }

  listOfHolder(holder: Holder): Lease[] {
    return this.#select("WHERE holder_type = ? AND holder_id = ?", holder.type, holder.id);
  }

  listOfAttempt(flow_run_id: string, attempt_id: string): Lease[] {
    return this.#select("WHERE attempt_id = ? AND flow_run_id = ?", attempt_id, flow_run_id);
  }

  /** Since when slots are held, the oldest leases first; none of a home that itself counts nobody. */
  listHeld(limit: number): Held[] {
    return this.#sql.all(
      "SELECT slots, acquired_at FROM lease WHERE slots > 0 ORDER BY fence LIMIT ?",
      limit,
    );
  }

  /** The leases that end first. */
  listBlockers(limit: number): Lease[] {
    return this.#select("ORDER BY expires_at LIMIT ?", limit);
  }

  listHeldSlotNames(): string[] {
    return this.#sql
      .all<{ slot_names: string }>("SELECT slot_names FROM lease WHERE slot_names IS NOT NULL")
      .flatMap(({ slot_names }) => JSON.parse(slot_names) as string[]);
  }

  /** See the domain's `deadlineOf`. */
  listExpired(up_to: number, clock_stepped_at: number): Lease[] {
    return this.#select(`WHERE ${DEADLINE} <= ?`, clock_stepped_at, up_to);
  }

  earliestExpiry(clock_stepped_at: number): number | undefined {
    return (
      first<{ at: number | null }>(this.#sql, `SELECT min(${DEADLINE}) AS at FROM lease`, clock_stepped_at)
        ?.at ?? undefined
    );
  }

  #select(where: string, ...bindings: (string | number)[]): Lease[] {
    return this.#sql.all<LeaseRow>(`SELECT ${LEASE_COLUMNS} FROM lease ${where}`, ...bindings).map(readLease);
  }
}

function writeNames(slot_names: string[] | null): string | null {
  return slot_names === null ? null : JSON.stringify(slot_names);
}

function readLease(row: LeaseRow): Lease {
  const { about, rest } = splitAbout(row);
  return {
    ...rest,
    slot_names: rest.slot_names === null ? null : (JSON.parse(rest.slot_names) as string[]),
    ...about,
  };
}

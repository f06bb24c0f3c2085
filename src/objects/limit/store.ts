/** The tables of a limit. Every query that could meet many waiters has a LIMIT. */
import type { Holder } from "../../contract/wire/limits.ts";
import type { About, Lane, Lease, LimitConfig, Waiter } from "../../domain/limit/types.ts";
import { first, type Sql } from "../shared/sql.ts";

interface AboutRow {
  holder_type: Holder["type"] | null;
  holder_id: string | null;
  flow_run_id: string | null;
  attempt_id: string | null;
  run_fence: number | null;
  note: string | null;
}
type LeaseRow = Omit<Lease, "slot_names" | keyof About> & AboutRow & { slot_names: string | null };
type WaiterRow = Omit<Waiter, keyof About> & AboutRow;
type ConfigRow = Omit<LimitConfig, "active" | "slot_names"> & {
  one: 1;
  active: 0 | 1;
  slot_names: string | null;
  fence_ceiling: number;
};

const LEASE_COLUMNS = `fence, tail, kind, request_id, slots, slot_names, lease_seconds, acquired_at, expires_at,
  joint_id, home_key, holder_type, holder_id, flow_run_id, attempt_id, run_fence, note`;
const WAITER_COLUMNS = `lane, priority, seq, waiter_key, caller, request_id, slots, lease_seconds, arrived_at,
  present_until, retry_at, offered_at, passed, pool_key, holder_type, holder_id, flow_run_id, attempt_id, run_fence, note`;

/** A place in line: the primary key of a waiter's row. */
export interface Place {
  lane: Lane;
  priority: number;
  seq: number;
}

export class LimitStore {
  readonly #sql: Sql;
  constructor(sql: Sql) {
    this.#sql = sql;
  }

  // The limit itself

  readConfig(): { config: LimitConfig; fence_ceiling: number } | undefined {
    const row = first<ConfigRow>(this.#sql, "SELECT * FROM config WHERE one = 1");
    if (row === undefined) return undefined;
    const { one: _one, fence_ceiling, active, slot_names, ...rest } = row;
    return {
      config: {
        ...rest,
        active: active === 1,
        slot_names: slot_names === null ? null : (JSON.parse(slot_names) as string[]),
      },
      fence_ceiling,
    };
  }

  writeConfig(config: LimitConfig, fence_ceiling: number): void {
    this.#sql.all(
      `INSERT INTO config (one, id, name, "limit", active, slot_decay_per_second, denied_slots,
        avg_slot_occupancy_seconds, slot_names, bypass_max, level, level_at, incarnation, created, updated, deleted_at,
        fence_ceiling) VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
      ON CONFLICT (one) DO UPDATE SET id = excluded.id, "limit" = excluded."limit", active = excluded.active,
        slot_decay_per_second = excluded.slot_decay_per_second, denied_slots = excluded.denied_slots,
        avg_slot_occupancy_seconds = excluded.avg_slot_occupancy_seconds, slot_names = excluded.slot_names,
        bypass_max = excluded.bypass_max, level = excluded.level, level_at = excluded.level_at,
        incarnation = excluded.incarnation, created = excluded.created, updated = excluded.updated,
        deleted_at = excluded.deleted_at, fence_ceiling = max(fence_ceiling, excluded.fence_ceiling)`,
      config.id,
      config.name,
      config.limit,
      config.active ? 1 : 0,
      config.slot_decay_per_second,
      config.denied_slots,
      config.avg_slot_occupancy_seconds,
      config.slot_names === null ? null : JSON.stringify(config.slot_names),
      config.bypass_max,
      config.level,
      config.level_at,
      config.incarnation,
      config.created,
      config.updated,
      config.deleted_at,
      fence_ceiling,
    );
  }

  raiseFenceCeiling(fence_ceiling: number): void {
    this.#sql.all("UPDATE config SET fence_ceiling = ? WHERE one = 1", fence_ceiling);
  }

  writeLevel(level: number, level_at: number): void {
    this.#sql.all("UPDATE config SET level = ?, level_at = ? WHERE one = 1", level, level_at);
  }

  // Leases

  /** Occupancy: what the gate, the display and the list of holders agree on. */
  countOccupied(): number {
    return (
      first<{ occupied: number }>(this.#sql, "SELECT coalesce(sum(slots), 0) AS occupied FROM lease")
        ?.occupied ?? 0
    );
  }

  insertLease(lease: Lease): void {
    this.#sql.all(
      `INSERT INTO lease (${LEASE_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      lease.fence,
      lease.tail,
      lease.kind,
      lease.request_id,
      lease.slots,
      lease.slot_names === null ? null : JSON.stringify(lease.slot_names),
      lease.lease_seconds,
      lease.acquired_at,
      lease.expires_at,
      lease.joint_id,
      lease.home_key,
      ...aboutValues(lease),
    );
  }

  findLease(fence: number, tail: number): Lease | undefined {
    return this.#leases("WHERE fence = ? AND tail = ?", fence, tail)[0];
  }

  findLeaseOfRequest(request_id: string): Lease | undefined {
    return this.#leases("WHERE request_id = ?", request_id)[0];
  }

  /** Moves the deadline; false when the lease has ended. */
  renewLease(fence: number, tail: number, lease_seconds: number | null, expires_at: number): boolean {
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

  deleteLease(fence: number, tail: number): Lease | undefined {
    return this.#sql
      .all<LeaseRow>(`DELETE FROM lease WHERE fence = ? AND tail = ? RETURNING ${LEASE_COLUMNS}`, fence, tail)
      .map(readLease)[0];
  }

  setLeaseSlots(fence: number, slots: number): void {
    this.#sql.all("UPDATE lease SET slots = ? WHERE fence = ?", slots, fence);
  }

  /** Live leases after `after_fence`, oldest first. */
  listLeases(after_fence: number, limit: number): Lease[] {
    return this.#leases("WHERE fence > ? ORDER BY fence LIMIT ?", after_fence, limit);
  }

  listAnonymousLeases(): Lease[] {
    return this.#leases("WHERE kind = 'anonymous' ORDER BY fence");
  }

  listLeasesOfHolder(holder: Holder): Lease[] {
    return this.#leases("WHERE holder_type = ? AND holder_id = ?", holder.type, holder.id);
  }

  listLeasesOfHolderType(type: Holder["type"]): Lease[] {
    return this.#leases("WHERE holder_type = ? ORDER BY fence", type);
  }

  listLeasesOfAttempt(flow_run_id: string, attempt_id: string): Lease[] {
    return this.#leases("WHERE attempt_id = ? AND flow_run_id = ?", attempt_id, flow_run_id);
  }

  /** The leases that end first. */
  listBlockers(limit: number): Lease[] {
    return this.#leases("ORDER BY expires_at LIMIT ?", limit);
  }

  listHeldSlotNames(): string[] {
    return this.#sql
      .all<{ slot_names: string }>("SELECT slot_names FROM lease WHERE slot_names IS NOT NULL")
      .flatMap(({ slot_names }) => JSON.parse(slot_names) as string[]);
  }

  listExpiredLeases(up_to: number): Lease[] {
    return this.#leases("WHERE expires_at <= ?", up_to);
  }

  earliestExpiry(): number | undefined {
    return (
      first<{ at: number | null }>(this.#sql, "SELECT min(expires_at) AS at FROM lease")?.at ?? undefined
    );
  }

  #leases(where: string, ...bindings: (string | number)[]): Lease[] {
    return this.#sql.all<LeaseRow>(`SELECT ${LEASE_COLUMNS} FROM lease ${where}`, ...bindings).map(readLease);
  }

  // What has ended and is remembered for a while

  /** A request that has ended is refused until `until`. */
  endRequest(request_id: string, until: number): void {
    this.#sql.all(
      "INSERT INTO ended_request (request_id, until) VALUES (?, ?) ON CONFLICT DO UPDATE SET until = excluded.until",
      request_id,
      until,
    );
  }

  hasRequestEnded(request_id: string, now: number): boolean {
    return (
      first(this.#sql, "SELECT 1 FROM ended_request WHERE request_id = ? AND until > ?", request_id, now) !==
      undefined
    );
  }

  endAttempt(attempt_id: string, until: number): void {
    this.#sql.all(
      "INSERT INTO ended_attempt (attempt_id, until) VALUES (?, ?) ON CONFLICT DO UPDATE SET until = excluded.until",
      attempt_id,
      until,
    );
  }

  hasAttemptEnded(attempt_id: string, now: number): boolean {
    return (
      first(this.#sql, "SELECT 1 FROM ended_attempt WHERE attempt_id = ? AND until > ?", attempt_id, now) !==
      undefined
    );
  }

  forgetEnded(now: number): void {
    this.#sql.all("DELETE FROM ended_request WHERE until <= ?", now);
    this.#sql.all("DELETE FROM ended_attempt WHERE until <= ?", now);
  }

  earliestForgetting(): number | undefined {
    return (
      first<{ at: number | null }>(
        this.#sql,
        `SELECT min(at) AS at FROM (SELECT min(until) AS at FROM ended_request
          UNION ALL SELECT min(until) AS at FROM ended_attempt)`,
      )?.at ?? undefined
    );
  }

  // The line

  findWaiter(waiter_key: string): Waiter | undefined {
    return this.#waiters("WHERE waiter_key = ?", waiter_key)[0];
  }

  insertWaiter(waiter: Waiter): void {
    this.#sql.all(
      `INSERT INTO waiter (${WAITER_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      waiter.lane,
      waiter.priority,
      waiter.seq,
      waiter.waiter_key,
      waiter.caller,
      waiter.request_id,
      waiter.slots,
      waiter.lease_seconds,
      waiter.arrived_at,
      waiter.present_until,
      waiter.retry_at,
      waiter.offered_at,
      waiter.passed,
      waiter.pool_key,
      ...aboutValues(waiter),
    );
  }

  /** Writes what changes while a waiter stands in line: where, and until when it is expected. */
  updateWaiter(
    place: Place,
    change: Pick<Waiter, "lane" | "priority" | "caller" | "present_until" | "retry_at" | "offered_at">,
  ): void {
    this.#sql.all(
      `UPDATE waiter SET lane = ?, priority = ?, caller = ?, present_until = ?, retry_at = ?, offered_at = ?
        WHERE lane = ? AND priority = ? AND seq = ?`,
      change.lane,
      change.priority,
      change.caller,
      change.present_until,
      change.retry_at,
      change.offered_at,
      place.lane,
      place.priority,
      place.seq,
    );
  }

  countPassed(place: Place): void {
    this.#sql.all(
      "UPDATE waiter SET passed = passed + 1 WHERE lane = ? AND priority = ? AND seq = ?",
      place.lane,
      place.priority,
      place.seq,
    );
  }

  deleteWaiter(place: Place): void {
    this.#sql.all(
      "DELETE FROM waiter WHERE lane = ? AND priority = ? AND seq = ?",
      place.lane,
      place.priority,
      place.seq,
    );
  }

  /** The next waiters in line after a place, at most `limit`. */
  listLine(after: { priority: number; seq: number } | undefined, limit: number): Waiter[] {
    return after === undefined
      ? this.#waiters("WHERE lane = 0 ORDER BY priority, seq LIMIT ?", limit)
      : this.#waiters(
          "WHERE lane = 0 AND (priority, seq) > (?, ?) ORDER BY priority, seq LIMIT ?",
          after.priority,
          after.seq,
          limit,
        );
  }

  /** In line first, then those who were absent when their turn came. */
  listWaiters(offset: number, limit: number): Waiter[] {
    return this.#waiters("ORDER BY lane, priority, seq LIMIT ? OFFSET ?", limit, offset);
  }

  hasLine(): boolean {
    return first(this.#sql, "SELECT 1 FROM waiter WHERE lane = 0 LIMIT 1") !== undefined;
  }

  hasWaiters(): boolean {
    return first(this.#sql, "SELECT 1 FROM waiter LIMIT 1") !== undefined;
  }

  hasPlace(place: Place): boolean {
    return (
      first(
        this.#sql,
        "SELECT 1 FROM waiter WHERE lane = ? AND priority = ? AND seq = ?",
        place.lane,
        place.priority,
        place.seq,
      ) !== undefined
    );
  }

  /** The last place that is taken within a priority, in line or parked. */
  lastSeq(priority: number): number | undefined {
    return (
      first<{ seq: number | null }>(
        this.#sql,
        `SELECT max(seq) AS seq FROM (SELECT max(seq) AS seq FROM waiter WHERE lane = 0 AND priority = ?
          UNION ALL SELECT max(seq) AS seq FROM waiter WHERE lane = 1 AND priority = ?)`,
        priority,
        priority,
      )?.seq ?? undefined
    );
  }

  /** How many stand in line up to and including a place, counted no further than `counted_max` + 1. */
  countUpTo(place: { priority: number; seq: number }, counted_max: number): number {
    return (
      first<{ n: number }>(
        this.#sql,
        `SELECT count(*) AS n FROM (SELECT 1 FROM waiter
          WHERE lane = 0 AND (priority, seq) <= (?, ?) ORDER BY priority, seq LIMIT ?)`,
        place.priority,
        place.seq,
        counted_max + 1,
      )?.n ?? 0
    );
  }

  /** All waiters, both lanes, counted no further than `counted_max`. */
  countWaiters(counted_max: number): number {
    return (
      first<{ n: number }>(this.#sql, "SELECT count(*) AS n FROM (SELECT 1 FROM waiter LIMIT ?)", counted_max)
        ?.n ?? 0
    );
  }

  /** Waiters that nobody has heard of since `since`, for the sweep. */
  listUnheard(since: number, limit: number): Waiter[] {
    return this.#waiters("WHERE present_until <= ? LIMIT ?", since, limit);
  }

  deleteAllWaiters(): Waiter[] {
    return this.#sql.all<WaiterRow>(`DELETE FROM waiter RETURNING ${WAITER_COLUMNS}`).map(readWaiter);
  }

  #waiters(where: string, ...bindings: (string | number)[]): Waiter[] {
    return this.#sql
      .all<WaiterRow>(`SELECT ${WAITER_COLUMNS} FROM waiter ${where}`, ...bindings)
      .map(readWaiter);
  }
}

function aboutValues({ holder, run, note }: About): (string | number | null)[] {
  return [
    holder?.type ?? null,
    holder?.id ?? null,
    run?.flow_run_id ?? null,
    run?.attempt_id ?? null,
    run?.fence ?? null,
    note,
  ];
}

function splitAbout<Row extends AboutRow>(row: Row): { about: About; rest: Omit<Row, keyof AboutRow> } {
  const { holder_type, holder_id, flow_run_id, attempt_id, run_fence, note, ...rest } = row;
  return {
    about: {
      holder: holder_type === null || holder_id === null ? null : { type: holder_type, id: holder_id },
      run:
        flow_run_id === null || attempt_id === null || run_fence === null
          ? null
          : { flow_run_id, attempt_id, fence: run_fence },
      note,
    },
    rest,
  };
}

function readLease(row: LeaseRow): Lease {
  const { about, rest } = splitAbout(row);
  return {
    ...rest,
    slot_names: rest.slot_names === null ? null : (JSON.parse(rest.slot_names) as string[]),
    ...about,
  };
}

function readWaiter(row: WaiterRow): Waiter {
  const { about, rest } = splitAbout(row);
  return { ...rest, ...about };
}

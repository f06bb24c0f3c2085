/** SQL of the line. Every query that could meet many waiters has a LIMIT. */
import { ABSENT_SECONDS } from "../../contract/bounds.ts";
import type { About, Lane, Waiter } from "../../domain/limit/types.ts";
import { first, type Sql } from "../shared/sql.ts";
import { aboutValues, splitAbout, type AboutRow } from "./about-columns.ts";
import type { WrittenDeadlines } from "../shared/written-deadlines.ts";

type WaiterRow = Omit<Waiter, keyof About> & AboutRow;

const WAITER_COLUMNS = `lane, priority, seq, waiter_key, caller, request_id, slots, lease_seconds, arrived_at,
  estimated_ms, present_until, retry_at, offered_at, passed, pool_key, holder_type, holder_id, flow_run_id, attempt_id, run_fence, note`;

const ABOVE = "slots > ? AND caller <> 'run'";

/** A place in line: the primary key of a waiter's row. */
export interface Place {
  lane: Lane;
  priority: number;
  seq: number;
}

export class WaiterStore {
  readonly #sql: Sql;
  readonly #deadlines: WrittenDeadlines;
  constructor(sql: Sql, deadlines: WrittenDeadlines) {
    [this.#sql, this.#deadlines] = [sql, deadlines];
  }

  find(waiter_key: string): Waiter | undefined {
    return this.#select("WHERE waiter_key = ?", waiter_key)[0];
  }

  insert(waiter: Waiter): void {
    this.#deadlines.note(waiter.arrived_at + ABSENT_SECONDS * 1000);
    this.#sql.all(
      `INSERT INTO waiter (${WAITER_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      waiter.lane,
      waiter.priority,
      waiter.seq,
      waiter.waiter_key,
      waiter.caller,
      waiter.request_id,
      waiter.slots,
      waiter.lease_seconds,
      waiter.arrived_at,
      waiter.estimated_ms,
      waiter.present_until,
      waiter.retry_at,
      waiter.offered_at,
      waiter.passed,
      waiter.pool_key,
      ...aboutValues(waiter),
    );
  }

  /** Writes what changes while a waiter stands in line: where, and until when it is expected. */
  update(
    place: Place,
    change: Pick<Waiter, "lane" | "priority" | "caller" | "present_until" | "retry_at" | "offered_at">,
  ): void {
    if (change.offered_at !== null) this.#deadlines.note(change.present_until);
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

  delete(place: Place): void {
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
      ? this.#select("WHERE lane = 0 ORDER BY priority, seq LIMIT ?", limit)
      : this.#select(
          "WHERE lane = 0 AND (priority, seq) > (?, ?) ORDER BY priority, seq LIMIT ?",
          after.priority,
          after.seq,
          limit,
        );
  }

  /** In line first, then those who were absent when their turn came. */
  list(offset: number, limit: number): Waiter[] {
    return this.#select("ORDER BY lane, priority, seq LIMIT ? OFFSET ?", limit, offset);
  }

  /**
   * The first waiter that a run waits as, by itself or as its holder, how many are listed before it, and how many slots
   * those in line before it ask for. Reads the line.
   */
  findOfRun(flow_run_id: string): { waiter: Waiter; before: number; slots_before: number } | undefined {
    const [waiter] = this.#select(
      "WHERE flow_run_id = ?1 OR (holder_type = 'flow_run' AND holder_id = ?1) ORDER BY lane, priority, seq LIMIT 1",
      flow_run_id,
    );
    if (waiter === undefined) return undefined;
    const counted = first<{ before: number; slots_before: number }>(
      this.#sql,
      `SELECT count(*) AS before, coalesce(sum(slots) FILTER (WHERE lane = 0 AND (priority, seq) < (?2, ?3)), 0) AS slots_before
        FROM waiter WHERE (lane, priority, seq) < (?1, ?2, ?3)`,
      waiter.lane,
      waiter.priority,
      waiter.seq,
    );
    return { waiter, before: 0, slots_before: 0, ...counted };
  }

  hasLine(): boolean {
    return first(this.#sql, "SELECT 1 FROM waiter WHERE lane = 0 LIMIT 1") !== undefined;
  }

  hasAny(): boolean {
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
  count(counted_max: number): number {
    return (
      first<{ n: number }>(this.#sql, "SELECT count(*) AS n FROM (SELECT 1 FROM waiter LIMIT ?)", counted_max)
        ?.n ?? 0
    );
  }

  /** Waiters that nobody has heard of since `since`, for the sweep. */
  listUnheard(since: number, limit: number): Waiter[] {
    return this.#select("WHERE present_until <= ? LIMIT ?", since, limit);
  }

  /** Takes out of line who asks for more than `slots`. Runs stay: they cannot be told. */
  deleteAbove(slots: number): Waiter[] {
    return this.#sql
      .all<WaiterRow>(`DELETE FROM waiter WHERE ${ABOVE} RETURNING ${WAITER_COLUMNS}`, slots)
      .map(readWaiter);
  }

  /** Whom {@link deleteAbove} would take out of line: how many, and the first ones. */
  findAbove(slots: number, limit: number): { count: number; first: Waiter[] } {
    const counted = first<{ n: number }>(this.#sql, `SELECT count(*) AS n FROM waiter WHERE ${ABOVE}`, slots);
    return {
      count: counted?.n ?? 0,
      first: this.#select(`WHERE ${ABOVE} ORDER BY lane, priority, seq LIMIT ?`, slots, limit),
    };
  }

  deleteAll(): Waiter[] {
    return this.#sql.all<WaiterRow>(`DELETE FROM waiter RETURNING ${WAITER_COLUMNS}`).map(readWaiter);
  }

  #select(where: string, ...bindings: (string | number)[]): Waiter[] {
    return this.#sql
      .all<WaiterRow>(`SELECT ${WAITER_COLUMNS} FROM waiter ${where}`, ...bindings)
      .map(readWaiter);
  }
}

function readWaiter(row: WaiterRow): Waiter {
  const { about, rest } = splitAbout(row);
  return { ...rest, ...about };
}

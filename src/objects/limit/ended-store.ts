/**
 * SQL of what has ended and is remembered for a while: requests and attempts of runs that get nothing any more, requests
 * that have used what a limit that decays gives, of which no lease tells, and what people want to know of leases that
 * were held lately. The row of a request has that of its lease beside it; a lease that no request id names gets a row of
 * its own.
 *
 * They lie in slices of time, so that a look-up reads two slices, and what is over is found and deleted without reading
 * the rest, however much ended lately. A row costs one write.
 */
import { HISTORY_SECONDS, REPLAY_SECONDS } from "../../contract/bounds.ts";
import type { EndedSlots } from "../../domain/limit/types.ts";
import { first, type Sql } from "../shared/sql.ts";

const REPLAY_MS = REPLAY_SECONDS * 1000;
const HISTORY_MS = HISTORY_SECONDS * 1000;
/** No shorter than what is remembered lasts, see {@link slicesAfter}; the third migration has it too. */
const SLICE_MS = REPLAY_MS;
/** A slice is kept for so long after it is over: who held slots is shown for longer than requests are refused. */
const LINGER_MS = HISTORY_MS - REPLAY_MS;
const FORGOTTEN_AT_ONCE_MAX = 5000;

export type EndedKind = "request" | "attempt" | "use" | "lease";

/** What {@link EndedStore.readTraces} found. */
export interface Traces {
  /** In the order in which the leases ended. */
  traces: EndedSlots[];
  /** Of leases that ended before there may be more. */
  complete_since: number;
}

const TRACE = [
  "fence",
  "tail",
  "slots",
  "slot_names",
  "arrived_at",
  "estimated_ms",
  "acquired_at",
  "ended_at",
  "ended_by",
  "holder_type",
  "holder_id",
  "flow_run_id",
  "note",
] as const satisfies (keyof EndedSlots)[];
const TRACE_COLUMNS = TRACE.join(", ");
const REMEMBER = `INSERT INTO ended (slice, kind, id, until, ${TRACE_COLUMNS})
  VALUES (?, ?, ?, ?, ${TRACE.map(() => "?").join(", ")})
  ON CONFLICT DO UPDATE SET until = excluded.until`;

/** The slices in which something lies that is remembered at `now`. */
export function slicesAfter(now: number): [number, number] {
  return [sliceOf(now), sliceOf(now + REPLAY_MS)];
}

function sliceOf(at: number): number {
  return Math.floor(at / SLICE_MS);
}

export class EndedStore {
  readonly #sql: Sql;
  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /**
   * Remembers for {@link REPLAY_SECONDS} that something has ended, and for {@link HISTORY_SECONDS} the lease that it held;
   * returns when it is forgotten at the earliest.
   */
  remember(kind: EndedKind, id: string, now: number, trace: EndedSlots | null = null): number {
    const until = now + REPLAY_MS;
    const slice = sliceOf(until);
    this.#sql.all(REMEMBER, slice, kind, id, until, ...TRACE.map((column) => trace?.[column] ?? null));
    return endOfSlice(slice);
  }

  has(kind: EndedKind, id: string, now: number): boolean {
    const found = first(
      this.#sql,
      "SELECT 1 FROM ended WHERE slice IN (?, ?) AND kind = ? AND id = ? AND until > ?",
      ...slicesAfter(now),
      kind,
      id,
      now,
    );
    return found !== undefined;
  }

  /** Leases that ended after `after`, {@link HISTORY_SECONDS} ago at most; reads so many rows, of the latest slices first. */
  readTraces(after: number, rows_max: number): Traces {
    const rows = this.#sql.all<Partial<EndedSlots> & { slice: number }>(
      `SELECT slice, ${TRACE_COLUMNS} FROM ended WHERE slice >= ? ORDER BY slice DESC LIMIT ?`,
      sliceOf(after + REPLAY_MS),
      rows_max,
    );
    const traces = rows.filter((row) => row.fence !== null && (row.ended_at ?? 0) > after) as EndedSlots[];
    // The slice in which reading has stopped has more, and what ended later lies in others.
    const cut = rows.length < rows_max ? undefined : rows.at(-1)?.slice;
    return {
      traces: traces.toSorted((left, right) => left.ended_at - right.ended_at),
      complete_since: cut === undefined ? after : (cut + 1) * SLICE_MS - REPLAY_MS,
    };
  }

  /** Deletes from slices that are over, a bounded number of rows; false when there may be more. */
  forget(now: number): boolean {
    const forgotten = this.#sql.all(
      `DELETE FROM ended WHERE (slice, kind, id) IN
        (SELECT slice, kind, id FROM ended WHERE slice < ? LIMIT ?) RETURNING 1`,
      sliceOf(now - LINGER_MS),
      FORGOTTEN_AT_ONCE_MAX,
    );
    return forgotten.length < FORGOTTEN_AT_ONCE_MAX;
  }

  /** When the earliest slice is forgotten. */
  earliestForgetting(): number | undefined {
    const earliest = first<{ slice: number }>(this.#sql, "SELECT slice FROM ended ORDER BY slice LIMIT 1");
    return earliest && endOfSlice(earliest.slice);
  }
}

function endOfSlice(slice: number): number {
  return (slice + 1) * SLICE_MS + LINGER_MS;
}

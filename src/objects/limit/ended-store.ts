/**
 * SQL of what has ended and is remembered for a while: requests and attempts of runs that get nothing any more, and
 * requests that have used what a limit that decays gives, of which no lease tells.
 *
 * They lie in slices of time, so that a look-up reads two slices, and what is over is found and deleted without reading
 * the rest, however much ended lately. A row costs one write.
 */
import { REPLAY_SECONDS } from "../../contract/bounds.ts";
import { first, type Sql } from "../shared/sql.ts";

const REPLAY_MS = REPLAY_SECONDS * 1000;
/** No shorter than what is remembered lasts, see {@link slicesAfter}; the second migration has it too. */
const SLICE_MS = REPLAY_MS;
const FORGOTTEN_AT_ONCE_MAX = 5000;

export type EndedKind = "request" | "attempt" | "use";

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

  /** Remembers for {@link REPLAY_SECONDS} that something has ended; returns when it is forgotten at the earliest. */
  remember(kind: EndedKind, id: string, now: number): number {
    const until = now + REPLAY_MS;
    const slice = sliceOf(until);
    this.#sql.all(
      `INSERT INTO ended (slice, kind, id, until) VALUES (?, ?, ?, ?)
        ON CONFLICT DO UPDATE SET until = excluded.until`,
      slice,
      kind,
      id,
      until,
    );
    return (slice + 1) * SLICE_MS;
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

  /** Deletes from slices that are over, a bounded number of rows; false when there may be more. */
  forget(now: number): boolean {
    const forgotten = this.#sql.all(
      `DELETE FROM ended WHERE (slice, kind, id) IN
        (SELECT slice, kind, id FROM ended WHERE slice < ? LIMIT ?) RETURNING 1`,
      sliceOf(now),
      FORGOTTEN_AT_ONCE_MAX,
    );
    return forgotten.length < FORGOTTEN_AT_ONCE_MAX;
  }

  /** When the earliest slice is over. */
  earliestForgetting(): number | undefined {
    const earliest = first<{ slice: number }>(this.#sql, "SELECT slice FROM ended ORDER BY slice LIMIT 1");
    return earliest && (earliest.slice + 1) * SLICE_MS;
  }
}

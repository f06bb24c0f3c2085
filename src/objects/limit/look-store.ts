/** SQL of the one row that says whether people look at who held the slots of a limit, and from when on that is known. */
import { first, type Sql } from "../shared/sql.ts";

/** As {@link Look.unknown_until}: leases still end without a trace. The migration that makes the table has it too. */
export const STILL_UNKNOWN = 9_000_000_000_000_000;

/** Milliseconds since the epoch. */
export interface Look {
  looked_at: number;
  /** Until then leases may have ended without a trace. */
  unknown_until: number;
}

export class LookStore {
  readonly #sql: Sql;
  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** Nobody has looked yet, and nothing went unseen, where there is no row. */
  read(): Look {
    return (
      first<Look>(this.#sql, "SELECT looked_at, unknown_until FROM look WHERE one = 1") ?? {
        looked_at: 0,
        unknown_until: 0,
      }
    );
  }

  write({ looked_at, unknown_until }: Look): void {
    this.#sql.all(
      `INSERT INTO look (one, looked_at, unknown_until) VALUES (1, ?, ?)
        ON CONFLICT DO UPDATE SET looked_at = excluded.looked_at, unknown_until = excluded.unknown_until`,
      looked_at,
      unknown_until,
    );
  }
}

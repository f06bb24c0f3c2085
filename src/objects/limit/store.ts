/** All SQL of a limit: its own row here, one file per family of tables beside it. */
import type { LimitConfig } from "../../domain/limit/types.ts";
import { first, type Sql } from "../shared/sql.ts";
import { EndedStore } from "./ended-store.ts";
import { LeaseStore } from "./lease-store.ts";
import { LookStore } from "./look-store.ts";
import { WaiterStore } from "./waiter-store.ts";
import { WrittenDeadlines } from "../shared/written-deadlines.ts";

type ConfigRow = Omit<LimitConfig, "active" | "slot_names"> & {
  one: 1;
  active: 0 | 1;
  slot_names: string | null;
  fence_ceiling: number;
};

export class LimitStore {
  readonly deadlines = new WrittenDeadlines();
  readonly leases: LeaseStore;
  readonly waiters: WaiterStore;
  readonly ended: EndedStore;
  readonly look: LookStore;
  readonly #sql: Sql;
  constructor(sql: Sql) {
    this.#sql = sql;
    this.leases = new LeaseStore(sql, this.deadlines);
    this.waiters = new WaiterStore(sql, this.deadlines);
    this.ended = new EndedStore(sql);
    this.look = new LookStore(sql);
  }

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

  /** False where the stored ceiling does not rise by it. */
  raiseFenceCeiling(fence_ceiling: number): boolean {
    return (
      this.#sql.all(
        "UPDATE config SET fence_ceiling = ? WHERE one = 1 AND fence_ceiling < ? RETURNING one",
        fence_ceiling,
        fence_ceiling,
      ).length > 0
    );
  }

  writeLevel(level: number, level_at: number): void {
    this.#sql.all("UPDATE config SET level = ?, level_at = ? WHERE one = 1", level, level_at);
  }
}

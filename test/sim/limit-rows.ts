/** What a limit has stored, as its watches read it. */
import type { SimObject } from "./objects.ts";

export interface LeaseRow {
  fence: number;
  tail: number;
  kind: string;
  request_id: string | null;
  slots: number;
  slot_names: string | null;
  lease_seconds: number;
  expires_at: number;
  joint_id: string | null;
  home_key: string | null;
  attempt_id: string | null;
  holder_type: string | null;
  holder_id: string | null;
}

export interface WaiterRow {
  lane: number;
  priority: number;
  seq: number;
  waiter_key: string;
  caller: string;
  request_id: string | null;
  slots: number;
  arrived_at: number;
  present_until: number;
  offered_at: number | null;
  attempt_id: string | null;
}

export interface ConfigRow {
  limit: number;
  active: 0 | 1;
  bypass_max: number;
  deleted_at: number | null;
  slot_decay_per_second: number;
  level: number;
  level_at: number;
}

/** All that a limit has at a commit. */
export interface LimitRows {
  config: ConfigRow | undefined;
  /** By their fence. */
  leases: Map<number, LeaseRow>;
  /** By their key. */
  waiters: Map<string, WaiterRow>;
}

interface Statement<Row> {
  all(): Row[];
}

/** Makes what reads the rows of a limit, once it has tables. */
export function makeRowReader({ database }: SimObject): () => LimitRows {
  const prepare = <Row>(text: string) => database.prepare(text) as unknown as Statement<Row>;
  let ready: [Statement<ConfigRow>, Statement<LeaseRow>, Statement<WaiterRow>] | undefined;
  return () => {
    const [config, leases, waiters] = (ready ??= [
      prepare<ConfigRow>(
        `SELECT "limit", active, bypass_max, deleted_at, slot_decay_per_second, level, level_at FROM config`,
      ),
      prepare<LeaseRow>(
        "SELECT fence, tail, kind, request_id, slots, slot_names, lease_seconds, expires_at, joint_id, home_key, attempt_id, holder_type, holder_id FROM lease",
      ),
      prepare<WaiterRow>(
        `SELECT lane, priority, seq, waiter_key, caller, request_id, slots, arrived_at, present_until,
          offered_at, attempt_id FROM waiter`,
      ),
    ]);
    return {
      config: config.all()[0],
      leases: new Map(leases.all().map((lease) => [lease.fence, lease])),
      waiters: new Map(waiters.all().map((waiter) => [waiter.waiter_key, waiter])),
    };
  };
}

/** The slots of some leases together. */
export function sumSlots(leases: Iterable<LeaseRow>): number {
  let slots = 0;
  for (const lease of leases) slots += lease.slots;
  return slots;
}

/** Tells whether a limit counts by a level that falls. */
export function doesDecay({ slot_decay_per_second }: ConfigRow): boolean {
  return slot_decay_per_second > 0;
}

/** How full a limit is by its level at an instant of the server's clock; 0 where it counts by leases only. */
export function levelAt(config: ConfigRow, at: number): number {
  if (!doesDecay(config)) return 0;
  const fallen = (config.slot_decay_per_second * Math.max(0, at - config.level_at)) / 1000;
  return Math.max(0, config.level - fallen);
}

/** What arithmetic leaves behind. */
const EPSILON = 1e-6;

/** Slots that are free at an instant of the server's clock. */
export function countFree(config: ConfigRow, leases: Iterable<LeaseRow>, at: number): number {
  return config.limit - sumSlots(leases) - Math.ceil(levelAt(config, at) - EPSILON);
}

/** Limits that decay keep a level that falls with time instead of leases. */
import type { LimitConfig } from "./types.ts";

/** Below this a level counts as the integer beside it: it is what arithmetic leaves behind. */
const EPSILON = 1e-9;

/** Tells whether a limit counts by a level. */
export function doesDecay(config: Pick<LimitConfig, "slot_decay_per_second">): boolean {
  return config.slot_decay_per_second > 0;
}

/** How full the limit is at `now`, not rounded. */
export function decayedLevel(config: LimitConfig, now: number): number {
  const fallen = (config.slot_decay_per_second * Math.max(0, now - config.level_at)) / 1000;
  return Math.max(0, config.level - fallen);
}

/** Slots in use at `now`, as shown and as the gate counts them. */
export function decayedSlots(config: LimitConfig, now: number): number {
  return Math.ceil(decayedLevel(config, now) - EPSILON);
}

/** The first millisecond at which `slots` more fit, beside so many that are `held` and do not decay. */
export function fitsAt(config: LimitConfig, slots: number, now: number, held: number): number {
  const over = decayedLevel(config, now) + held + slots - config.limit;
  return over <= 0 ? now : now + Math.ceil((over / config.slot_decay_per_second) * 1000);
}

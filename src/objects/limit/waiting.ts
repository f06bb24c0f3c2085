/** What waiters are told: why they wait, behind whom, and for how long it may be. */
import type { Waiting, WaitReason } from "../../contract/wire/limits.ts";
import { doesDecay, fitsAt } from "../../domain/limit/decay.ts";
import { leaseIdOf } from "../../domain/limit/naming.ts";
import type { Waiter } from "../../domain/limit/types.ts";
import type { LimitCore } from "./core.ts";

/** Positions beyond this are not counted. */
export const POSITION_MAX = 1000;
const BLOCKERS_MAX = 5;

/** What is the same for everybody who waits at this moment. */
export interface Scene {
  now: number;
  free_slots: number;
  blockers: Waiting["blockers"];
}

/** Looks at the limit once for any number of waiters. */
export function lookAround(core: LimitCore, now: number): Scene {
  const { config } = core;
  return {
    now,
    free_slots: config === undefined ? 0 : config.limit - core.countInUse(config, now),
    blockers: core.store.leases.listBlockers(BLOCKERS_MAX).map((lease) => ({
      lease_id: leaseIdOf(core.key, lease),
      slots: lease.slots,
      holder: lease.holder,
      expires_in_seconds: Math.max(0, (lease.expires_at - now) / 1000),
    })),
  };
}

/** The place of a waiter, 1 is next; null for one that is parked, or further back than is counted. */
export function countPosition(core: LimitCore, { lane, priority, seq }: Waiter): number | null {
  if (lane === 1) return null;
  const position = core.store.waiters.countUpTo({ priority, seq }, POSITION_MAX);
  return position > POSITION_MAX ? null : Math.max(1, position);
}

/** Tells a waiter why it waits and for how long it may be. */
export function describeWaiting(
  core: LimitCore,
  waiter: Waiter,
  position: number | null,
  scene: Scene,
  retry_after_seconds: number,
): Waiting {
  const reason: WaitReason =
    waiter.offered_at !== null ? "offered" : waiter.slots <= scene.free_slots ? "behind_others" : "full";
  return {
    status: "waiting",
    reason,
    blocking_limit: core.config?.name ?? "",
    position,
    blockers: scene.blockers,
    estimated_seconds: estimate(core, waiter, position, scene.now),
    retry_after_seconds,
  };
}

/** It is this waiter's turn: the next request with the same key takes the slots. */
export function describeOffer(core: LimitCore): Waiting {
  return {
    status: "waiting",
    reason: "offered",
    blocking_limit: core.stored?.name ?? "",
    position: 1,
    blockers: [],
    estimated_seconds: 0,
    retry_after_seconds: 0,
  };
}

/** Seconds until the turn of who stands there, by how long leases have lasted lately. */
export function estimate(
  core: LimitCore,
  waiter: Waiter,
  position: number | null,
  now: number,
): number | null {
  const { config } = core;
  if (config === undefined) return null;
  if (doesDecay(config)) return (fitsAt(config, waiter.slots * (position ?? 1), now) - now) / 1000;
  if (position === null || config.limit === 0) return null;
  const mean = core.meanOccupancySeconds(now);
  if (mean === undefined) return null;
  return Math.ceil(position / config.limit) * mean;
}

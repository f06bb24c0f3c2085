/** What waiters are told: why they wait, behind whom, and for how long it may be. */
import type { Waiting, WaitReason } from "../../contract/wire/limits.ts";
import { WAITERS_SEEN_MAX } from "../../contract/bounds.ts";
import { doesDecay, fitsAt } from "../../domain/limit/decay.ts";
import { lookAhead, timeToFree, type Outlook } from "../../domain/limit/estimates.ts";
import { leastFree } from "../../domain/limit/line.ts";
import { leaseIdOf } from "../../domain/limit/naming.ts";
import type { Waiter } from "../../domain/limit/types.ts";
import type { LimitCore } from "./core.ts";

/** Positions beyond this are not counted. */
export const POSITION_MAX = 1000;
const BLOCKERS_MAX = 5;
/** Holders by whom it is estimated when slots become free; the others are taken to be like these. */
const HOLDERS_MAX = 100;

/** What is the same for everybody who waits at this moment. */
export interface Scene {
  now: number;
  free_slots: number;
  blockers: Waiting["blockers"];
  outlook: Outlook | undefined;
}

/** Looks at the limit once for any number of waiters. */
export function lookAround(core: LimitCore, now: number): Scene {
  const { config } = core;
  const occupied = core.store.leases.countOccupied();
  return {
    now,
    free_slots: config === undefined ? 0 : config.limit - core.countInUse(config, now, occupied),
    blockers: core.store.leases.listBlockers(BLOCKERS_MAX).map((lease) => ({
      lease_id: leaseIdOf(core.key, lease),
      slots: lease.slots,
      holder: lease.holder,
      expires_in_seconds: Math.max(0, (lease.expires_at - now) / 1000),
    })),
    outlook: readOutlook(core, now, occupied),
  };
}

/** By what it is estimated when waiters get their turn; undefined where nothing is known, or time alone decides. */
export function readOutlook(
  core: LimitCore,
  now: number,
  occupied = core.store.leases.countOccupied(),
): Outlook | undefined {
  const { config } = core;
  if (config === undefined || doesDecay(config)) return undefined;
  const spans = core.recentSpans(now);
  if (spans.length === 0) return undefined;
  const held = core.store.leases.listHeld(HOLDERS_MAX);
  return lookAhead({ limit: config.limit, occupied, held }, spans, now);
}

/** The place of a waiter, 1 is next; null for one that is parked, or further back than is counted. */
export function countPosition(core: LimitCore, { lane, priority, seq }: Waiter): number | null {
  if (lane === 1) return null;
  const position = core.store.waiters.countUpTo({ priority, seq }, POSITION_MAX);
  return position > POSITION_MAX ? null : Math.max(1, position);
}

/**
 * The least that the limit must be raised to for a waiter to get its slots while the present holders keep theirs; before
 * it ask others for `slots_before`.
 */
export function leastLimit(core: LimitCore, waiter: Waiter, slots_before: number, now: number): number {
  const { config, store } = core;
  if (config === undefined) return 0;
  const all = slots_before + waiter.slots;
  const line = config.bypass_max === 0 ? [] : store.waiters.listLine(undefined, WAITERS_SEEN_MAX);
  const end = line.findIndex(({ waiter_key }) => waiter_key === waiter.waiter_key);
  // Only so far is the line looked at: behind that everybody waits in order.
  const free = end === -1 ? all : leastFree(line.slice(0, end + 1), config.bypass_max);
  return core.countInUse(config, now) + free;
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
    estimated_seconds: estimate(core, waiter, position, scene),
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

/**
 * Seconds until the turn of who stands there, see the domain's `estimates.ts`; null where nothing is known. Those before
 * it are taken to ask for as many slots as it does.
 */
export function estimate(
  { config, store }: LimitCore,
  waiter: Waiter,
  position: number | null,
  { now, outlook }: Pick<Scene, "now" | "outlook">,
): number | null {
  if (config === undefined) return null;
  if (waiter.offered_at !== null) return 0;
  if (doesDecay(config)) {
    const held = store.leases.countOccupied();
    if (waiter.slots + held > config.limit) return null;
    return (fitsAt(config, waiter.slots * (position ?? 1), now, held) - now) / 1000;
  }
  if (position === null || outlook === undefined || waiter.slots > config.limit) return null;
  const ms = timeToFree(waiter.slots * position, outlook);
  return ms === null ? null : ms / 1000;
}

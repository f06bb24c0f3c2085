/** How a limit, its leases and its waiters look to people. */
import { formatInstant } from "../../contract/instants.ts";
import type { LeaseRecord, Limit, PreviewedWaiter, Wait, WaiterRecord } from "../../contract/wire/limits.ts";
import { leaseIdOf } from "./naming.ts";
import type { JsonObject } from "../../contract/wire/common.ts";
import { clip } from "../audit/changes.ts";
import type { About, Lease, LimitConfig, Waiter } from "./types.ts";

/** The record of a limit; what is counted is given, because it is never stored. */
export function toLimitRecord(config: LimitConfig, active_slots: number, waiting: number): Limit {
  return {
    id: config.id,
    created: config.created,
    updated: config.updated,
    active: config.active,
    name: config.name,
    limit: config.limit,
    active_slots,
    denied_slots: config.denied_slots,
    slot_decay_per_second: config.slot_decay_per_second,
    avg_slot_occupancy_seconds: config.avg_slot_occupancy_seconds,
    slot_names: config.slot_names,
    bypass_max: config.bypass_max,
    waiting,
  };
}

/** How long a holder has waited for its slots, and how long that was to take when it came. */
export function describeWait({
  arrived_at,
  estimated_ms,
  acquired_at,
}: Pick<Lease, "arrived_at" | "estimated_ms" | "acquired_at">): Wait {
  return {
    waited_seconds: arrived_at === null ? 0 : (acquired_at - arrived_at) / 1000,
    estimated_seconds: estimated_ms === null ? null : estimated_ms / 1000,
  };
}

/** What every record of a live lease says. */
export function commonOfLease(key: string, lease: Lease): Omit<LeaseRecord, "run" | "expires_at"> {
  return {
    lease_id: leaseIdOf(key, lease),
    fence: lease.fence,
    slots: lease.slots,
    slot_names: lease.slot_names,
    holder: lease.holder,
    note: lease.note,
    ...describeWait(lease),
    acquired_at: formatInstant(lease.acquired_at),
    is_reservation: lease.kind === "reserved",
  };
}

/** A lease as the API shows it. */
export function toLeaseRecord(key: string, lease: Lease): LeaseRecord {
  return { ...commonOfLease(key, lease), run: lease.run, expires_at: formatInstant(lease.expires_at) };
}

/** A waiter as the API shows it; `position` counts from 1. */
export function toWaiterRecord(
  waiter: Waiter,
  now: Pick<WaiterRecord, "position" | "is_present" | "reason" | "estimated_seconds">,
): WaiterRecord {
  return {
    ...nameWaiter(waiter),
    priority: waiter.priority,
    arrived_at: formatInstant(waiter.arrived_at),
    passed: waiter.passed,
    ...now,
  };
}

/** Who a waiter is, and what it wants. */
export function nameWaiter(waiter: Waiter): PreviewedWaiter {
  return {
    waiter_id: waiter.waiter_key,
    slots: waiter.slots,
    holder: waiter.holder,
    run: waiter.run,
    note: waiter.note,
    wants_others: waiter.caller === "joint",
  };
}

/** Whose a lease is, for the audit list. */
export function describeLease(lease: Lease, lease_id: string): JsonObject {
  return {
    ...describeWhose(lease),
    lease_id,
    slots: lease.slots,
    ...(lease.slot_names !== null && { slot_names: clip(lease.slot_names) }),
    acquired_at: formatInstant(lease.acquired_at),
  };
}

/** Who a waiter is, for the audit list. */
export function describeWaiter(waiter: Waiter): JsonObject {
  return { ...describeWhose(waiter), waiter_id: waiter.waiter_key, slots: waiter.slots };
}

function describeWhose({ holder, run, note }: About): JsonObject {
  return {
    ...(holder !== null && { holder: { type: holder.type, id: holder.id } }),
    ...(run !== null && { flow_run_id: run.flow_run_id }),
    ...(note !== null && { note: clip(note) }),
  };
}

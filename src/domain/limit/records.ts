/** How a limit, its leases and its waiters look to people. */
import { formatInstant } from "../../contract/instants.ts";
import type { LeaseRecord, Limit, WaiterRecord } from "../../contract/wire/limits.ts";
import { describeWait } from "./history.ts";
import { leaseIdOf } from "./naming.ts";
import type { Lease, LimitConfig, Waiter } from "./types.ts";

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

/** A lease as the API shows it. */
export function toLeaseRecord(key: string, lease: Lease): LeaseRecord {
  return {
    lease_id: leaseIdOf(key, lease),
    fence: lease.fence,
    slots: lease.slots,
    slot_names: lease.slot_names,
    holder: lease.holder,
    run: lease.run,
    note: lease.note,
    ...describeWait(lease),
    acquired_at: formatInstant(lease.acquired_at),
    expires_at: formatInstant(lease.expires_at),
    is_reservation: lease.kind === "reserved",
  };
}

/** A waiter as the API shows it; `position` counts from 1. */
export function toWaiterRecord(
  waiter: Waiter,
  now: Pick<WaiterRecord, "position" | "is_present" | "reason" | "estimated_seconds">,
): WaiterRecord {
  return {
    waiter_id: waiter.waiter_key,
    priority: waiter.priority,
    slots: waiter.slots,
    holder: waiter.holder,
    run: waiter.run,
    note: waiter.note,
    arrived_at: formatInstant(waiter.arrived_at),
    ...now,
  };
}

/** When things end. */
import { GRACE_SECONDS } from "../../contract/bounds.ts";

/** The deadline of a lease, if the clock that it was written by was put forward at `clock_stepped_at` (0: it was not). */
export function deadlineOf(
  lease: { expires_at: number; lease_seconds: number },
  clock_stepped_at: number,
): number {
  return Math.max(lease.expires_at, clock_stepped_at + lease.lease_seconds * 1000);
}

/** The instant at which a lease's slots are free: its deadline (never before `expiry_floor`) and a grace. */
export function endOfLease(expires_at: number, expiry_floor: number): number {
  return Math.max(expires_at, expiry_floor) + GRACE_SECONDS * 1000;
}

/** The deadline up to which leases are over at `now`; undefined while none may expire. */
export function expiredUpTo(now: number, expiry_floor: number): number | undefined {
  const deadline = now - GRACE_SECONDS * 1000;
  return deadline < expiry_floor ? undefined : deadline;
}

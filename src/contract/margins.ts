/**
 * How long before its end a holder takes what it has been lent to be over. Nobody but the holder stops its work, and its
 * clock may run too slow: by a twentieth, however long the lease is, and on top of that the server waits for its grace.
 */
import { GRACE_SECONDS } from "./bounds.ts";

/** Seconds, of a lease of a limit. */
export function marginOfLease(lease_seconds: number): number {
  return Math.min(lease_seconds / 10, Math.max(5, lease_seconds / 20));
}

/** The part of a lease before its half, at which it is renewed, that is left for the renewal. */
const FOR_RENEWAL = 0.1;

/** Seconds, of a lease whose holder needs so long to stop its work: what is more than half the server's grace comes on top. */
export function marginToStop(lease_seconds: number, stop_seconds: number): number {
  return marginOfLease(lease_seconds) + Math.max(0, stop_seconds - GRACE_SECONDS / 2);
}

/** The most seconds that the work of such a lease may need to stop. */
export function stopSecondsMax(lease_seconds: number): number {
  return Math.floor(lease_seconds * (0.5 - FOR_RENEWAL) - marginOfLease(lease_seconds) + GRACE_SECONDS / 2);
}

/** Seconds, of an agent's session: its children need time to end in. */
export function marginOfSession(session_seconds: number): number {
  return Math.min(session_seconds / 4, Math.max(10, session_seconds / 20));
}

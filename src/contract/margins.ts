/**
 * How long before its end a holder takes what it has been lent to be over. Nobody but the holder stops its work, and its
 * clock may run too slow: by a twentieth, however long the lease is, and on top of that the server waits for its grace.
 */

/** Seconds, of a lease of a limit. */
export function marginOfLease(lease_seconds: number): number {
  return Math.min(lease_seconds / 10, Math.max(5, lease_seconds / 20));
}

/** Seconds, of an agent's session: its children need time to end in. */
export function marginOfSession(session_seconds: number): number {
  return Math.min(session_seconds / 4, Math.max(10, session_seconds / 20));
}

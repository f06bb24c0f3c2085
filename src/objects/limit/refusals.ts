/** What a limit says when it refuses. The first and the last are Prefect's own words (source: wire §3.1, §3.10). */
export const LEASE_GONE = "Lease not found - it may have expired or been revoked";
export const ATTEMPT_GONE = "The attempt that asks has ended.";
export const REQUEST_GONE = "The lease of this request id has ended; a new acquire needs a new request id.";
export const LIMIT_NOT_FOUND = "Concurrency Limit not found";

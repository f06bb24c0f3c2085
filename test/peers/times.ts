/** What leases last for in these tests. */
import { GRACE_SECONDS, LEASE_SECONDS_DEFAULT } from "../../src/contract/bounds.ts";

/** A lease of which nothing else is said, milliseconds. */
export const LEASE_MS = LEASE_SECONDS_DEFAULT * 1000;
/** From the deadline of a lease until its slots are free, milliseconds. */
export const END_OF_GRACE_MS = GRACE_SECONDS * 1000;

/** The rows of a limit as the decisions see them. Instants are integer milliseconds since the epoch. */
import type { Holder, LeaseEnd, RunIdentity } from "../../contract/wire/limits.ts";

/** The one row that describes the limit. A deleted limit keeps it: fence, incarnation and live leases outlive it. */
export interface LimitConfig {
  id: string;
  name: string;
  limit: number;
  active: boolean;
  slot_decay_per_second: number;
  denied_slots: number;
  avg_slot_occupancy_seconds: number;
  slot_names: string[] | null;
  bypass_max: number;
  /** How full a limit that decays was at `level_at`. */
  level: number;
  level_at: number;
  incarnation: number;
  created: string;
  updated: string;
  deleted_at: number | null;
}

/** What a live lease is for: a caller's own, one without a caller, or a share of an acquire over several limits. */
export type LeaseKind = "lease" | "anonymous" | "home" | "reserved" | "member";

export interface About {
  holder: Holder | null;
  run: RunIdentity | null;
  note: string | null;
}

export interface Lease extends About {
  fence: number;
  tail: number;
  kind: LeaseKind;
  request_id: string | null;
  slots: number;
  slot_names: string[] | null;
  lease_seconds: number;
  /** When its holder came to wait for it; null where it did not have to. */
  arrived_at: number | null;
  /** How long that was expected to take when it came. */
  estimated_ms: number | null;
  acquired_at: number;
  expires_at: number;
  /** The acquire over several limits that this is a share of, and the key of its home. */
  joint_id: string | null;
  home_key: string | null;
}

/** What is kept of a lease that held slots and has ended. */
export interface EndedSlots extends Pick<
  Lease,
  "fence" | "tail" | "slots" | "arrived_at" | "estimated_ms" | "acquired_at" | "note"
> {
  /** A list in JSON: it is read only where somebody looks. */
  slot_names: string | null;
  ended_at: number;
  ended_by: LeaseEnd;
  holder_type: Holder["type"] | null;
  holder_id: string | null;
  flow_run_id: string | null;
}

/** How a waiter can be answered: by a frame, by its next request, or by a call of its pool. */
export type WaiterCaller = "socket" | "request" | "prefect" | "run" | "joint";

/** In line, or parked because it was absent when its turn came. */
export type Lane = 0 | 1;

export interface Waiter extends About {
  lane: Lane;
  priority: number;
  seq: number;
  waiter_key: string;
  caller: WaiterCaller;
  request_id: string | null;
  slots: number;
  lease_seconds: number;
  arrived_at: number;
  /** How long it might have to wait, as far as that could be told when it came. */
  estimated_ms: number | null;
  /** Counts as present until then, whatever is known of its connection. */
  present_until: number;
  /** When it was told to come back. */
  retry_at: number;
  offered_at: number | null;
  /** How many later waiters have passed it because it was too large. */
  passed: number;
  /** Whom a grant is told: the pool of a run that waits. */
  pool_key: string | null;
}

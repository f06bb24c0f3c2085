/**
 * An acquire over several limits: all or nothing. Its home, the limit of the lowest key, keeps this record, which is the
 * durable decision; the members (home is one) only reserve, commit and undo as it says. Members are reserved in the
 * order of their keys, so that two such acquires never wait for each other in a circle.
 */
import type { GrantedLimit } from "../../contract/wire/limits.ts";
import type { About, WaiterCaller } from "./types.ts";

/** Before this it holds nothing while it waits; after this it keeps what it has, so that it cannot starve. */
export const JOINT_KEEPS_AFTER_MS = 60_000;
/** A reservation that nobody has spoken of for this long is asked about. */
export const RESERVED_SECONDS = 30;
/** A waiting acquire tries again after this long even if no wake came. */
export const JOINT_RETRY_MS = 5000;

export interface JointMember {
  name: string;
  key: string;
  /** `out`: it does not exist any more, or it is disabled and counts nobody. */
  status: "open" | "asked" | "reserved" | "out";
  granted: GrantedLimit | null;
}

export interface Joint extends About {
  joint_id: string;
  waiter_key: string;
  request_id: string | null;
  caller: WaiterCaller | "anonymous";
  mode: "concurrency" | "rate_limit";
  /** Taken without a lease: each share becomes anonymous slots of its limit. */
  is_anonymous: boolean;
  slots: number;
  lease_seconds: number;
  priority: number;
  arrived_at: number;
  asked_at: number;
  /** Until then the request that asks may be held. */
  hold_until: number;
  present_until: number;
  retry_at: number;
  phase: "trying" | "waiting" | "ready" | "held";
  members: JointMember[];
  /** The member that had no room. */
  blocking: string | null;
  /** Counts the questions to members: an answer to an older one is not taken for the newest. */
  round: number;
  /** Room was made somewhere while a member was asked: should that one be full, the try begins again at once. */
  is_woken?: boolean;
  due_at: number;
}

/** The next thing to do for an acquire that tries. */
export type JointStep = { do: "ask"; member: JointMember } | { do: "await" } | { do: "complete" };

/** In the order of keys: the first member that is not settled is asked, one at a time. */
export function nextStep(joint: Joint): JointStep {
  const member = joint.members.find(({ status }) => status === "open" || status === "asked");
  if (member === undefined) return { do: "complete" };
  return member.status === "asked" ? { do: "await" } : { do: "ask", member };
}

/** Tells whether reservations are kept while the rest is waited for. */
export function keepsReservations(joint: Joint, now: number): boolean {
  return now - joint.arrived_at >= JOINT_KEEPS_AFTER_MS;
}

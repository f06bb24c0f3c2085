/**
 * An acquire over several limits: all or nothing. Its home, the limit of the lowest key, keeps this record, which is the
 * durable decision; the members (home is one) only reserve, commit and undo as it says. Members are reserved in the
 * order of their keys, so that two such acquires never wait for each other in a circle.
 */
import type { Grant, GrantedLimit, Waiting } from "../../contract/wire/limits.ts";
import { leaseIdOf } from "./naming.ts";
import type { About, Lease, WaiterCaller } from "./types.ts";

/** Before this it holds nothing while it waits; after this it keeps what it has, so that it cannot starve. */
const JOINT_KEEPS_AFTER_MS = 60_000;
/** A reservation that nobody has spoken of for this long is asked about. */
export const RESERVED_SECONDS = 30;
/**
 * A waiting acquire tries again after a quarter of the time that it has waited, within these bounds, even if no wake
 * came: members tell when they have room, so this only makes good what their word missed. Its places in their lines are
 * kept for twice the longest.
 */
const RETRY_MS_MIN = 5000;
const RETRY_MS_MAX = 30_000;
/** Who waits on a socket and has said nothing for this long keeps no reservation: three pings of a client of ours. */
const SILENT_MS = 45_000;

export interface JointMember {
  name: string;
  key: string;
  /** `out`: it does not exist any more, it is disabled and counts nobody, or it has counted the holder already. */
  status: "open" | "asked" | "reserved" | "out";
  granted: GrantedLimit | null;
  /** The place that somebody gave it in this member's line; absent: that of the acquire. */
  priority?: number;
}

export interface Joint extends About {
  joint_id: string;
  waiter_key: string;
  request_id: string | null;
  caller: WaiterCaller | "anonymous";
  mode: "concurrency" | "rate_limit";
  /** Taken without a lease: each share becomes anonymous slots of its limit. */
  is_anonymous: boolean;
  /** A limit of which its holder has slots already is left out. */
  is_once_per_holder?: boolean;
  slots: number;
  lease_seconds: number;
  priority: number;
  arrived_at: number;
  asked_at: number;
  /** Until then the request that asks may be held. */
  hold_until: number;
  present_until: number;
  retry_at: number;
  /** `ready`: its caller was told to come, because everything is reserved or because a member has room. */
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

/** What is the same whenever the caller asks again. */
export type JointBeginning = Omit<
  Joint,
  "caller" | "asked_at" | "hold_until" | "present_until" | "retry_at" | "due_at"
>;

/** The record of an acquire that nobody has been asked about yet. */
export function beginJoint(
  asked: Omit<JointBeginning, "phase" | "members" | "blocking" | "round" | "is_woken">,
  members: readonly { name: string; key: string }[],
): JointBeginning {
  return {
    ...asked,
    phase: "trying",
    members: members.map(({ name, key }) => ({ name, key, status: "open", granted: null })),
    blocking: null,
    round: 0,
  };
}

/**
 * Tells whether a share, named by its limit's key and its fence, belongs to an acquire: it is counted or, as long as the
 * acquire is not decided, its answer may be on the way.
 */
export function mayHave({ members }: Joint, { key, fence }: { key: string; fence: number }): boolean {
  return members.some(
    (member) => member.key === key && (member.status === "asked" || member.granted?.fence === fence),
  );
}

/** The answer to the caller of an acquire that is held: one lease, at its home, for all limits. */
export function toJointGrant(joint: Joint, home_key: string, lease: Lease, now: number): Grant {
  return {
    status: "granted",
    lease_id: leaseIdOf(home_key, lease),
    limits: joint.members.flatMap(({ granted }) => (granted === null ? [] : [granted])),
    fence: lease.fence,
    expires_in_seconds: Math.max(0, (lease.expires_at - now) / 1000),
  };
}

/** The answer to the caller of one that waits, as far as home knows: its place is in the member's line. */
export function toJointWaiting(joint: Joint, home_name: string, retry_after_seconds: number): Waiting {
  return {
    status: "waiting",
    reason: "other_limit",
    blocking_limit: joint.blocking ?? home_name,
    position: null,
    blockers: [],
    estimated_seconds: null,
    retry_after_seconds,
  };
}

/** The next thing to do for an acquire that tries. */
export type JointStep = { do: "ask"; member: JointMember } | { do: "await" } | { do: "complete" };

/**
 * In the order of keys: the first member that is not settled is asked, one at a time. Those before one that is asked may be
 * open again, and wait for its answer: an answer to any question but the newest is none.
 */
export function nextStep({ members }: Joint): JointStep {
  if (members.some(({ status }) => status === "asked")) return { do: "await" };
  const member = members.find(({ status }) => status === "open");
  return member === undefined ? { do: "complete" } : { do: "ask", member };
}

/**
 * When a waiting acquire is looked at again: to try, or because its caller is absent, or silent on its socket
 * (`silent_at`), and must not keep what others want.
 */
export function nextLookAt(
  { arrived_at, caller, present_until }: Pick<Joint, "arrived_at" | "caller" | "present_until">,
  now: number,
  silent_at = 0,
): number {
  const wait_ms = Math.round(Math.min(RETRY_MS_MAX, Math.max(RETRY_MS_MIN, (now - arrived_at) / 4)));
  if (caller === "socket") return now < silent_at ? Math.min(now + wait_ms, silent_at) : now + wait_ms;
  return now < present_until ? Math.min(now + wait_ms, present_until) : now + RETRY_MS_MIN;
}

/** When the waiter of a socket counts as silent, which was last heard of by its pings then, or else by its question. */
export function silentAt({ retry_at }: Pick<Joint, "retry_at">, pinged_at: number): number {
  return Math.max(retry_at, pinged_at) + SILENT_MS;
}

/** Tells whether reservations are kept while the rest is waited for. */
export function keepsReservations(joint: Joint, now: number): boolean {
  return now - joint.arrived_at >= JOINT_KEEPS_AFTER_MS;
}

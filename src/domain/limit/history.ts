/** Which leases the timeline of a limit shows, and how. */
import { formatInstant } from "../../contract/instants.ts";
import type { HeldSlots, Holder, LimitHistory } from "../../contract/wire/limits.ts";
import { leaseIdOf } from "./naming.ts";
import { commonOfLease, describeWait } from "./records.ts";
import type { EndedSlots, Lease } from "./types.ts";

/** What a timeline is made of. */
export interface Slice {
  key: string;
  now: number;
  /** Those who ended before are not shown. */
  from: number;
  /** So many leases at most: live ones, then those that ended last. */
  limit: number;
  live: readonly Lease[];
  /** In the order in which they ended. */
  ended: readonly EndedSlots[];
  /** Everything that ended after this is in `ended`. */
  known_since: number;
}

export function toLimitHistory({ key, now, from, limit, live, ended, known_since }: Slice): LimitHistory {
  const begins = ended.findIndex(({ ended_at }) => ended_at > from);
  const recent = begins === -1 ? [] : ended.slice(begins);
  const room = Math.max(0, limit - live.length);
  const cut = recent[recent.length - room - 1]?.ended_at ?? from;
  // There may be more holders than were asked for.
  const is_full = live.length >= limit;
  const held = live.filter(({ slots }) => slots > 0).map((lease) => toHeld(key, lease));
  const past = recent.slice(Math.max(0, recent.length - room)).map((lease) => toPast(key, lease));
  return {
    now: formatInstant(now),
    known_since: formatInstant(is_full ? now : Math.min(now, Math.max(from, known_since, cut))),
    leases: [...past, ...held].toSorted((left, right) => left.fence - right.fence),
  };
}

/** Of fewer than so many nothing is said. */
const ESTIMATES_MIN = 3;

type Waited = Pick<Lease, "arrived_at" | "estimated_ms" | "acquired_at">;

/** The median of how far off the estimates were that waiters were given when they came, seconds. */
export function medianEstimateError(leases: readonly Waited[]): number | null {
  const errors = leases
    .flatMap(({ arrived_at, estimated_ms, acquired_at }) =>
      arrived_at === null || estimated_ms === null ? [] : [Math.abs(acquired_at - arrived_at - estimated_ms)],
    )
    .toSorted((left, right) => left - right);
  const middle = errors[Math.floor(errors.length / 2)];
  return middle === undefined || errors.length < ESTIMATES_MIN ? null : middle / 1000;
}

function toHeld(key: string, lease: Lease): HeldSlots {
  const { run, holder } = lease;
  return {
    ...commonOfLease(key, lease),
    flow_run_id: runIdOf(run?.flow_run_id ?? null, holder),
    ended_at: null,
    ended_by: null,
  };
}

/** A lease that has ended, as the timeline and its run show it. */
export function toPast(key: string, lease: EndedSlots) {
  const { fence, slots, slot_names, holder_type, holder_id, note, ended_by } = lease;
  const holder = holder_type === null || holder_id === null ? null : { type: holder_type, id: holder_id };
  return {
    lease_id: leaseIdOf(key, lease),
    fence,
    slots,
    slot_names: slot_names === null ? null : (JSON.parse(slot_names) as string[]),
    holder,
    flow_run_id: runIdOf(lease.flow_run_id, holder),
    note,
    ...describeWait(lease),
    acquired_at: formatInstant(lease.acquired_at),
    ended_at: formatInstant(lease.ended_at),
    ended_by,
    is_reservation: false,
  } satisfies HeldSlots;
}

function runIdOf(flow_run_id: string | null, holder: Holder | null): string | null {
  return flow_run_id ?? (holder?.type === "flow_run" ? holder.id : null);
}

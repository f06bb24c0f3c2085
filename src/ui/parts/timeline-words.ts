/** What a timeline says in words. */
import type { HeldSlots } from "../../contract/wire/limits.ts";
import type { Bar, Usage } from "../data/lanes.ts";
import { describeWho, type Names } from "./who.tsx";
import { formatClock, formatDuration } from "./time.tsx";

const ENDS: Record<NonNullable<HeldSlots["ended_by"]>, string> = {
  holder: "given back",
  withdrawal: "withdrawn",
  deadline: "ended by its deadline",
  run: "ended with its run",
  operator: "taken away",
  other_limit: "ended with the other limits",
};

/** The run that a bar is for, or what else is known of it. */
export function nameBar({ lease }: Bar, names: Names): string {
  const id = lease.flow_run_id;
  return id === null ? describeWho({ ...lease, run: null }, names) : (names.get(id) ?? id.slice(-12));
}

/** Who, where, from when until when, for how long, and how it ended; `now` is milliseconds since the epoch. */
export function describeBar(bar: Bar, names: Names, now: number): string {
  const { lease, from, to } = bar;
  const isHeld = to === Infinity;
  const facts = [
    nameBar(bar, names),
    lease.slot_names?.join(", ") ?? (lease.slots > 1 && `${lease.slots} slots`),
    isHeld ? `since ${formatClock(from)}` : `${formatClock(from)} – ${formatClock(to)}`,
    formatDuration(((isHeld ? now : to) - from) / 1000),
    lease.waited_seconds >= 1 && `after ${formatDuration(lease.waited_seconds)} in line`,
    lease.is_reservation && "reserved for an acquire over several limits",
    lease.ended_by !== null && ENDS[lease.ended_by],
  ];
  return facts.filter(Boolean).join(" · ");
}

/** How much was in use lately, and of what nothing can be seen. */
export function describeUsage(
  { leases, share, known_seconds }: Usage,
  { isAllKnown, hidden }: { isAllKnown: boolean; hidden: { lanes: number; held: number } },
): string {
  const known = formatDuration(known_seconds);
  const facts = [
    leases === 0
      ? `nobody has held a slot in the last ${known}`
      : `${leases} ${leases === 1 ? "lease" : "leases"} in the last ${known}`,
    leases > 0 && share !== null && `${formatShare(share)} in use`,
    !isAllKnown && "not all is known of the time before",
    hidden.lanes > 0 && `${hidden.lanes} more slots, ${hidden.held} of them held in this time`,
  ];
  return facts.filter(Boolean).join(" · ");
}

function formatShare(share: number): string {
  const percent = share * 100;
  return percent > 0 && percent < 1 ? "less than 1 %" : `${Math.round(percent)} %`;
}

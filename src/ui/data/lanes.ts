/** Which lane of a timeline shows which lease: each slot has one, and leases that follow each other share it. */
import type { HeldSlots, LimitHistory } from "../../contract/wire/limits.ts";

/** Lanes are told apart up to here; whoever holds more slots than this is drawn as if it held so many. */
const LANES_MAX = 1000;

/** Lanes beside each other. */
export interface Span {
  lane: number;
  count: number;
}

export interface Bar {
  lease: HeldSlots;
  spans: Span[];
  /** Milliseconds since the epoch, by the server's clock; Infinity: it is still held. */
  from: number;
  to: number;
}

export interface Lanes {
  /** One for each lane: the device, where slots have names. */
  names: (string | null)[];
  /** In the order in which they got their slots. */
  bars: Bar[];
}

/**
 * Puts leases into lanes. A named slot is its own lane; others take the lowest ones that are free when they begin. There are
 * as many lanes as the limit has slots now, and more where more were held.
 */
export function layOut(
  leases: readonly HeldSlots[],
  { limit, slot_names }: { limit: number; slot_names: readonly string[] | null },
): Lanes {
  const names: (string | null)[] = slot_names === null ? [] : [...slot_names];
  const laneOf = new Map(names.map((name, lane) => [name, lane] as const));
  for (const name of leases.flatMap((lease) => lease.slot_names ?? [])) {
    if (laneOf.has(name) || slot_names === null) continue;
    // A slot that is no longer there, and was held.
    laneOf.set(name, names.length);
    names.push(name);
  }
  const named = names.length;
  /** When each lane without a name is free again. */
  const freeAt: number[] = [];
  const bars = leases
    .map((lease) => ({
      lease,
      from: Date.parse(lease.acquired_at),
      to: lease.ended_at === null ? Infinity : Date.parse(lease.ended_at),
    }))
    .toSorted((left, right) => left.from - right.from || left.lease.fence - right.lease.fence)
    .map(({ lease, from, to }) => {
      const lanes = (lease.slot_names ?? []).flatMap((name) => laneOf.get(name) ?? []);
      const wanted = Math.min(lease.slots, LANES_MAX);
      for (let lane = 0; lanes.length < wanted && lane < LANES_MAX; lane += 1) {
        if ((freeAt[lane] ?? -Infinity) > from) continue;
        freeAt[lane] = to;
        lanes.push(named + lane);
      }
      return { lease, from, to, spans: join(lanes) };
    });
  const count = Math.max(named + freeAt.length, slot_names === null ? Math.min(limit, LANES_MAX) : 0);
  while (names.length < count) names.push(null);
  return { names, bars };
}

function join(lanes: readonly number[]): Span[] {
  const spans: Span[] = [];
  for (const lane of lanes.toSorted((left, right) => left - right)) {
    const last = spans.at(-1);
    if (last !== undefined && last.lane + last.count === lane) last.count += 1;
    else spans.push({ lane, count: 1 });
  }
  return spans;
}

/** What a timeline says in a sentence. */
export interface Usage {
  /** For how long before it is known who held slots. */
  known_seconds: number;
  /** Leases that held slots in that time. */
  leases: number;
  /** How much of the slots was in use, 0 to 1; null for a limit of none. */
  share: number | null;
}

/** How much of a limit was in use in the time that is known, `seconds` at most, until `end` in milliseconds since the epoch. */
export function measureUsage(
  { known_since, leases }: LimitHistory,
  limit: number,
  seconds: number,
  end: number,
): Usage {
  const start = Math.max(Date.parse(known_since), end - seconds * 1000);
  let [held_ms, count] = [0, 0];
  for (const { slots, acquired_at, ended_at } of leases) {
    const to = ended_at === null ? end : Math.min(end, Date.parse(ended_at));
    const ms = to - Math.max(start, Date.parse(acquired_at));
    if (ms < 0) continue;
    held_ms += ms * slots;
    count += 1;
  }
  const all_ms = limit * (end - start);
  return {
    known_seconds: (end - start) / 1000,
    leases: count,
    share: all_ms > 0 ? Math.min(1, held_ms / all_ms) : null,
  };
}

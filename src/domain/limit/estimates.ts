/**
 * When waiters may get their turn, by how long leases have lasted lately and for how long the present ones have been held.
 *
 * A lease that has been held for a while goes on for as long as those did on average that lasted longer than that. Of one
 * that has outlasted them all nothing is known: nothing is expected of it, and where that is true of all, nothing is said.
 * So no estimate counts on what the present holders have shown to be wrong.
 */

/** Slots of one lease, and since when they are held; milliseconds since the epoch. */
export interface Held {
  slots: number;
  acquired_at: number;
}

/** What is expected of a limit that does not decay. */
export interface Outlook {
  /** Slots that are free by now; negative where more are held than the limit has. */
  free: number;
  /** How much of what is held was looked at; the rest is taken to be like it. */
  share: number;
  /** Whose end is expected, and how soon. */
  ends: readonly { slots: number; in_ms: number }[];
  /** How long whoever comes next holds what it gets. */
  lasts_ms: number;
}

/** `spans`: how long leases have lasted lately, milliseconds. Undefined where there are none. */
export function lookAhead(
  { limit, occupied, held }: { limit: number; occupied: number; held: readonly Held[] },
  spans: readonly number[],
  now: number,
): Outlook | undefined {
  const lasts_ms = mean(spans);
  if (lasts_ms === undefined) return undefined;
  const seen = held.reduce((sum, { slots }) => sum + slots, 0);
  const ends = held.flatMap(({ slots, acquired_at }) => {
    const age = Math.max(0, now - acquired_at);
    const whole = mean(spans.filter((span) => span > age));
    return whole === undefined ? [] : [{ slots, in_ms: whole - age }];
  });
  return {
    free: limit - occupied,
    share: seen / Math.max(1, occupied),
    ends,
    lasts_ms: Math.max(1, lasts_ms),
  };
}

/** Milliseconds until so many slots have been free for somebody, each again and again; null where nothing is known. */
export function timeToFree(slots: number, { free, share, ends, lasts_ms }: Outlook): number | null {
  const wanted = Math.max(1, slots - free) * share;
  const expected = ends.reduce((sum, end) => sum + end.slots, 0);
  if (expected === 0) return null;
  const countFreed = (ms: number): number =>
    ends.reduce(
      (sum, end) => sum + (ms < end.in_ms ? 0 : end.slots * (1 + Math.floor((ms - end.in_ms) / lasts_ms))),
      0,
    );
  // Halved until the first whole millisecond by which they are; by the last one all have ended, as often as that needs.
  let late = Math.ceil(Math.max(...ends.map(({ in_ms }) => in_ms)) + Math.ceil(wanted / expected) * lasts_ms);
  for (let early = -1; late - early > 1;) {
    const middle = Math.floor((early + late) / 2);
    if (countFreed(middle) >= wanted) late = middle;
    else early = middle;
  }
  return late;
}

function mean(numbers: readonly number[]): number | undefined {
  return numbers.length === 0 ? undefined : numbers.reduce((sum, each) => sum + each, 0) / numbers.length;
}

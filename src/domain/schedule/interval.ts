/** Interval schedules: whole days are local calendar days, the rest of a day is absolute time (source: wire §4.5). */
import type { Micros } from "../../contract/instants.ts";
import type { Zone } from "./timezone.ts";

const DAY: Micros = 86_400_000_000;

/** Yields the dates later than `after`, in order, without end. `interval` and `anchor` in microseconds, both integers. */
export function* iterateInterval(
  interval: Micros,
  anchor: Micros,
  zone: Zone,
  after: Micros,
): Generator<Micros> {
  const days = Math.floor(interval / DAY);
  const rest = interval - days * DAY;
  // Clocks that were set forward or back move a date by hours at most, so two steps back are early enough.
  let step = Math.floor((after - anchor) / interval) - (days === 0 ? 0 : 2);
  const anchorWall = zone.toWall(anchor);
  let last = after;
  for (; ; step += 1) {
    const date =
      days === 0 || step === 0
        ? anchor + step * interval
        : zone.toInstant(anchorWall + step * days * DAY).instant + step * rest;
    if (date <= last) continue;
    last = date;
    yield date;
  }
}

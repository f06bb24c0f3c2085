/** Counting events by name, by resource or by stretches of time (source: Prefect's `Countable` and `TimeUnit`). */
import { formatMicros, instantToMicros, type Instant } from "../../contract/instants.ts";
import type { Countable, EventCount, ReceivedEvent, TimeUnit } from "../../contract/wire/events.ts";

const SECONDS: Record<TimeUnit, number> = { week: 604_800, day: 86_400, hour: 3600, minute: 60, second: 1 };
/** Stretches of time are counted from here on, a Monday. */
const PIVOT_MICROS = instantToMicros("2024-04-01T00:00:00.000000Z");
/** Stretches that one count may have. */
const SPANS_MAX = 1000;

export interface CountInput {
  countable: Countable;
  time_unit: TimeUnit;
  time_interval: number;
  since: Instant;
  until: Instant;
  now: Instant;
}

/** Says why a count by time cannot be made; undefined where it can. */
export function findCountFault({ time_unit, time_interval, since, until }: CountInput): string | undefined {
  const micros = instantToMicros(until) - instantToMicros(since);
  const spans = Math.ceil(micros / (SECONDS[time_unit] * time_interval * 1e6));
  return spans > SPANS_MAX
    ? `The given interval would create ${spans} buckets, which is too many. Please increase the interval or reduce the time range to produce ${SPANS_MAX} buckets or fewer.`
    : undefined;
}

/** Counts events; stretches of time come in their order and with the empty ones, others by how often they are. */
export function countEvents(events: Iterable<ReceivedEvent>, input: CountInput): EventCount[] {
  const counts = new Map<string, EventCount>();
  const isByTime = input.countable === "time" || input.countable === "day";
  const span = SECONDS[input.countable === "day" ? "day" : input.time_unit] * input.time_interval * 1e6;
  const until = input.until < input.now ? input.until : input.now;
  if (isByTime) {
    let index = Math.floor((instantToMicros(input.since) - PIVOT_MICROS) / span);
    for (let made = 0; made <= SPANS_MAX; made += 1, index += 1) {
      const start = PIVOT_MICROS + index * span;
      if (start > instantToMicros(until)) break;
      const start_time = formatMicros(Math.floor(start));
      const end_time = formatMicros(Math.floor(start + span - 1));
      counts.set(String(index), { value: String(index), label: start_time, count: 0, start_time, end_time });
    }
  }
  for (const { event, resource, occurred } of events) {
    const id = resource["prefect.resource.id"] ?? "";
    const value = isByTime
      ? String(Math.floor((instantToMicros(occurred) - PIVOT_MICROS) / span))
      : input.countable === "event"
        ? event
        : id;
    const label = input.countable === "resource" ? (resource["prefect.resource.name"] ?? id) : value;
    const known = counts.get(value);
    if (known === undefined)
      counts.set(value, { value, label, count: 1, start_time: occurred, end_time: occurred });
    else {
      known.count += 1;
      if (!isByTime && occurred < known.start_time) known.start_time = occurred;
      if (!isByTime && occurred > known.end_time) {
        known.end_time = occurred;
        known.label = label;
      }
    }
  }
  const found = [...counts.values()];
  return isByTime
    ? found.sort((left, right) => (left.start_time < right.start_time ? -1 : 1))
    : found.sort((left, right) => right.count - left.count || (left.label < right.label ? -1 : 1));
}

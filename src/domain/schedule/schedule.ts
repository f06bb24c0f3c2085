/** When a schedule fires: one pure function for intervals, cron texts and recurrence rules. */
import { instantToMicros, type Micros } from "../../contract/instants.ts";
import type { ScheduleOut } from "../../contract/wire/schedules.ts";
import { explainCron, iterateCron } from "./cron.ts";
import { iterateInterval } from "./interval.ts";
import { explainRRule, iterateRRule } from "./rrule.ts";
import { openZone, type Zone } from "./timezone.ts";

/** Clocks are set by at most this much, so far back a wall may have been skipped. */
const GAP_MAX: Micros = 3 * 3_600_000_000;
/** Steps between two dates that one question may cost. */
const STEPS_MAX = 20_000;
/** No cron text or rule fires more often, and no run starts faster than this (Prefect's own server has no bound). */
const INTERVAL_MIN: Micros = 1_000_000;
/** Anchors beyond (years 1700 and 2250) would not be exact. */
const ANCHOR_MIN: Micros = -8_520_336_000_000_000;
const ANCHOR_MAX: Micros = 8_835_955_200_000_000;

/** Says in one sentence why a schedule cannot be used; undefined when it can. */
export function explainSchedule(schedule: ScheduleOut): string | undefined {
  const timezone = "timezone" in schedule ? schedule.timezone : null;
  if (openZone(timezone) === undefined) return `Unknown timezone ${JSON.stringify(timezone)}.`;
  if ("cron" in schedule) return explainCron(schedule.cron);
  if ("rrule" in schedule) return explainRRule(schedule.rrule);
  if (!("interval" in schedule)) return undefined;
  const interval = toInterval(schedule.interval);
  if (interval < INTERVAL_MIN) return "The interval must be at least one second.";
  if (interval > ANCHOR_MAX) return "The interval is too long.";
  const anchor = instantToMicros(schedule.anchor_date);
  return anchor < ANCHOR_MIN || anchor > ANCHOR_MAX
    ? "The anchor date must lie between the years 1700 and 2250."
    : undefined;
}

/**
 * The first `count` dates later than `after` and not later than `until`, strictly rising. Bounded work: a schedule that
 * never fires gives none. The schedule must be one that {@link explainSchedule} has nothing against.
 */
export function nextDates(schedule: ScheduleOut, after: Micros, count: number, until: Micros): Micros[] {
  const dates: Micros[] = [];
  if (count <= 0) return dates;
  for (const date of datesAfter(schedule, after)) {
    if (date > until) break;
    dates.push(date);
    if (dates.length >= count) break;
  }
  return dates;
}

/** Yields the dates later than `after`, strictly rising; whoever takes them says how many are enough. */
export function* datesAfter(schedule: ScheduleOut, after: Micros): Generator<Micros> {
  const zone = openZone("timezone" in schedule ? schedule.timezone : null);
  if (zone === undefined) return;
  if ("interval" in schedule) {
    yield* iterateInterval(toInterval(schedule.interval), instantToMicros(schedule.anchor_date), zone, after);
  } else if ("cron" in schedule) {
    const from = beginOfWalls(zone, after);
    yield* toInstants(iterateCron(schedule.cron, schedule.day_or, from), zone, after);
  } else if ("rrule" in schedule) {
    yield* toInstants(iterateRRule(schedule.rrule, beginOfWalls(zone, after)), zone, after);
  }
}

/** Behind a gap the walls inside it are still to come, at their moments; so begin before it. */
function beginOfWalls(zone: Zone, after: Micros): Micros {
  const wall = zone.toWall(after);
  const isClockSet = zone.toWall(after - GAP_MAX) !== wall - GAP_MAX;
  // One microsecond earlier, because a wall in an overlap stands for the first of its two moments.
  return isClockSet ? wall - GAP_MAX : wall - 1;
}

/** Walls as moments, each moment once and in order: walls in a gap come as late as the gap is wide. */
function* toInstants(walls: Iterable<Micros>, zone: Zone, after: Micros): Generator<Micros> {
  let skipped: Micros[] = [];
  let last = after;
  let steps = 0;
  for (const wall of walls) {
    steps += 1;
    if (steps > STEPS_MAX) break;
    const { instant, isGap } = zone.toInstant(wall);
    if (isGap) {
      skipped.push(instant);
      continue;
    }
    for (const late of skipped.filter((date) => date < instant)) {
      if (late > last) yield (last = late);
    }
    skipped = skipped.filter((date) => date > instant);
    if (instant > last) yield (last = instant);
  }
  for (const late of skipped) if (late > last) yield (last = late);
}

function toInterval(seconds: number): Micros {
  return Math.round(seconds * 1_000_000);
}

/** Which days' journals a question about runs concerns. Days are UTC, written `YYYYMMDD`. */
import { dayOfId } from "../../contract/ids.ts";
import { formatInstant, instantToMs } from "../../contract/instants.ts";
import type { RunFilter } from "../../contract/wire/filters.ts";
import { isTerminal } from "../../contract/wire/states.ts";

const DAY_MS = 86_400_000;
/** Days that are asked where no time is given. */
const DAYS_DEFAULT = 7;
/** Journals that one question asks at most, the newest ones. */
const DAYS_MAX = 31;
/** A run's day is the one on which it was first expected; it may have started, and ended, this much later. */
const DAYS_LATER_MAX = 2;

/** The UTC day of an instant in milliseconds. */
export function dayOf(ms: number): string {
  return formatInstant(ms).slice(0, 10).replaceAll("-", "");
}

/** The milliseconds at which a day begins. */
export function startOfDay(day: string): number {
  return instantToMs(`${day.slice(0, 4)}-${day.slice(4, 6)}-${day.slice(6)}T00:00:00.000000Z`);
}

/**
 * Chooses among the days that have a journal those that may have what a filter means: the days of the ids that it names,
 * else those of the times that it gives, else the last seven. A filter for runs that have not finished concerns none.
 */
export function chooseDays(known: readonly string[], filter: RunFilter, now: number): string[] {
  const runs = filter.flow_runs ?? {};
  const isAnd = runs.operator !== "or_";
  const newest = [...known].toSorted().toReversed();
  const types = runs.state?.operator === "or_" ? null : runs.state?.type?.any_;
  if (isAnd && types && !types.some((type) => isTerminal(type))) return [];
  if (isAnd && runs.id?.any_) {
    const wanted = new Set(runs.id.any_.map((id) => dayOfId(id)));
    return newest.filter((day) => wanted.has(day)).slice(0, DAYS_MAX);
  }
  const times = isAnd ? [runs.expected_start_time, runs.start_time, runs.end_time] : [];
  const after = times.flatMap((time) => (typeof time?.after_ === "string" ? [instantToMs(time.after_)] : []));
  const before = times.flatMap((time) =>
    typeof time?.before_ === "string" ? [instantToMs(time.before_)] : [],
  );
  const until = before.length === 0 ? null : Math.min(...before);
  const since = after.length === 0 ? (until ?? now) - DAYS_DEFAULT * DAY_MS : Math.max(...after);
  const first = dayOf(since - (after.length === 0 ? 0 : DAYS_LATER_MAX * DAY_MS));
  return newest.filter((day) => day >= first && (until === null || day <= dayOf(until))).slice(0, DAYS_MAX);
}

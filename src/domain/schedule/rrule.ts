/**
 * RRULE schedules: the text of RFC 5545, also of several lines (RRULE, RDATE, EXRULE, EXDATE). As in Prefect, every date
 * in the text is a wall in the schedule's time zone, whatever zone it names itself; without DTSTART it is 2020-01-01.
 */
import { RRuleTemporal } from "rrule-temporal";
import { toDate, type Micros } from "../../contract/instants.ts";
import { daysFromCivil } from "./timezone.ts";

const HOUR: Micros = 3_600_000_000;
/** Windows that are searched one after another, so that frequent rules stop early and rare ones are found at all. */
const WINDOWS: readonly Micros[] = [HOUR / 6, HOUR, 24 * HOUR, 10 * 24 * HOUR, 100 * 24 * HOUR];
/** Dates beyond the windows that are searched one by one. */
const RARE_DATES_MAX = 20;
/** Each may cost as much as the library's bound allows. */
const RULES_MAX = 10;
const DEFAULT_START = "20200101T000000";
/** Candidates that one question to a rule with COUNT may cost. */
const COUNTED_MAX = 50_000;
/** Times a day, hour or minute from which on the candidates of a rule with COUNT are bounded. */
const TIMES_FEW = 10;
/** No schedule fires later (the year 2250). */
const WALL_MAX: Micros = 8_835_955_200_000_000;

interface Rules {
  /** Where the rules begin. */
  start: Micros;
  includes: RRuleTemporal[];
  excludes: RRuleTemporal[];
  dates: Micros[];
  excluded: ReadonlySet<Micros>;
}

/** Says what is wrong with a text; undefined when nothing is. */
export function explainRRule(text: string): string | undefined {
  try {
    const { start, includes, excludes, dates } = parseRules(text);
    if (![...includes, ...excludes].every(canCountToEnd))
      throw new Error("its COUNT takes too many steps to count; say with UNTIL when it ends");
    // One that is kept is searched in vain, for up to a second, whenever its deployment changes.
    if (dates.length === 0 && includes.every((rule) => findNext(rule, start - 1) === undefined))
      throw new Error("it never fires: there is no date that fits all of its parts");
    return undefined;
  } catch (error) {
    return `Invalid RRule string ${JSON.stringify(text.slice(0, 200))}: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/**
 * Yields the walls later than `afterWall`, in order. The library bounds its work; a rule that passes the bound without
 * a date counts as ended.
 */
export function* iterateRRule(text: string, afterWall: Micros): Generator<Micros> {
  const rules = parseRules(text);
  let from = afterWall;
  for (const window of WINDOWS) {
    const until = afterWall + window;
    const found = [
      ...rules.includes.flatMap((rule) => findBetween(rule, from, until)),
      ...rules.dates.filter((date) => date > from && date <= until),
    ];
    const excluded = new Set([
      ...rules.excluded,
      ...rules.excludes.flatMap((rule) => findBetween(rule, from, until)),
    ]);
    for (const wall of [...new Set(found)].sort((a, b) => a - b)) if (!excluded.has(wall)) yield wall;
    from = until;
  }
  for (let count = 0; count < RARE_DATES_MAX; count += 1) {
    const next = [
      ...rules.includes.map((rule) => findNext(rule, from)),
      ...rules.dates.filter((date) => date > from),
    ].reduce(
      (least: Micros, date) => Math.min(least, date ?? Number.POSITIVE_INFINITY),
      Number.POSITIVE_INFINITY,
    );
    if (!Number.isFinite(next)) return;
    from = next;
    if (!rules.excluded.has(next) && !rules.excludes.some((rule) => findNext(rule, next - 1) === next))
      yield next;
  }
}

/** A rule with COUNT is counted from its start at each question; one that is counted to its end once always can be. */
function canCountToEnd(rule: RRuleTemporal): boolean {
  if (rule.options().count === undefined) return true;
  try {
    rule.previous(toDate(WALL_MAX / 1000));
    return true;
  } catch {
    return false;
  }
}

function findBetween(rule: RRuleTemporal, from: Micros, until: Micros): Micros[] {
  try {
    return rule
      .between(toDate(Math.floor(from / 1000)), toDate(Math.floor(until / 1000)), true)
      .map((date) => date.epochMilliseconds * 1000)
      .filter((date) => date > from && date <= until);
  } catch {
    return [];
  }
}

function findNext(rule: RRuleTemporal, after: Micros): Micros | undefined {
  try {
    const next = rule.next(toDate(Math.floor(after / 1000)), false)?.epochMilliseconds;
    return next === undefined ? undefined : next * 1000;
  } catch {
    return undefined;
  }
}

function parseRules(text: string): Rules {
  let start = DEFAULT_START;
  const rules: string[] = [];
  const exclusions: string[] = [];
  const dates: Micros[] = [];
  const excluded = new Set<Micros>();
  for (const line of text.toUpperCase().split(/\s+/)) {
    if (line === "") continue;
    const colon = line.indexOf(":");
    const name = colon === -1 ? "RRULE" : line.slice(0, colon).split(";", 1)[0];
    const value = line.slice(colon + 1);
    if (name === "DTSTART") start = toCompact(readWall(value));
    else if (name === "RRULE") rules.push(value);
    else if (name === "EXRULE") exclusions.push(value);
    else if (name === "RDATE") dates.push(...value.split(",").map(readWall));
    else if (name === "EXDATE") for (const date of value.split(",")) excluded.add(readWall(date));
    else throw new Error(`unknown line ${name ?? line}`);
  }
  if (rules.length === 0 && dates.length === 0) throw new Error("it has neither a rule nor a date");
  if (rules.length + exclusions.length > RULES_MAX) throw new Error(`it has more than ${RULES_MAX} rules`);
  const open = (rule: string) => openRule(rule, start);
  return {
    start: readWall(start),
    includes: rules.map(open),
    excludes: exclusions.map(open),
    dates,
    excluded,
  };
}

const RULE_PARTS: ReadonlySet<string> = new Set([
  "FREQ",
  "INTERVAL",
  "COUNT",
  "UNTIL",
  "WKST",
  "BYSETPOS",
  "BYMONTH",
  "BYMONTHDAY",
  "BYYEARDAY",
  "BYWEEKNO",
  "BYDAY",
  "BYWEEKDAY",
  "BYHOUR",
  "BYMINUTE",
  "BYSECOND",
]);
/** Numbers that a part may hold, by magnitude; the library ignores others without a word. */
const PART_BOUNDS: Readonly<Record<string, readonly [number, number]>> = {
  INTERVAL: [1, 1_000_000],
  COUNT: [1, 1_000_000_000],
  BYSETPOS: [1, 366],
  BYMONTH: [1, 12],
  BYMONTHDAY: [1, 31],
  BYYEARDAY: [1, 366],
  BYWEEKNO: [1, 53],
  BYHOUR: [0, 23],
  BYMINUTE: [0, 59],
  BYSECOND: [0, 59],
};

function openRule(rule: string, start: string): RRuleTemporal {
  const parts = rule
    .split(";")
    .filter((part) => part !== "")
    .map((part) => {
      const [name = "", value = ""] = part.split("=", 2);
      if (!RULE_PARTS.has(name) || value === "") throw new Error(`cannot read ${JSON.stringify(part)}`);
      const bounds = PART_BOUNDS[name];
      if (bounds !== undefined) {
        for (const item of value.split(",")) {
          const magnitude = Math.abs(Number(item));
          if (!/^[+-]?\d+$/.test(item) || magnitude < bounds[0] || magnitude > bounds[1])
            throw new Error(`${JSON.stringify(part)} is out of range`);
        }
      }
      if (name === "UNTIL") return `UNTIL=${toCompact(readWall(value))}Z`;
      return name === "BYWEEKDAY" ? `BYDAY=${value}` : part;
    });
  // The library knows no short cut to a date under this bound, so only the rules get it that could cost seconds.
  const isCostly = parts.some((part) => part.startsWith("COUNT=")) && countTimes(parts) > TIMES_FEW;
  return new RRuleTemporal({
    rruleString: `DTSTART:${start}Z\nRRULE:${sayEnd(parts, start).join(";")}`,
    cache: false,
    ...(isCostly && { maxCandidateEvaluations: COUNTED_MAX }),
  });
}

/** How many times the lists of hours, minutes and seconds name together. */
function countTimes(parts: readonly string[]): number {
  return parts
    .filter((part) => /^BY(?:HOUR|MINUTE|SECOND)=/.test(part))
    .reduce((times, part) => times * part.split(",").length, 1);
}

const STEPS: Readonly<Record<string, Micros>> = {
  SECONDLY: 1_000_000,
  MINUTELY: 60_000_000,
  HOURLY: HOUR,
  DAILY: 24 * HOUR,
  WEEKLY: 168 * HOUR,
};

/** A rule of even steps ends at a date that needs no counting: COUNT becomes UNTIL. */
function sayEnd(parts: readonly string[], start: string): readonly string[] {
  const read = (name: string) => parts.find((part) => part.startsWith(`${name}=`))?.slice(name.length + 1);
  const step = STEPS[read("FREQ") ?? ""];
  const count = read("COUNT");
  const isEven = parts.every((part) => /^(?:FREQ|INTERVAL|COUNT|WKST)=/.test(part));
  if (step === undefined || count === undefined || !isEven) return parts;
  const end = readWall(start) + (Number(count) - 1) * Number(read("INTERVAL") ?? 1) * step;
  const others = parts.filter((part) => !part.startsWith("COUNT="));
  return end >= WALL_MAX ? others : [...others, `UNTIL=${toCompact(end)}Z`];
}

function readWall(text: string): Micros {
  const match = /^(\d{4})(\d{2})(\d{2})(?:T(\d{2})(\d{2})(\d{2})?Z?)?$/.exec(text);
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] =
    match?.slice(1).map((digits) => Number(digits ?? 0)) ?? [];
  const days = daysFromCivil(year, month, day);
  const isReal =
    match !== null &&
    month >= 1 &&
    month <= 12 &&
    day >= 1 &&
    daysFromCivil(month === 12 ? year + 1 : year, (month % 12) + 1, 1) > days &&
    hour < 24 &&
    minute < 60 &&
    second < 60;
  if (!isReal || year < 1700 || year > 2250) throw new Error(`cannot read the date ${JSON.stringify(text)}`);
  return (days * 86_400 + hour * 3600 + minute * 60 + second) * 1_000_000;
}

function toCompact(wall: Micros): string {
  return toDate(wall / 1000)
    .toISOString()
    .slice(0, 19)
    .replaceAll(/[-:]/g, "");
}

/**
 * Cron schedules with croniter's reading of the text, which is Prefect's: five fields, or six with the seconds LAST;
 * `5/15` means from 5 on; a range may wrap (`FRI-MON`); with `day_or` a day matches by either day field, else by both.
 */
import { Cron } from "croner";
import { formatMicros, type Micros } from "../../contract/instants.ts";

const ALIASES: ReadonlySet<string> = new Set([
  "@yearly",
  "@annually",
  "@monthly",
  "@weekly",
  "@daily",
  "@midnight",
  "@hourly",
]);
/** Smallest and largest number of each field, in the order minute, hour, day, month, weekday, second. */
const RANGES = [
  [0, 59],
  [0, 23],
  [1, 31],
  [1, 12],
  [0, 6],
  [0, 59],
] as const;
const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const FIRST_BATCH = 2;
const BATCH_MAX = 128;

/** Says what is wrong with a cron text; undefined when nothing is. */
export function explainCron(cron: string): string | undefined {
  try {
    openCron(cron, true);
    return undefined;
  } catch (error) {
    const reason = (error instanceof Error ? error.message : String(error)).replace(/^CronPattern: /, "");
    return `Invalid cron string ${JSON.stringify(cron)}: ${reason}`;
  }
}

/** Yields the walls later than `afterWall` at which the clock matches, in order. */
export function* iterateCron(cron: string, dayOr: boolean, afterWall: Micros): Generator<Micros> {
  const job = openCron(cron, dayOr);
  let from = afterWall;
  for (let size = FIRST_BATCH; ; size = Math.min(size * 2, BATCH_MAX)) {
    const batch = job.nextRuns(size, formatMicros(from));
    for (const date of batch) {
      const wall = date.getTime() * 1000;
      if (wall > from) yield wall;
      from = Math.max(from, wall);
    }
    if (batch.length < size) return;
  }
}

function openCron(cron: string, dayOr: boolean): Cron {
  // Walls are read as UTC: what a time zone does to them is decided in one place for all schedules.
  return new Cron(toCronerText(cron), {
    utcOffset: 0,
    domAndDow: !dayOr,
    mode: "5-or-6-parts",
    paused: true,
  });
}

function toCronerText(cron: string): string {
  const text = cron.trim().toLowerCase();
  if (text.startsWith("@")) {
    if (ALIASES.has(text)) return text;
    throw new Error(`unknown alias; known are ${[...ALIASES].join(", ")}`);
  }
  const fields = text.split(/\s+/);
  if (fields.length !== 5 && fields.length !== 6) throw new Error("five or six fields are required");
  const [minute, hour, day, month, weekday, second = "0"] = fields.map((field, index) =>
    field
      .split(",")
      .map((item) => toCronerItem(item, index))
      .join(","),
  );
  return [second, minute, hour, day, month, weekday].join(" ");
}

function toCronerItem(item: string, field: number): string {
  const [low, high] = RANGES[field] ?? [0, 59];
  const last = /^l(\w+)$/.exec(item);
  if (field === 4 && last !== null) return `${last[1]}l`;
  const from = /^(\w+)\/(\d+)$/.exec(item);
  if (from !== null) return `${from[1]}-${high}/${from[2]}`;
  const range = /^(\w+)-(\w+)$/.exec(item);
  if (range === null) return item;
  const [begin, end] = [toNumber(range[1], field), toNumber(range[2], field)];
  if (begin === undefined || end === undefined || begin <= end) return item;
  // Sunday is 7 at the end of a range (`FRI-SUN`) and 0 at its begin.
  return field === 4 && end === 0 ? `${begin}-7` : `${begin}-${high},${low}-${end}`;
}

function toNumber(text: string | undefined, field: number): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d+$/.test(text)) return Number(text);
  const months = MONTHS.indexOf(text);
  if (field === 3 && months >= 0) return months + 1;
  const weekday = WEEKDAYS.indexOf(text);
  return field === 4 && weekday >= 0 ? weekday : undefined;
}

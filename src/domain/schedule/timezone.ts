/**
 * Local time. A *wall* is what a clock on the wall of a time zone shows, written as the microseconds since the epoch at
 * which a clock in UTC shows the same.
 */
import type { Micros } from "../../contract/instants.ts";

const SECOND = 1_000_000;
const DAY: Micros = 86_400 * SECOND;

/** A time zone whose clock can be read. */
export interface Zone {
  toWall(instant: Micros): Micros;
  /**
   * The moment at which the clock shows `wall`: the first of the two in an overlap. In a gap there is none, and it is
   * the moment as far behind the gap's begin as if the clock had not jumped (as Python's `fold=0` has it).
   */
  toInstant(wall: Micros): { instant: Micros; isGap: boolean };
}

const UTC: Zone = { toWall: (instant) => instant, toInstant: (wall) => ({ instant: wall, isGap: false }) };

/** Opens a zone of the IANA data; undefined for an unknown one. Null is UTC. */
export function openZone(name: string | null): Zone | undefined {
  if (name === null || /^(etc\/)?(utc|gmt|uct|universal|zulu)$/i.test(name)) return UTC;
  // Offsets are no time zones for Prefect's clients, and this list stays theirs.
  if (!/^[a-z]/i.test(name)) return undefined;
  const format = createFormat(name);
  if (format === undefined) return undefined;
  const offsetAt = (instant: Micros): Micros => {
    const seconds = Math.floor(instant / SECOND);
    return readWallSeconds(format, seconds) * SECOND - seconds * SECOND;
  };
  return {
    toWall: (instant) => instant + offsetAt(instant),
    toInstant: (wall) => {
      const before = offsetAt(wall - DAY);
      if (offsetAt(wall - before) === before) return { instant: wall - before, isGap: false };
      const after = offsetAt(wall + DAY);
      if (offsetAt(wall - after) === after) return { instant: wall - after, isGap: false };
      return { instant: wall - before, isGap: true };
    },
  };
}

function createFormat(timeZone: string): Intl.DateTimeFormat | undefined {
  try {
    return new Intl.DateTimeFormat("en-US", {
      timeZone,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
  } catch {
    return undefined;
  }
}

function readWallSeconds(format: Intl.DateTimeFormat, seconds: number): number {
  const fields: Record<string, number> = {};
  for (const { type, value } of format.formatToParts(seconds * 1000)) fields[type] = Number(value);
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = fields;
  return daysFromCivil(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
}

/** Days since 1970-01-01 of a date in the proleptic Gregorian calendar (H. Hinnant's algorithm). */
export function daysFromCivil(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

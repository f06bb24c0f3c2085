/**
 * Instants on the wire are RFC 3339 in UTC with microseconds (`2026-11-22T04:08:34.807049Z`). In this one form their
 * order as text is their order in time, so records are stored and compared as they go out.
 */

declare const instantBrand: unique symbol;
/** RFC 3339, UTC, exactly six decimals. */
export type Instant = string & { readonly [instantBrand]?: never };

/** Writes milliseconds since the epoch as an instant. */
export function formatInstant(ms: number): Instant {
  const whole = Math.floor(ms);
  const micros = Math.floor((ms - whole) * 1000);
  return new Date(whole).toISOString().replace("Z", `${String(micros).padStart(3, "0")}Z`);
}

/** Reads an instant of ours as milliseconds since the epoch, microseconds as decimals. */
export function instantToMs(instant: Instant): number {
  const whole = Date.parse(`${instant.slice(0, 23)}Z`);
  return whole + Number(instant.slice(23, 26)) / 1000;
}

/** Whether the calendar has this `YYYY-MM-DD`: engines take the 30th of February for a day in March. */
export function isRealDate(date: string): boolean {
  const ms = Date.parse(`${date}T00:00:00Z`);
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(date);
}

const INSTANT_FORM =
  /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2})?)(?:\.(\d{1,9}))?(Z|[+-]\d{2}:?\d{2}(?::\d{2})?)?)?$/i;

/**
 * Reads an instant in every form that Prefect's clients send (source: wire §2.7): RFC 3339, the same with a space, a
 * bare date, and epoch seconds as a number. A time without an offset is UTC. Undefined for anything else.
 */
export function parseInstant(input: unknown): Instant | undefined {
  if (typeof input === "number") {
    const ms = input * 1000;
    return Number.isFinite(ms) && ms >= -62_135_596_800_000 && ms < 253_402_300_800_000
      ? formatInstant(ms)
      : undefined;
  }
  if (typeof input !== "string") return undefined;
  const match = INSTANT_FORM.exec(input.trim());
  if (match === null) return undefined;
  const [, date = "", time = "00:00:00", decimals = "", offset = "Z"] = match;
  if (!isRealDate(date)) return undefined;
  const seconds = time.length === 5 ? `${time}:00` : time;
  const zone = /^z$/i.test(offset) ? "Z" : offset.replace(/^([+-]\d{2}):?(\d{2}).*$/, "$1:$2");
  const whole = Date.parse(`${date}T${seconds}${zone}`);
  if (Number.isNaN(whole)) return undefined;
  const micros = decimals.padEnd(6, "0").slice(0, 6);
  const iso = new Date(whole).toISOString();
  return iso.length === 24 ? iso.replace(/\.\d{3}Z$/, `.${micros}Z`) : undefined;
}

/** Microseconds since the epoch as an integer: exact for the years 1685 to 2255. */
export type Micros = number;

/** Writes microseconds since the epoch as an instant. */
export function formatMicros(micros: Micros): Instant {
  const ms = Math.floor(micros / 1000);
  return new Date(ms).toISOString().replace("Z", `${String(micros - ms * 1000).padStart(3, "0")}Z`);
}

/** Reads an instant of ours as microseconds since the epoch. */
export function instantToMicros(instant: Instant): Micros {
  return Date.parse(`${instant.slice(0, 23)}Z`) * 1000 + Number(instant.slice(23, 26));
}

/** The platform's date of a moment, for libraries that want one; milliseconds since the epoch. */
export function toDate(ms: number): Date {
  return new Date(ms);
}

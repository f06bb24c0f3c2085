/** Parsers of what people type. Each says what it wants by throwing a {@link ValueFault}. */
import { isRealDate } from "../../contract/instants.ts";
import type { JsonObject, JsonValue } from "../../contract/wire/common.ts";
import { ValueFault, type Parse } from "./parameters.ts";

/** Whole numbers within bounds. */
export function wholeNumber(
  bounds: { min?: number; max?: number } = { min: 0, max: 1_000_000 },
): Parse<number> {
  const { min = 0, max = 1_000_000 } = bounds;
  return (text) => {
    const value = /^[+-]?\d+$/.test(text.trim()) ? Number(text) : Number.NaN;
    if (!Number.isSafeInteger(value) || value < min || value > max)
      throw new ValueFault(`a whole number from ${min} to ${max}`);
    return value;
  };
}

/** Decimal numbers that are not negative. */
export function parseDecimal(text: string): number {
  const value = /^\+?(\d+\.?\d*|\.\d+)$/.test(text.trim()) ? Number(text) : Number.NaN;
  if (!Number.isFinite(value)) throw new ValueFault("a number, 0 or more");
  return value;
}

/** Names of limits, pools, queues and so on: 1 to 255 characters, none of `/ % & > <` (the server refuses these too). */
export function parseName(text: string): string {
  if (text === "" || text.length > 255) throw new ValueFault("a name of 1 to 255 characters");
  if (text.trim() !== text) throw new ValueFault("a name that neither begins nor ends with a blank");
  if (/[/%&><]/.test(text)) throw new ValueFault("a name without any of the characters / % & > <");
  if (/\p{Cc}/u.test(text)) throw new ValueFault("a name without line breaks and other control characters");
  return text;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Tells whether a text is an id rather than a name. */
export function isId(text: string): boolean {
  return UUID.test(text);
}

/** Ids, as lists and `-o json` show them. */
export function parseIdText(text: string): string {
  if (!UUID.test(text)) throw new ValueFault("an id like 01993a5c-7b1e-7000-8000-0123456789ab");
  return text.toLowerCase();
}

/** `FLOW/DEPLOYMENT` or an id. */
export function parseDeploymentRef(text: string): string {
  if (UUID.test(text)) return text.toLowerCase();
  const parts = text.split("/");
  if (parts.length !== 2 || parts.some((part) => part === ""))
    throw new ValueFault("the form FLOW/DEPLOYMENT, or an id");
  return text;
}

/** JSON of any kind. */
export function parseJson(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
  } catch (error) {
    throw new ValueFault(`JSON (${error instanceof Error ? error.message : "not readable"})`);
  }
}

/** JSON where it is JSON, text where it is not. */
export function parseJsonOrText(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return text;
  }
}

/** A JSON object. */
export function parseJsonObject(text: string): JsonObject {
  const value = parseJson(text);
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new ValueFault(`a JSON object like {"key": "value"}`);
  return value;
}

export interface KeyValue {
  key: string;
  value: JsonValue;
}

/** `KEY=VALUE`, the value as text. */
export function parseKeyText(text: string): { key: string; value: string } {
  const at = text.indexOf("=");
  if (at < 1) throw new ValueFault("the form KEY=VALUE");
  return { key: text.slice(0, at).trim(), value: text.slice(at + 1) };
}

/** `KEY=VALUE`, the value as JSON where it is JSON and as text where it is not (source: wire §3.5b, Prefect's `--param`). */
export function parseKeyValue(text: string): KeyValue {
  const { key, value } = parseKeyText(text);
  return { key, value: parseJsonOrText(value) };
}

const UNITS: Record<string, number> = {
  s: 1,
  sec: 1,
  second: 1,
  m: 60,
  min: 60,
  minute: 60,
  h: 3600,
  hr: 3600,
  hour: 3600,
  d: 86_400,
  day: 86_400,
  w: 604_800,
  week: 604_800,
};

/** A stretch of time in seconds: `90`, `90s`, `1h30m`, `2 days`, `5 minutes`. */
export function parseSeconds(text: string): number {
  const trimmed = text
    .trim()
    .toLowerCase()
    .replace(/^in\s+/, "");
  if (/^\d+(\.\d+)?$/.test(trimmed)) return Number(trimmed);
  const parts = [...trimmed.matchAll(/(\d+(?:\.\d+)?)\s*([a-z]+)[\s,]*/g)];
  const total = parts.reduce((sum, [, amount, unit = ""]) => {
    const seconds = UNITS[unit] ?? UNITS[unit.replace(/s$/, "")];
    return seconds === undefined ? Number.NaN : sum + Number(amount) * seconds;
  }, 0);
  const isWhole = parts.map(([part]) => part).join("") === trimmed;
  if (parts.length === 0 || !isWhole || Number.isNaN(total))
    throw new ValueFault("a stretch of time like 90s, 5m, 1h30m or 2 days");
  return total;
}

/** A point in time: RFC 3339, a date, or a local date and time; becomes RFC 3339 in UTC. */
export function parseInstantText(text: string): string {
  const match = /^(\d{4}-\d{2}-\d{2})(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?$/i.exec(
    text.trim(),
  );
  const ms = isRealDate(match?.[1] ?? "") ? Date.parse(text.trim().replace(" ", "T")) : Number.NaN;
  if (Number.isNaN(ms)) throw new ValueFault("a time like 2030-01-31T08:00:00Z or 2030-01-31 08:00");
  return new Date(ms).toISOString();
}

/**
 * When something is to start: as {@link parseInstantText}, or a time of day in the local zone (`17:30`, `at 5:30pm`,
 * `tomorrow at 8:00`), which is the next one to come unless a day is named.
 */
export function parseStartText(text: string, now = new Date()): string {
  const words = text
    .trim()
    .toLowerCase()
    .replace(/^at\s+/, "");
  const match = /^(?:(today|tomorrow)\s+)?(?:at\s+)?(\d{1,2})(?::(\d{2})(?::(\d{2}))?)?\s*(am|pm)?$/.exec(
    words,
  );
  const [, day, hours, minutes, seconds, half] = match ?? [];
  // A bare number may be anything.
  if (match === null || (minutes === undefined && half === undefined)) return parseInstantText(words);
  const hour = half === undefined ? Number(hours) : (Number(hours) % 12) + (half === "pm" ? 12 : 0);
  const isHour = half === undefined ? hour < 24 : Number(hours) >= 1 && Number(hours) <= 12;
  if (!isHour || Number(minutes ?? 0) > 59 || Number(seconds ?? 0) > 59)
    throw new ValueFault("a time like 17:30, 5:30pm or 2030-01-31 08:00");
  const start = new Date(now);
  start.setHours(hour, Number(minutes ?? 0), Number(seconds ?? 0), 0);
  if (day === "tomorrow" || (day === undefined && start <= now)) start.setDate(start.getDate() + 1);
  return start.toISOString();
}

/** The address of a server's API; `/api` is added where only a host was given. */
export function parseApiUrl(text: string): string {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new ValueFault("an address like http://127.0.0.1:4200/api");
  }
  if (url.protocol !== "http:" && url.protocol !== "https:")
    throw new ValueFault("an address that begins with http:// or https://");
  if (url.pathname === "/") url.pathname = "/api";
  return url.href.replace(/\/+$/, "");
}

/**
 * The part of a log that a page shows. At the log's end it grows: only what is new is asked for, and put to what is
 * known. Its earlier parts are read back from the oldest record that is shown, so nothing that comes moves them.
 */
import { PAGE_MAX } from "../../contract/bounds.ts";
import { instantToMs } from "../../contract/instants.ts";
import type { Log } from "../../contract/wire/logs.ts";
import type { Request } from "./http.ts";
import { cutExcerpt, type Part } from "./log-excerpt.ts";
import { toReadable } from "./readable-text.ts";

interface Room {
  records: number;
  characters: number;
}

/** What is kept while somebody follows the end … */
const ROOM: Room = { records: 500, characters: 1_000_000 };
/** … and while somebody reads further up, where nothing is taken away. */
const READING_ROOM: Room = { records: 2000, characters: 4_000_000 };
/** Records of several writers come so late, compared with one another, in milliseconds … */
const LATE_MS = 5000;
/** … but no more than this is asked for a second time because of it. */
const OVERLAP_CHARACTERS_MAX = 128_000;

/** The end of a page: an instant, of whose records as many are on later pages. */
export interface LogPlace {
  before: string;
  skip: number;
}

export interface LogQuestion {
  flowRunId: string | null;
  taskRunId: string | undefined;
  level: number;
  /** Empty where all are wanted. */
  search: string;
  /** Undefined for the end of the log. */
  place: LogPlace | undefined;
}

export interface LogRecord {
  id: string;
  timestamp: string;
  level: number;
  parts: readonly Part[];
  /** Of what is drawn. */
  lines: number;
  /** Of the whole. */
  characters: number;
}

export interface LogWindow {
  /** By their timestamps; those of one instant as they came. */
  records: readonly LogRecord[];
  /** There may be earlier ones. */
  hasEarlier: boolean;
  /** Lines behind these for which there was no room; nothing more is asked for then. */
  lines_left_out: number;
}

/** The next question; null where nothing more is wanted. */
export function askForLogs(question: LogQuestion, known: LogWindow | undefined): Request | null {
  const { flowRunId, taskRunId, level, search, place } = question;
  if (known !== undefined && (place !== undefined || known.lines_left_out > 0)) return null;
  const since = known === undefined ? undefined : findOverlap(known.records);
  return {
    method: "POST",
    path: "/logs/filter",
    body: {
      logs: {
        ...(flowRunId !== null && { flow_run_id: { any_: [flowRunId] } }),
        ...(taskRunId !== undefined && { task_run_id: { any_: [taskRunId] } }),
        ...(level > 0 && { level: { ge_: level } }),
        // In quotes it is one phrase; else words would be alternatives.
        ...(search !== "" && { text: { query: `"${search.replaceAll(/["\\]/g, String.raw`\$&`)}"` } }),
        ...(place !== undefined && { timestamp: { before_: place.before } }),
        ...(since !== undefined && { timestamp: { after_: since } }),
      },
      sort: "TIMESTAMP_DESC",
      limit: PAGE_MAX,
      offset: place?.skip ?? 0,
    },
  };
}

/** From when on everything is asked for, so that it meets what is known and has what comes late. */
function findOverlap(records: readonly LogRecord[]): string | undefined {
  const newest = records.at(-1);
  if (newest === undefined) return undefined;
  const earliest = instantToMs(newest.timestamp) - LATE_MS;
  let { timestamp } = newest;
  let characters = 0;
  for (const record of records.toReversed()) {
    characters += record.characters;
    if (characters > OVERLAP_CHARACTERS_MAX || instantToMs(record.timestamp) < earliest) break;
    ({ timestamp } = record);
  }
  return timestamp;
}

/** Puts an answer, the latest first, to what is known. `isFollowed`: only then may records make room for new ones. */
export function joinLogs(
  known: LogWindow | undefined,
  found: readonly Log[],
  { search, isFollowed }: { search: string; isFollowed: boolean },
): LogWindow {
  const read = (logs: readonly Log[]) => logs.toReversed().map((log) => readRecord(log, search));
  const newest = known?.records.at(-1);
  const doMeet = found.some(({ id }) => id === newest?.id);
  if (known === undefined || newest === undefined || (!doMeet && isFollowed))
    return keepNewest(read(found), found.length >= PAGE_MAX);
  const ids = new Set(known.records.map(({ id }) => id));
  // Behind the last of those that are known is what has made room before.
  const asked = doMeet
    ? found.slice(
        0,
        found.findLastIndex(({ id }) => ids.has(id)),
      )
    : found;
  const fresh = read(asked.filter(({ id }) => !ids.has(id)));
  if (fresh.length === 0) return known;
  const records = [...known.records, ...fresh].sort((left, right) =>
    left.timestamp === right.timestamp ? 0 : left.timestamp < right.timestamp ? -1 : 1,
  );
  if (isFollowed) return keepNewest(records, known.hasEarlier);
  return doMeet && countFitting(records, READING_ROOM) === records.length
    ? { ...known, records }
    : { ...known, lines_left_out: countLines(fresh) };
}

function readRecord({ id, timestamp, level, message }: Log, search: string): LogRecord {
  const text = toReadable(message);
  const parts = cutExcerpt(text, search);
  const texts = parts.filter((part) => typeof part === "string");
  const lines = texts.join("").split("\n").length;
  return { id, timestamp, level, parts, lines, characters: text.length };
}

function keepNewest(records: readonly LogRecord[], hasEarlier: boolean): LogWindow {
  const count = countFitting(records, ROOM);
  return {
    records: records.slice(records.length - count),
    hasEarlier: hasEarlier || count < records.length,
    lines_left_out: 0,
  };
}

/** How many of the newest there is room for: one in any case. */
function countFitting(records: readonly LogRecord[], room: Room): number {
  let characters = 0;
  const tooMany = records.toReversed().findIndex((record, index) => {
    characters += record.characters;
    return index > 0 && (index >= room.records || characters > room.characters);
  });
  return tooMany === -1 ? records.length : tooMany;
}

function countLines(records: readonly LogRecord[]): number {
  return records.reduce((sum, { lines }) => sum + lines, 0);
}

/** Lines that are newer than a record, as far as is known. */
export function countNewer({ records, lines_left_out }: LogWindow, id: string): number {
  const last = records.findLastIndex((record) => record.id === id);
  return countLines(records.slice(last + 1)) + lines_left_out;
}

/** The page before this one, which begins at `place`. */
export function findEarlier(
  { records, hasEarlier }: LogWindow,
  place: LogPlace | undefined,
): LogPlace | undefined {
  const before = records[0]?.timestamp;
  if (before === undefined || !hasEarlier) return undefined;
  const same = records.filter(({ timestamp }) => timestamp === before).length;
  return { before, skip: same + (place?.before === before ? place.skip : 0) };
}

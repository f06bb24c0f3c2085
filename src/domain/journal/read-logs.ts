/** Reading a page of logs out of chunks that overlap in time, with few of them in memory at once. */
import type { Log, LogFilter } from "../../contract/wire/logs.ts";
import { matchesText, parseTextQuery } from "./text-query.ts";
import type { ChunkSummary } from "./write-logs.ts";

export type LogSort = "TIMESTAMP_ASC" | "TIMESTAMP_DESC";

/** Tells whether a log is meant; the run is not looked at. */
export function createLogMatcher(filter: LogFilter): (log: Log) => boolean {
  const text = filter.text === undefined ? undefined : parseTextQuery(filter.text);
  const taskRuns = filter.task_run_ids === undefined ? undefined : new Set(filter.task_run_ids);
  return (log) =>
    (filter.level_ge === undefined || log.level >= filter.level_ge) &&
    (filter.level_le === undefined || log.level <= filter.level_le) &&
    (filter.timestamp_before === undefined || log.timestamp <= filter.timestamp_before) &&
    (filter.timestamp_after === undefined || log.timestamp >= filter.timestamp_after) &&
    (filter.is_task_run_null === undefined || (log.task_run_id === null) === filter.is_task_run_null) &&
    (taskRuns === undefined || (log.task_run_id !== null && taskRuns.has(log.task_run_id))) &&
    (text === undefined || matchesText(text, `${log.name}\n${log.message}`));
}

/** Tells whether a chunk can have a log that is meant. */
function canMatch(filter: LogFilter, chunk: ChunkSummary): boolean {
  return (
    (filter.level_ge === undefined || chunk.level_max >= filter.level_ge) &&
    (filter.level_le === undefined || chunk.level_min <= filter.level_le) &&
    (filter.timestamp_before === undefined || chunk.timestamp_min <= filter.timestamp_before) &&
    (filter.timestamp_after === undefined || chunk.timestamp_max >= filter.timestamp_after)
  );
}

/** Tells whether every log of a chunk is meant, so that it need not be opened to be counted. */
function mustMatch(filter: LogFilter, chunk: ChunkSummary): boolean {
  return (
    filter.is_task_run_null === undefined &&
    filter.task_run_ids === undefined &&
    filter.text === undefined &&
    (filter.level_ge === undefined || chunk.level_min >= filter.level_ge) &&
    (filter.level_le === undefined || chunk.level_max <= filter.level_le) &&
    (filter.timestamp_before === undefined || chunk.timestamp_max <= filter.timestamp_before) &&
    (filter.timestamp_after === undefined || chunk.timestamp_min >= filter.timestamp_after)
  );
}

/** A page of very long logs ends early rather than to fill the memory. */
const PAGE_CHARACTERS_MAX = 8_000_000;

interface Placed {
  log: Log;
  place: number;
}

export interface ReadInput {
  chunks: readonly ChunkSummary[];
  filter: LogFilter;
  sort: LogSort;
  limit: number;
  offset: number;
  /** Reads the logs of one chunk, in the order in which they were written. */
  openChunk: (chunk: ChunkSummary) => Log[];
}

/**
 * Reads a page in the order of the logs' timestamps; logs of one instant stay in the order in which they came. Chunks
 * are opened in the order of time and only while the page is not full.
 */
export function readPage({ chunks, filter, sort, limit, offset, openChunk }: ReadInput): Log[] {
  const direction = sort === "TIMESTAMP_ASC" ? 1 : -1;
  const near = (chunk: ChunkSummary) => (direction === 1 ? chunk.timestamp_min : chunk.timestamp_max);
  const far = (chunk: ChunkSummary) => (direction === 1 ? chunk.timestamp_max : chunk.timestamp_min);
  const isMeant = createLogMatcher(filter);
  const waiting = chunks
    .filter((chunk) => canMatch(filter, chunk))
    .sort((left, right) => direction * (compare(near(left), near(right)) || left.place - right.place));
  const page: Log[] = [];
  let characters = 0;
  let skip = offset;
  /** Opened logs that later chunks may still come before, in order. */
  let pending: Placed[] = [];
  for (const [index, chunk] of waiting.entries()) {
    if (page.length >= limit) return page;
    const next = waiting[index + 1];
    const isAlone =
      pending.length === 0 && (next === undefined || direction * compare(far(chunk), near(next)) < 0);
    if (isAlone && chunk.log_count <= skip && mustMatch(filter, chunk)) {
      skip -= chunk.log_count;
      continue;
    }
    for (const [position, log] of openChunk(chunk).entries())
      if (isMeant(log)) pending.push({ log, place: chunk.place + position });
    pending.sort(
      (left, right) =>
        direction * (compare(left.log.timestamp, right.log.timestamp) || left.place - right.place),
    );
    // Whatever lies strictly before all chunks that are still closed has its final place.
    const bound = next === undefined ? undefined : near(next);
    let ready = pending.length;
    if (bound !== undefined) {
      ready = pending.findIndex(({ log }) => direction * compare(log.timestamp, bound) >= 0);
      if (ready === -1) ready = pending.length;
    }
    const skipped = Math.min(skip, ready);
    skip -= skipped;
    for (const { log } of pending.slice(skipped, ready)) {
      if (page.length >= limit || (page.length > 0 && characters + log.message.length > PAGE_CHARACTERS_MAX))
        return page;
      page.push(log);
      characters += log.message.length;
    }
    pending = pending.slice(ready);
  }
  return page;
}

function compare(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

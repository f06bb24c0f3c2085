/** Logs of flow runs: one line each, and the stream of them. */
import type { Client } from "../../client/index.ts";
import type { FilterObject } from "../../client/resources/page.ts";
import { LEVEL_WIDTH, nameLevel, type LevelName } from "../../contract/log-levels.ts";
import type { Log } from "../../contract/wire/logs.ts";
import type { Cli } from "../framework/cli.ts";
import { UsageError } from "../framework/errors.ts";
import { readAll } from "../framework/list.ts";
import { flag, option } from "../framework/parameters.ts";
import { wholeNumber } from "../framework/values.ts";
import type { Screen } from "../output/table.ts";

const COLORS: Partial<Record<LevelName, "red" | "yellow" | "gray">> = {
  CRITICAL: "red",
  ERROR: "red",
  WARNING: "yellow",
  DEBUG: "gray",
};

/** `12:03:44.120 | INFO    | stdout - text`, in local time. */
export async function formatLog(log: Log, screen: Screen): Promise<string> {
  const level = nameLevel(log.level);
  const color = COLORS[level];
  const line = `${formatClock(log.timestamp)} | ${level.padEnd(LEVEL_WIDTH)} | ${log.name} - ${log.message.replace(/\n$/, "")}`;
  if (!screen.hasColor || color === undefined) return line;
  const { styleText } = await import("node:util");
  return styleText(color, line, { validateStream: false });
}

/** Time of day in the local zone, with milliseconds. */
export function formatClock(instant: string): string {
  const date = new Date(instant);
  const pad = (value: number, digits: number): string => String(value).padStart(digits, "0");
  return `${pad(date.getHours(), 2)}:${pad(date.getMinutes(), 2)}:${pad(date.getSeconds(), 2)}.${pad(date.getMilliseconds(), 3)}`;
}

export const LOG_COUNT_DEFAULT = 20;
/** Which logs are wanted, and in which order. */
export const LOG_PARAMETERS = {
  head: flag("-h, --head", "Only the first lines"),
  tail: flag("-t, --tail", "Only the last lines"),
  count: option(
    "-n, --num-logs <n>",
    `How many lines for --head or --tail (default ${LOG_COUNT_DEFAULT})`,
    wholeNumber({ min: 1, max: 10_000 }),
  ),
  reverse: flag("-r, --reverse", "The latest first"),
};

/** The values of {@link LOG_PARAMETERS}. */
export interface WantedLogs {
  head: boolean;
  tail: boolean;
  count: number | undefined;
  reverse: boolean;
}

/** What was meant: a number alone asks for the last lines. */
export function readWanted({ head, tail, count, reverse }: WantedLogs): WantedLogs {
  if (head && tail) throw new UsageError("--head and --tail exclude each other.");
  return { head, tail: tail || (count !== undefined && !head), count, reverse };
}

/** Prints the logs that a filter means. */
export async function showLogs(cli: Cli, filter: FilterObject, given: WantedLogs): Promise<void> {
  const { head, tail, count, reverse } = readWanted(given);
  const limit = head || tail ? (count ?? LOG_COUNT_DEFAULT) : undefined;
  const isLatestFirst = tail || (reverse && !head);
  const logs = await readLogs(await cli.api(), filter, {
    isLatestFirst,
    ...(limit !== undefined && { limit }),
  });
  if (isLatestFirst !== reverse) logs.reverse();
  if (cli.isJson) {
    cli.print(JSON.stringify(logs, null, 2));
    return;
  }
  for (const log of logs) cli.print(await formatLog(log, cli.screen));
}

/** Reads logs in order of time, or the latest first. */
function readLogs(
  api: Client,
  filter: FilterObject,
  { limit, isLatestFirst }: { limit?: number; isLatestFirst: boolean },
): Promise<Log[]> {
  return readAll(
    (page) =>
      api.logs.list({ logs: filter, sort: isLatestFirst ? "TIMESTAMP_DESC" : "TIMESTAMP_ASC", ...page }),
    limit === undefined ? {} : { limit },
  );
}

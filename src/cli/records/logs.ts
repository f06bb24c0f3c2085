/** Logs of flow runs: one line each, and the stream of them. */
import type { Client } from "../../client/index.ts";
import type { Log } from "../../contract/wire/logs.ts";
import { readAll } from "../framework/list.ts";
import type { Screen } from "../output/table.ts";

const LEVELS: readonly [least: number, name: string, color: "red" | "yellow" | "gray" | undefined][] = [
  [50, "CRITICAL", "red"],
  [40, "ERROR", "red"],
  [30, "WARNING", "yellow"],
  [20, "INFO", undefined],
  [0, "DEBUG", "gray"],
];

/** `12:03:44.120 | INFO    | stdout - text`, in local time. */
export async function formatLog(log: Log, screen: Screen): Promise<string> {
  const [, level, color] = LEVELS.find(([least]) => log.level >= least) ?? [0, "DEBUG", undefined];
  const line = `${formatClock(log.timestamp)} | ${level.padEnd(8)} | ${log.name} - ${log.message.replace(/\n$/, "")}`;
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

/** Reads logs of a run in order of time, or the latest first. */
export function readLogs(
  api: Client,
  runId: string,
  { limit, isLatestFirst }: { limit?: number; isLatestFirst: boolean },
): Promise<Log[]> {
  return readAll(
    (page) =>
      api.logs.list({
        logs: { flow_run_id: { any_: [runId] } },
        sort: isLatestFirst ? "TIMESTAMP_DESC" : "TIMESTAMP_ASC",
        ...page,
      }),
    limit === undefined ? {} : { limit },
  );
}

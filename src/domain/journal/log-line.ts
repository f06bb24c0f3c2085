/** One log as it lies in a chunk: a JSON array on a line of its own, without what the chunk's row says already. */
import { LOG_MESSAGE_BYTES_MAX } from "../../contract/bounds.ts";
import { formatId, type ShardKey } from "../../contract/ids.ts";
import { formatInstant, type Instant } from "../../contract/instants.ts";
import type { Log, LogCreate } from "../../contract/wire/logs.ts";

/** A line may take this much of a row, which the platform bounds at 2 MB. */
const LINE_BYTES_MAX = 1_500_000;
/** No message this short can pass the bounds, whatever is in it. */
const SHORT_CHARACTERS = Math.floor(LOG_MESSAGE_BYTES_MAX / 6);

type Line = [
  created: number,
  tail: number,
  timestamp: Instant,
  level: number,
  name: string,
  message: string,
  task_run_id: string | null,
  worker_id: string | null,
];

/** Writes a log as a line. `created` is in milliseconds; it and `tail` (22 bits) make the log's id. */
export function encodeLine(log: LogCreate, created: number, tail: number): string {
  const line: Line = [
    created,
    tail,
    log.timestamp,
    log.level,
    log.name,
    truncateMessage(log.message),
    log.task_run_id ?? null,
    log.worker_id ?? null,
  ];
  return JSON.stringify(line);
}

/** Reads a line as the log that goes out. */
export function decodeLine(line: string, key: ShardKey, flowRunId: string | null): Log {
  const [created, tail, timestamp, level, name, message, task_run_id, worker_id] = JSON.parse(line) as Line;
  const instant = formatInstant(created);
  return {
    id: formatId({ layout: "log", key, head: created, version: 7, tail }),
    created: instant,
    updated: instant,
    name,
    level,
    message,
    timestamp,
    flow_run_id: flowRunId,
    task_run_id,
    worker_id,
  };
}

/** Cuts a message that is too long, in itself or as JSON, and says so at its end. */
export function truncateMessage(message: string): string {
  if (message.length <= SHORT_CHARACTERS) return message;
  let bytes = 0;
  let lineBytes = 0;
  let end = 0;
  for (const character of message) {
    const code = character.codePointAt(0) ?? 0;
    const size = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x1_0000 ? 3 : 4;
    bytes += size;
    lineBytes += measureEscaped(code, size);
    if (bytes > LOG_MESSAGE_BYTES_MAX || lineBytes > LINE_BYTES_MAX)
      return `${message.slice(0, end)}\n[The log message was cut here: ${message.length - end} of its ${message.length} characters are missing.]`;
    end += character.length;
  }
  return message;
}

/** The bytes that a character takes in JSON. */
function measureEscaped(code: number, size: number): number {
  if (code === 0x22 || code === 0x5c) return 2;
  if (code < 0x20) return code >= 0x08 && code <= 0x0d && code !== 0x0b ? 2 : 6;
  // A surrogate without its other half.
  return code >= 0xd800 && code < 0xe000 ? 6 : size;
}

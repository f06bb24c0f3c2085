/** Cuts a run's output into log records. Pure: the same bytes always give the same records. */

export const LEVEL = { debug: 10, info: 20, warning: 30, error: 40, critical: 50 } as const;

export interface LogPart {
  level: number;
  message: string;
}

/** More lines than this at a time share records. */
const RECORDS_MAX = 500;
/** Lines of one level that share a record are together at most this long. */
const SHARED_CHARACTERS_MAX = 32 * 1024;
/** A line longer than this is cut, so that no record passes the server's bound of one message. */
const LINE_CHARACTERS_MAX = 64 * 1024;

const LEVELS: Record<string, number> = {
  DEBUG: LEVEL.debug,
  INFO: LEVEL.info,
  WARN: LEVEL.warning,
  WARNING: LEVEL.warning,
  ERROR: LEVEL.error,
  CRITICAL: LEVEL.critical,
  FATAL: LEVEL.critical,
};
/** `ERROR: …`, `[WARN] …`, `12:00:01.123 | INFO    | …`, `2026-11-22T12:00:01Z ERROR …`. */
const LEVEL_PREFIX =
  /^(?:\[?\d[\d:.,TZ+-]*(?: \d[\d:.,Z+-]*)?\]?[\s|]*)?\[?(DEBUG|INFO|WARNING|WARN|ERROR|CRITICAL|FATAL)\]?(?=[\s:|]|$)/;
/** What Prefect's engine prints and also sends by itself (source: its `logging.yml`, formatter `flow_runs`/`task_runs`). */
const SENT_BY_ENGINE = /^\d\d:\d\d:\d\d\.\d{3} \| [A-Z]+ *\| (?:Flow|Task) run '/;

/** Makes records of whole lines; text that is no UTF-8 shows replacement characters. */
export function cutRecords(bytes: Uint8Array, { isEngine }: { isEngine: boolean }): LogPart[] {
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  const parts = lines
    .map((line) => (line.endsWith("\r") ? line.slice(0, -1) : line))
    .filter((line) => !(isEngine && SENT_BY_ENGINE.test(line)))
    .flatMap(cutLine)
    .map((message) => ({ level: recognizeLevel(message), message }));
  return parts.length <= RECORDS_MAX ? parts : shareRecords(parts);
}

/** The level that a line names at its beginning; information otherwise. */
export function recognizeLevel(line: string): number {
  return LEVELS[LEVEL_PREFIX.exec(line)?.[1] ?? ""] ?? LEVEL.info;
}

function cutLine(line: string): string[] {
  if (line.length <= LINE_CHARACTERS_MAX) return [line];
  const pieces: string[] = [];
  for (let from = 0; from < line.length; from += LINE_CHARACTERS_MAX)
    pieces.push(line.slice(from, from + LINE_CHARACTERS_MAX));
  return pieces;
}

function shareRecords(parts: LogPart[]): LogPart[] {
  const shared: { level: number; lines: string[]; characters: number }[] = [];
  for (const { level, message } of parts) {
    const last = shared.at(-1);
    if (last?.level === level && last.characters + message.length < SHARED_CHARACTERS_MAX) {
      last.lines.push(message);
      last.characters += message.length + 1;
    } else shared.push({ level, lines: [message], characters: message.length });
  }
  return shared.map(({ level, lines }) => ({ level, message: lines.join("\n") }));
}

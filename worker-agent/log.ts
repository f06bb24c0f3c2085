/** Log lines for people, or JSON objects for machines. */

export type LogLevel = "DEBUG" | "INFO" | "WARNING" | "ERROR";
export type LogFields = Record<string, string | number | boolean | null | undefined>;

/** Names a fault of any kind in one sentence. */
export function describeError(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Writes what the agent does; a fault that lasts is written once, not at each try. */
export interface Log {
  write(level: LogLevel, text: string, fields?: LogFields): void;
  /** Writes the text unless the last text under this key was the same. */
  writeOnce(key: string, level: LogLevel, text: string): void;
  /** The fault under this key is over: writes the text if one was written, and lets the next fault be written. */
  clear(key: string, text?: string): void;
}

/** Makes a log. Secrets are redacted here, in the one place where text leaves the agent. */
export function createLog(
  write: (line: string) => void,
  { isJson, secrets }: { isJson: boolean; secrets: (string | undefined)[] },
): Log {
  const faults = new Map<string, string>();
  const hidden = secrets.filter((secret): secret is string => secret !== undefined && secret.length >= 4);
  const redact = (line: string): string =>
    hidden.reduce((text, secret) => text.replaceAll(secret, "[redacted]"), line);
  const log: Log = {
    write(level, text, fields = {}) {
      const time = new Date().toISOString();
      if (isJson) return write(redact(JSON.stringify({ time, level, text, ...fields })));
      const more = Object.entries(fields)
        .filter(([, value]) => value !== undefined)
        .map(([key, value]) => ` ${key}=${value}`)
        .join("");
      write(redact(`${time} ${level.padEnd(7)} ${text}${more}`));
    },
    writeOnce(key, level, text) {
      if (faults.get(key) === text) return;
      faults.set(key, text);
      log.write(level, text);
    },
    clear(key, text) {
      if (faults.delete(key) && text !== undefined) log.write("INFO", text);
    },
  };
  return log;
}

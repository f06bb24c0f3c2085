/** The server's log file: appended, and turned once it is large, so that it never fills the disk. */
import { closeSync, fstatSync, openSync, renameSync, writeSync } from "node:fs";

const LOG_BYTES_MAX = 10 * 1024 * 1024;

export interface LogFile {
  write(chunk: Uint8Array): void;
  close(): void;
}

/**
 * Opens `path` for appending; at 10 MiB it becomes `path.1`, replacing the one before. What cannot be written, because
 * the disk is full, is left out: a server does not end for its log.
 */
export function openLogFile(path: string, bytesMax: number = LOG_BYTES_MAX): LogFile {
  let file = openSync(path, "a", 0o600);
  let bytes = fstatSync(file).size;
  return {
    write(chunk) {
      try {
        if (bytes > 0 && bytes + chunk.length > bytesMax) {
          renameSync(path, `${path}.1`);
          const next = openSync(path, "a", 0o600);
          closeSync(file);
          file = next;
          bytes = 0;
        }
        bytes += writeSync(file, chunk);
      } catch {
        // The standard error has it too.
      }
    },
    close: () => closeSync(file),
  };
}

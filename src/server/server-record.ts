/** What a running server says about itself in its data folder. */
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface ServerRecord {
  pid: number;
  url: string;
  /** RFC 3339. */
  started_at: string;
}

/** Tells other processes where the server of this folder is. */
export function writeServerRecord(dataDir: string, record: ServerRecord): void {
  const path = join(dataDir, "server.json");
  writeFileSync(`${path}.new`, `${JSON.stringify(record)}\n`);
  renameSync(`${path}.new`, path);
}

/** Reads where the server of a folder is. It may have died since: only an answer from it proves that it lives. */
export function readServerRecord(dataDir: string): ServerRecord | undefined {
  try {
    return JSON.parse(readFileSync(join(dataDir, "server.json"), "utf8")) as ServerRecord;
  } catch {
    return undefined;
  }
}

/** Says that the server of the folder runs no more. */
export function removeServerRecord(dataDir: string): void {
  rmSync(join(dataDir, "server.json"), { force: true });
}

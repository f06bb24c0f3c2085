/** Small files that are whole or absent, whatever dies in between. */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** Writes a file so that readers see the old text or the new one; `isDurable` makes it survive a power loss, too. */
export function writeWhole(path: string, text: string, { isDurable = false } = {}): void {
  const draft = `${path}.draft`;
  try {
    const file = openSync(draft, "w", 0o600);
    try {
      writeFileSync(file, text);
      if (isDurable) fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(draft, path);
  } catch (error) {
    // On a full disk half a draft would keep the room that the next try needs.
    rmSync(draft, { force: true });
    throw error;
  }
  if (isDurable) syncFolder(dirname(path));
}

/** Reads a small file; undefined when it is not there. */
export function readWhole(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

/** Reads a JSON file that {@link writeWhole} wrote; undefined when it is missing or is no JSON. */
export function readJson(path: string): unknown {
  const text = readWhole(path);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function syncFolder(path: string): void {
  const folder = openSync(path, "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

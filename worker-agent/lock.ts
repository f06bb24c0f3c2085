/** One agent per state folder: a lock file that names its owner, so that a dead owner's lock is known as such. */
import { linkSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { readWhole } from "./files.ts";
import { readStartMark } from "./process-identity.ts";

/** Another agent works in the folder. */
export class LockedError extends Error {
  readonly pid: number;

  constructor(pid: number) {
    super(`process ${pid} holds the lock`);
    this.name = "LockedError";
    this.pid = pid;
  }
}

/** Takes the folder's lock and returns how to give it back. Throws {@link LockedError} while its owner lives. */
export function takeLock(folder: string): () => void {
  const lock = join(folder, "lock");
  const mine = `${process.pid} ${readStartMark(process.pid) ?? ""} ${randomUUID()}\n`;
  const draft = join(folder, `lock.${process.pid}.${randomUUID()}`);
  writeFileSync(draft, mine, { mode: 0o600 });
  try {
    for (;;) {
      if (link(draft, lock)) break;
      const theirs = readWhole(lock);
      if (theirs === undefined) continue;
      const [pid = "", ...rest] = theirs.trim().split(" ");
      const mark = rest.slice(0, -1).join(" ");
      if (readStartMark(Number(pid)) === mark) throw new LockedError(Number(pid));
      // Only one of several who see the dead owner's lock moves that very file away; who moved a fresh one puts it back.
      const moved = `${draft}.stale`;
      try {
        renameSync(lock, moved);
      } catch {
        continue;
      }
      if (readWhole(moved) !== theirs) link(moved, lock);
      rmSync(moved, { force: true });
    }
  } finally {
    rmSync(draft, { force: true });
  }
  return () => {
    if (readWhole(lock) === mine) rmSync(lock, { force: true });
  };
}

/** Gives a file a second name; false when that name is taken. */
function link(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  }
}

/** Telling one process from a later one that got the same number, and finding those that belong together. */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

/** One process of this boot. */
export interface ProcessId {
  pid: number;
  /** Its parent; 1 or a reaper's once that is gone. */
  ppid: number;
  pgid: number;
  /** See {@link readStartMark}. */
  startMark: string;
}

/**
 * Names the moment at which a process started, unique together with its pid; undefined when it does not run (a zombie
 * counts as gone). Linux: boot id and start ticks (source: proc(5), fields 3 and 22 of `stat`); elsewhere: `ps`.
 */
export function readStartMark(pid: number): string | undefined {
  if (process.platform === "linux") return readStat(pid)?.startMark;
  const [[state = "Z", , , , ...start] = []] = listByPs("-p", String(pid));
  return state.startsWith("Z") ? undefined : start.join(" ");
}

/** Whether the very process still runs. */
export function isSame({ pid, startMark }: ProcessId): boolean {
  return readStartMark(pid) === startMark;
}

/** Whether a process was started with this `NAME=value` in its environment; false where that cannot be read. */
export function hasMark(pid: number, mark: string): boolean {
  try {
    return `\0${readFileSync(`/proc/${pid}/environ`, "latin1")}`.includes(`\0${mark}\0`);
  } catch {
    return false;
  }
}

/**
 * Lists the living processes that were started with this `NAME=value` in their environment, whoever is their parent, and
 * their descendants. Where environments cannot be read (macOS): process `root` and its descendants.
 */
export function listMarked(mark: string, root: number): ProcessId[] {
  const all = listAll();
  const found = new Set(
    all
      .map(({ pid }) => pid)
      .filter((pid) => (process.platform === "linux" ? hasMark(pid, mark) : pid === root)),
  );
  for (let size = -1; size < found.size;) {
    size = found.size;
    for (const { pid, ppid } of all) if (found.has(ppid)) found.add(pid);
  }
  return all.filter(({ pid }) => found.has(pid));
}

/** Whether any process of a group still runs. Zombies that nobody reaps do not count. */
export function isGroupAlive(pgid: number): boolean {
  try {
    process.kill(-pgid, 0);
  } catch (error) {
    // EPERM means that members exist which belong to somebody else.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
  if (process.platform !== "linux") return true;
  // While the leader lives there is no need to look at every process of the host.
  return readStat(pgid)?.pgid === pgid || listPids().some((pid) => readStat(pid)?.pgid === pgid);
}

let bootId: string | undefined;

/** A text that changes with each boot, so that times of different boots are never compared. */
export function readBootId(): string {
  try {
    return (bootId ??= readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim());
  } catch {
    return "unknown";
  }
}

function listPids(): number[] {
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number);
}

/** What `/proc` says of a living process. */
function readStat(pid: number): ProcessId | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The second field is the command in parentheses and may hold anything, so count from its end.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    const [state, ppid, pgid] = fields;
    const start = fields[19];
    if (start === undefined || state === "Z" || state === "X") return undefined;
    return { pid, ppid: Number(ppid), pgid: Number(pgid), startMark: `${readBootId()}:${start}` };
  } catch {
    return undefined;
  }
}

/** Every process of the host that lives. */
function listAll(): ProcessId[] {
  if (process.platform === "linux")
    return listPids().flatMap((pid) => {
      const stat = readStat(pid);
      return stat === undefined ? [] : [stat];
    });
  return listByPs("-A").flatMap(([state = "Z", pid, ppid, pgid, ...start]) =>
    state.startsWith("Z")
      ? []
      : [{ pid: Number(pid), ppid: Number(ppid), pgid: Number(pgid), startMark: start.join(" ") }],
  );
}

/** State, pid, parent, group and start of processes, as words. */
function listByPs(...which: string[]): string[][] {
  try {
    const fields = "stat=,pid=,ppid=,pgid=,lstart=";
    const text = execFileSync("ps", ["-o", fields, ...which], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    return text
      .split("\n")
      .filter((line) => line.trim() !== "")
      .map((line) => line.trim().split(/\s+/));
  } catch {
    return [];
  }
}

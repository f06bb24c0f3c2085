/** Telling one process from a later one that got the same number. */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

/**
 * Names the moment at which a process started, unique together with its pid; undefined when it does not run (a zombie
 * counts as gone). Linux: boot id and start ticks (source: proc(5), fields 3 and 22 of `stat`); elsewhere: `ps`.
 */
export function readStartMark(pid: number): string | undefined {
  if (process.platform === "linux") {
    const stat = readStat(pid);
    return stat === undefined || stat.state === "Z" ? undefined : `${readBootId()}:${stat.start}`;
  }
  try {
    const line = execFileSync("ps", ["-o", "stat=,lstart=", "-p", String(pid)], { encoding: "utf8" }).trim();
    const [state = "Z", ...start] = line.split(/\s+/);
    return state.startsWith("Z") ? undefined : start.join(" ");
  } catch {
    return undefined;
  }
}

/** Whether a process was started with this text in its environment; false where that cannot be read. */
export function hasInEnvironment(pid: number, text: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, "latin1").includes(text);
  } catch {
    return false;
  }
}

/** A text that changes with each boot, so that monotonic times of different boots are never compared. */
export function readBootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return "unknown";
  }
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
  const leader = readStat(pgid);
  if (leader?.pgid === pgid && leader.state !== "Z" && leader.state !== "X") return true;
  return readdirSync("/proc").some((entry) => {
    if (!/^\d+$/.test(entry)) return false;
    const stat = readStat(Number(entry));
    return stat !== undefined && stat.pgid === pgid && stat.state !== "Z" && stat.state !== "X";
  });
}

function readStat(pid: number): { state: string; pgid: number; start: string } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The second field is the command in parentheses and may hold anything, so count from its end.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    const [state, , pgid] = fields;
    const start = fields[19];
    return state === undefined || start === undefined ? undefined : { state, pgid: Number(pgid), start };
  } catch {
    return undefined;
  }
}

/** Ending the processes of a job: ask, wait, force, wait again, and always come back. */
import { pause } from "../src/client/backoff.ts";
import { isGroupAlive, isSame, listMarked, type ProcessId } from "./process-identity.ts";

const LOOK_MS = 25;
const LOOK_MS_MAX = 250;
const KILL_WAIT_MS = 10_000;

/** All processes of one job, however they were started. */
export interface ProcessSet {
  /** The group that the job has for itself; null where it shares its caller's, as in a terminal. */
  pgid: number | null;
  /** The job's first process. */
  pid: number;
  /** `NAME=value` in the environment of the job alone: so those are found that have left its group (Linux). */
  mark: string;
}

/** `gone`: nothing was left; `terminated`: TERM was enough; `killed`: KILL was needed; `survived`: not even that helped. */
export type ProcessesEnd = "gone" | "terminated" | "killed" | "survived";

export interface EndOptions {
  /** From TERM to KILL. */
  graceMs: number;
  /** Cuts the grace short when it aborts. */
  hurry?: AbortSignal | undefined;
  /** They were told to end already. */
  isTold?: boolean;
}

/**
 * Sends TERM to every process of the job, those that it starts meanwhile included, KILL to what is left after the
 * grace, and waits a bounded time for the end.
 */
export async function endProcesses(
  of: ProcessSet,
  { graceMs, hurry, isTold = false }: EndOptions,
): Promise<ProcessesEnd> {
  const alive = listProcesses(of);
  if (alive.length === 0 && !isAlive(of)) return "gone";
  if (!isTold) tell(of, alive);
  if (await waitForEnd(of, graceMs, (more) => !isTold && tell(of, more), hurry)) return "terminated";
  const kill = (more: readonly ProcessId[]): void => signalProcesses(of, more, "SIGKILL");
  kill(listProcesses(of));
  return (await waitForEnd(of, KILL_WAIT_MS, kill)) ? "killed" : "survived";
}

/** Signals the job's group and these processes of it; what has ended meanwhile is fine. */
export function signalProcesses(
  { pgid }: ProcessSet,
  others: readonly ProcessId[],
  signal: NodeJS.Signals,
): void {
  if (pgid !== null) send(-pgid, signal);
  for (const process of others) if (isSame(process)) send(process.pid, signal);
}

/** The job's processes outside of a group of its own. */
export function listProcesses({ pgid, pid, mark }: ProcessSet): ProcessId[] {
  return listMarked(mark, pid).filter((process) => process.pgid !== pgid);
}

function isAlive({ pgid }: ProcessSet): boolean {
  return pgid !== null && isGroupAlive(pgid);
}

function tell(of: ProcessSet, processes: readonly ProcessId[]): void {
  signalProcesses(of, processes, "SIGTERM");
  // A stopped process acts on TERM only when it goes on.
  signalProcesses(of, processes, "SIGCONT");
}

/** Looks until nothing is left (true) or the time is over. `onMore` hears of processes that were not there before. */
async function waitForEnd(
  of: ProcessSet,
  boundMs: number,
  onMore: (processes: readonly ProcessId[]) => void,
  hurry?: AbortSignal,
): Promise<boolean> {
  const until = performance.now() + boundMs;
  let known = listProcesses(of);
  for (let lookMs = LOOK_MS; ; lookMs = Math.min(LOOK_MS_MAX, lookMs * 1.2)) {
    // Everybody's environment is read only when those who are known are gone.
    if (!isAlive(of) && !known.some(isSame)) {
      known = listProcesses(of);
      if (known.length === 0) return true;
      onMore(known);
    }
    const leftMs = until - performance.now();
    if (leftMs <= 0 || hurry?.aborted) return false;
    await pause(Math.min(lookMs, leftMs), hurry);
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && (error.code === "ESRCH" || error.code === "EPERM")))
      throw error;
  }
}

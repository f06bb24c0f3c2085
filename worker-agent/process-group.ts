/** Ending process groups: ask, wait, force, wait again, and always come back. */
import { pause } from "./backoff.ts";
import { isGroupAlive } from "./process-identity.ts";

const LOOK_MS = 25;
const LOOK_MS_MAX = 250;
const KILL_WAIT_MS = 10_000;

/** `gone`: nothing was left; `terminated`: TERM was enough; `killed`: KILL was needed; `survived`: not even that helped. */
export type GroupEnd = "gone" | "terminated" | "killed" | "survived";

/**
 * Sends TERM to every process of the group, KILL to what is left after `graceMs`, and waits a bounded time for the
 * end. `hurry` cuts the grace short when it aborts.
 */
export async function endGroup(pgid: number, graceMs: number, hurry?: AbortSignal): Promise<GroupEnd> {
  if (!isGroupAlive(pgid)) return "gone";
  signalGroup(pgid, "SIGTERM");
  // A stopped process acts on TERM only when it goes on.
  signalGroup(pgid, "SIGCONT");
  if (await waitForEnd(pgid, graceMs, hurry)) return "terminated";
  signalGroup(pgid, "SIGKILL");
  return (await waitForEnd(pgid, KILL_WAIT_MS)) ? "killed" : "survived";
}

/** Signals a group; one that has ended meanwhile is fine. */
export function signalGroup(pgid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pgid, signal);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && (error.code === "ESRCH" || error.code === "EPERM")))
      throw error;
  }
}

async function waitForEnd(pgid: number, boundMs: number, hurry?: AbortSignal): Promise<boolean> {
  const until = performance.now() + boundMs;
  for (let lookMs = LOOK_MS; ; lookMs = Math.min(LOOK_MS_MAX, lookMs * 1.2)) {
    if (!isGroupAlive(pgid)) return true;
    const leftMs = until - performance.now();
    if (leftMs <= 0 || hurry?.aborted) return false;
    await pause(Math.min(lookMs, leftMs), hurry);
  }
}

/**
 * The watchdog: `node watchdog-process.ts STATE_FOLDER`. Stops what runs at the time until which children may work
 * without the server, if that time was not put off before. A living agent does so by itself and is left the lead; one
 * that was killed, is stopped or hangs cannot.
 *
 * It leaves when its agent is gone and nothing runs any more, or when the watchdog of a new agent is in charge.
 */
import { createInterface } from "node:readline";
import { pause } from "../src/client/backoff.ts";
import { hostMs } from "./clock.ts";
import { findProcesses, type Found } from "./find-processes.ts";
import { endProcesses } from "./processes.ts";
import { graceOf, openStateFolder, type StopTime } from "./state-folder.ts";

const LOOK_MS = 5000;
const LOOK_MS_ORPHANED = 500;
/** A living agent acts first: it has this share of the time between TERM and the session's end. */
const LEAD_SHARE = 0.1;

// The agent may have left, and somebody have removed the folder, before this process got so far.
const state = openStateFolder(process.argv[2] ?? "", { isGuest: true });
let until: StopTime | undefined;
let isOrphaned = false;
let wake = new AbortController();

// Whoever ends the agent's processes all at once does not mean its watchdog: that one leaves by itself.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => undefined);
const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => {
  until = JSON.parse(line) as StopTime;
  wake.abort();
});
lines.on("close", () => {
  isOrphaned = true;
  wake.abort();
});
try {
  state.saveWatchdog(process.pid);
} catch {
  // A full disk, or no folder any more. Two watchdogs at a time do no harm.
}
await watch();
process.exit(0);

async function watch(): Promise<void> {
  for (;;) {
    wake = new AbortController();
    if (isOrphaned && ((state.readWatchdog() ?? process.pid) !== process.pid || listRunning().length === 0))
      return;
    // A new agent that goes on with the session of the one before it; or one that has put the time off for what it
    // starts now, and whose word stands in the folder although it was not read from the pipe yet.
    if (isOrphaned || leftUntil(until) <= 0) until = later(until, state.readSession()?.until);
    const leftMs = leftUntil(until);
    if (until !== undefined && leftMs <= 0) await stop(until);
    const lookMs = isOrphaned ? LOOK_MS_ORPHANED : LOOK_MS;
    await pause(leftMs > 0 ? Math.min(leftMs, lookMs) : lookMs, wake.signal);
  }
}

function leftUntil(time: StopTime | undefined): number {
  if (time === undefined) return Infinity;
  const leadMs = isOrphaned ? 0 : (time.end_at_ms - time.stop_at_ms) * LEAD_SHARE;
  return time.stop_at_ms + leadMs - hostMs();
}

async function stop(over: StopTime): Promise<void> {
  await Promise.all(
    listRunning().map(async ({ attemptId, processes }) => {
      // Who marks an attempt first sends TERM; both see to KILL.
      const isTold = !state.markLost(attemptId);
      await endProcesses(processes, { graceMs: graceOf(over), isTold });
    }),
  );
}

function listRunning(): (Found & { attemptId: string })[] {
  return state.listAttempts().flatMap((record) => {
    const found = findProcesses(record, state.runPath(record.attempt_id));
    return found === undefined ? [] : [{ ...found, attemptId: record.attempt_id }];
  });
}

function later(one: StopTime | undefined, other: StopTime | undefined): StopTime | undefined {
  return (other?.stop_at_ms ?? 0) > (one?.stop_at_ms ?? 0) ? other : one;
}

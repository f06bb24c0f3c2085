/** Stopping a run's processes. */
import { pause } from "./backoff.ts";
import type { JobKind } from "./job.ts";
import { endGroup, signalGroup, type GroupEnd } from "./process-group.ts";
import { isGroupAlive } from "./process-identity.ts";

/** A group younger than this may have lost its TERM, see {@link stopProcesses}. */
const YOUNG_MS = 2000;
const AGAIN_MS = 500;

/**
 * Ends the processes of a run: TERM to the whole group, KILL after the grace.
 *
 * A Prefect engine of 3.6.27 and later is to be asked over its control channel first (`PREFECT__CONTROL_PORT` and
 * `PREFECT__CONTROL_TOKEN`: write `c`, wait a second for `a`, then TERM), because on a bare TERM it writes a forced
 * Crashed over Cancelling. {@link askEngine} is the place for that; without it the engine gets TERM like everything
 * else and the server's end of the attempt sets Cancelled.
 *
 * A child that the shim has forked and that has not become its command yet still has the shim's handlers, so a TERM at
 * that moment is lost. A group that has only just begun therefore gets a second one.
 */
export async function stopProcesses(
  pgid: number,
  kind: JobKind,
  ageMs: number,
  graceMs: number,
  hurry: AbortSignal,
): Promise<GroupEnd> {
  if (kind === "engine") await askEngine();
  if (ageMs < YOUNG_MS && graceMs > AGAIN_MS) void remind(pgid, hurry);
  return endGroup(pgid, graceMs, hurry);
}

/** Asks an engine to cancel itself. No channel is offered to engines yet, so there is nobody to ask. */
function askEngine(): Promise<void> {
  return Promise.resolve();
}

async function remind(pgid: number, hurry: AbortSignal): Promise<void> {
  await pause(AGAIN_MS, hurry);
  if (isGroupAlive(pgid)) signalGroup(pgid, "SIGTERM");
}

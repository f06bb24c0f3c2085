/** Stopping a run's processes. */
import type { JobKind } from "./job.ts";
import { endGroup, type GroupEnd } from "./process-group.ts";

/**
 * Ends the processes of a run: TERM to the whole group, KILL after the grace.
 *
 * A Prefect engine of 3.6.27 and later is to be asked over its control channel first (`PREFECT__CONTROL_PORT` and
 * `PREFECT__CONTROL_TOKEN`: write `c`, wait a second for `a`, then TERM), because on a bare TERM it writes a forced
 * Crashed over Cancelling. {@link askEngine} is the place for that; without it the engine gets TERM like everything
 * else and the server's end of the attempt sets Cancelled.
 */
export async function stopProcesses(
  pgid: number,
  kind: JobKind,
  graceMs: number,
  hurry: AbortSignal,
): Promise<GroupEnd> {
  if (kind === "engine") await askEngine();
  return endGroup(pgid, graceMs, hurry);
}

/** Asks an engine to cancel itself. No channel is offered to engines yet, so there is nobody to ask. */
function askEngine(): Promise<void> {
  return Promise.resolve();
}

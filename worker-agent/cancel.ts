/** Stopping a run's processes. */
import { pause } from "./backoff.ts";
import type { EngineControl } from "./engine-control.ts";
import { endGroup, signalGroup, type GroupEnd } from "./process-group.ts";
import { isGroupAlive } from "./process-identity.ts";

/** A group younger than this may have lost its TERM, see {@link stopProcesses}. */
const YOUNG_MS = 2000;
const AGAIN_MS = 500;
/** Prefect's runner waits as long for the engine's word. */
const ASK_MS = 1000;

export interface StopRequest {
  attemptId: string;
  pgid: number;
  /** How long ago the group was started. */
  ageMs: number;
  /** From TERM to KILL. */
  graceMs: number;
  /** Whether somebody asked for the end of this very run. */
  isCancel: boolean;
  /** Cuts every wait short. */
  hurry: AbortSignal;
}

/**
 * Ends the processes of a run: TERM to the whole group, KILL after the grace.
 *
 * An engine is told first when it is cancelled, because on a bare TERM it writes a forced Crashed over Cancelling; one
 * that does not know the channel, or was taken over from an earlier agent, gets the bare TERM.
 *
 * A child that the shim has forked and that has not become its command yet still has the shim's handlers, so a TERM at
 * that moment is lost. A group that has only just begun therefore gets a second one.
 */
export async function stopProcesses(request: StopRequest, control: EngineControl): Promise<GroupEnd> {
  const { attemptId, pgid, ageMs, graceMs, isCancel, hurry } = request;
  if (isCancel) await control.ask(attemptId, Math.min(ASK_MS, graceMs));
  if (ageMs < YOUNG_MS && graceMs > AGAIN_MS) void remind(pgid, hurry);
  return endGroup(pgid, graceMs, hurry);
}

async function remind(pgid: number, hurry: AbortSignal): Promise<void> {
  await pause(AGAIN_MS, hurry);
  if (isGroupAlive(pgid)) signalGroup(pgid, "SIGTERM");
}

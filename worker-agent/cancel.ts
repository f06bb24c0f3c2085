/** Stopping a run's processes. */
import { pause } from "../src/client/backoff.ts";
import type { EngineControl } from "./engine-control.ts";
import { endProcesses, signalProcesses, type ProcessesEnd, type ProcessSet } from "./processes.ts";

/** A group younger than this may have lost its TERM, see {@link stopProcesses}. */
const YOUNG_MS = 2000;
const AGAIN_MS = 500;
/** Prefect's runner waits as long for the engine's word. */
const ASK_MS = 1000;

export interface StopRequest {
  attemptId: string;
  processes: ProcessSet;
  /** How long ago they were started. */
  ageMs: number;
  /** From TERM to KILL. */
  graceMs: number;
  /** Whether somebody asked for the end of this very run. */
  isCancel: boolean;
  /** Whether the watchdog has sent TERM already. */
  isTold: boolean;
  /** Cuts every wait short. */
  hurry: AbortSignal;
}

/**
 * Ends the processes of a run: TERM to all of them, KILL after the grace.
 *
 * An engine is told first when it is cancelled, because on a bare TERM it writes a forced Crashed over Cancelling; one
 * that does not know the channel, or was taken over from an earlier agent, gets the bare TERM.
 *
 * A child that the shim has forked and that has not become its command yet still has the shim's handlers, so a TERM at
 * that moment is lost. A group that has only just begun therefore gets a second one.
 */
export async function stopProcesses(request: StopRequest, control: EngineControl): Promise<ProcessesEnd> {
  const { attemptId, processes, ageMs, graceMs, isCancel, isTold, hurry } = request;
  if (isCancel) await control.ask(attemptId, Math.min(ASK_MS, graceMs));
  const ended = new AbortController();
  if (ageMs < YOUNG_MS && graceMs > AGAIN_MS) void remind(processes, AbortSignal.any([hurry, ended.signal]));
  try {
    return await endProcesses(processes, { graceMs, hurry, isTold });
  } finally {
    ended.abort();
  }
}

async function remind(processes: ProcessSet, over: AbortSignal): Promise<void> {
  await pause(AGAIN_MS, over);
  if (!over.aborted) signalProcesses(processes, [], "SIGTERM");
}

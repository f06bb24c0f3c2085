/** What the end of an attempt means for its run. */
import { instantToMs } from "../../contract/instants.ts";
import type { AttemptEnd } from "../../contract/wire/agents.ts";
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import { isTerminal, type StateCreate, type StateType } from "../../contract/wire/states.ts";
import type { LostRunPolicy } from "../../contract/wire/work-pools.ts";
import { isRetryingInProcess } from "./place.ts";

export type EndStep =
  /** The run has said everything itself: its state stays. */
  | { kind: "keep" }
  /** The run goes back to its queue, whatever its state is. */
  | { kind: "requeue"; message: string }
  /** The server proposes a state; forced where the process may not object any more. */
  | { kind: "propose"; state: StateCreate; is_forced: boolean };

/** How a process ended, in words that a person understands. */
export function describeExit(exit_code: number | null, signal: string | null): string {
  if (signal !== null) return `The process was ended by ${signal}.`;
  if (exit_code === null) return "The process is gone and left no exit code.";
  const hint =
    exit_code === 137 || exit_code === 247
      ? " That is a SIGKILL, often for want of memory."
      : exit_code === 143
        ? " That is a SIGTERM."
        : exit_code === 127
          ? " The command was not found."
          : "";
  return `The process exited with code ${exit_code}.${hint}`;
}

/** Tells whether a state says that its run has no process any more, and not by the process itself. */
export function isGoneProcess(type: StateType | null): boolean {
  return type === "CRASHED" || type === "CANCELLED";
}

/** What Prefect's engine says when it is ended by SIGTERM (source: `states.py` of 3.8.8 and 3.9.1). */
const ENDED_BY_SIGNAL = "Execution was aborted by a termination signal.";

/** Tells whether a process has said of itself that a signal ended it, at `since` (milliseconds since the epoch) or later. */
function isEndedBySignal({ state }: FlowRun, since = 0): boolean {
  return (
    state?.type === "CRASHED" && state.message === ENDED_BY_SIGNAL && instantToMs(state.timestamp) >= since
  );
}

/** Tells whether a run in this state still needs its process. */
function needsProcess(run: FlowRun): boolean {
  if (run.state_type === "SCHEDULED") return isRetryingInProcess(run);
  if (run.state_type === "PAUSED") return run.state?.state_details.pause_reschedule !== true;
  return run.state_type !== null && !isTerminal(run.state_type);
}

/**
 * Decides what an ended attempt makes of its run. A plain command speaks by its exit code: 0 is COMPLETED, anything else
 * FAILED, so that the run's own retries apply. A process that sets its own states and leaves none is CRASHED, exit 0 or
 * not. Who was asked to cancel is CANCELLED, whatever the code. What its worker stopped because it could not go on goes
 * back to its queue where the pool wants that of lost runs.
 */
export function decideAttemptEnd(
  run: FlowRun,
  end: Pick<AttemptEnd, "outcome" | "exit_code" | "signal" | "sets_own_state" | "message">,
  policy: LostRunPolicy,
): EndStep {
  const isRequeued = end.outcome === "lost" && policy === "reschedule" && run.state_type !== "CANCELLING";
  if (isRequeued && (needsProcess(run) || isEndedBySignal(run)))
    return {
      kind: "requeue",
      message: "The worker could not go on with this run, which goes back to its queue.",
    };
  if (run.state_type === null || !needsProcess(run)) return { kind: "keep" };
  if (end.outcome === "not_started")
    return run.state_type === "CANCELLING"
      ? cancelled("The run was cancelled before it started.")
      : { kind: "requeue", message: "The run was not started and goes back to its queue." };
  if (end.outcome === "cancelled" || run.state_type === "CANCELLING")
    return cancelled(end.message ?? "The run was cancelled.");
  const message = end.message ?? describeExit(end.exit_code, end.signal);
  if (end.outcome === "lost" || end.sets_own_state || end.exit_code === null)
    return { kind: "propose", state: { type: "CRASHED", name: "Crashed", message }, is_forced: true };
  if (end.exit_code === 0)
    return {
      kind: "propose",
      state: { type: "COMPLETED", name: "Completed", message: end.message ?? null },
      is_forced: run.state_type !== "RUNNING",
    };
  return {
    kind: "propose",
    state: { type: "FAILED", name: "Failed", message },
    is_forced: run.state_type !== "RUNNING",
  };
}

function cancelled(message: string): EndStep {
  return { kind: "propose", state: { type: "CANCELLED", name: "Cancelled", message }, is_forced: true };
}

/**
 * Decides what becomes of a run whose agent was not heard of until its session and the grace were over; `silent_since`:
 * when it was heard of last, milliseconds since the epoch.
 */
export function decideLostRun(
  run: FlowRun,
  { worker_name, silent_since }: { worker_name: string; silent_since: number },
  policy: LostRunPolicy,
): EndStep {
  // The watchdog of an agent that is gone ends what runs before the session is over.
  const isGone = isEndedBySignal(run, silent_since);
  if (run.state_type === null || !(needsProcess(run) || isGone)) return { kind: "keep" };
  if (run.state_type === "CANCELLING")
    return cancelled(`The worker ${worker_name} was lost while it cancelled this run.`);
  if (policy === "reschedule")
    return {
      kind: "requeue",
      message: `The worker ${worker_name} was not heard of any more, so this run goes back to its queue.`,
    };
  if (isGone) return { kind: "keep" };
  return {
    kind: "propose",
    state: {
      type: "CRASHED",
      name: "Crashed",
      message: `The worker ${worker_name} was not heard of any more, so this run was given up and what it held was released.`,
    },
    is_forced: true,
  };
}

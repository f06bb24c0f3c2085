/** Where a run stands in its pool's indexes: derived from its record alone, so that it can be taken out again. */
import { CANCELLING_SECONDS, PAUSED_SECONDS_MAX } from "../../contract/bounds.ts";
import { instantToMs } from "../../contract/instants.ts";
import type { FlowRun } from "../../contract/wire/flow-runs.ts";

/** A SCHEDULED run is called Late when it is this much over its time (source: wire §4.4). */
export const LATE_AFTER_MS = 15_000;
const CANCELLING_MS = CANCELLING_SECONDS * 1000;
const PAUSED_MS_MAX = PAUSED_SECONDS_MAX * 1000;

/** What the server does alone when the time comes. */
export type DeadlineKind = "due" | "late" | "pause" | "cancelling" | "slot" | "move";

export interface Place {
  /** Milliseconds since the epoch from which the run may be claimed; null when it is not one to be claimed. */
  due_at: number | null;
  /** The next step that the server takes alone; at most one, the run's own state allows no more. */
  deadline: { at: number; kind: DeadlineKind } | null;
}

/** Tells whether a SCHEDULED run waits inside its own process, which goes on by itself. */
export function isRetryingInProcess(run: FlowRun): boolean {
  return run.state_type === "SCHEDULED" && run.empirical_policy.retry_type === "in_process";
}

/**
 * Derives where a run stands at `now`. A finished run moves to its journal `move_after_ms` after its last write; null:
 * never.
 */
export function placeRun(run: FlowRun, now: number, move_after_ms: number | null = null): Place {
  const since = run.state === null ? 0 : instantToMs(run.state.timestamp);
  switch (run.state_type) {
    case "SCHEDULED": {
      if (isRetryingInProcess(run)) return { due_at: null, deadline: null };
      const due_at =
        run.next_scheduled_start_time === null
          ? Math.ceil(since)
          : Math.ceil(instantToMs(run.next_scheduled_start_time));
      if (due_at > now) return { due_at, deadline: { at: due_at, kind: "due" } };
      return {
        due_at,
        deadline: run.state_name === "Scheduled" ? { at: due_at + LATE_AFTER_MS, kind: "late" } : null,
      };
    }
    case "PAUSED": {
      const timeout = run.state?.state_details.pause_timeout;
      const until = typeof timeout === "string" ? instantToMs(timeout) : since + PAUSED_MS_MAX;
      return { due_at: null, deadline: { at: Math.ceil(until), kind: "pause" } };
    }
    case "CANCELLING":
      return { due_at: null, deadline: { at: Math.ceil(since) + CANCELLING_MS, kind: "cancelling" } };
    case "COMPLETED":
    case "FAILED":
    case "CRASHED":
    case "CANCELLED":
      return {
        due_at: null,
        deadline:
          move_after_ms === null
            ? null
            : { at: Math.ceil(instantToMs(run.updated)) + move_after_ms, kind: "move" },
      };
    default:
      return { due_at: null, deadline: null };
  }
}

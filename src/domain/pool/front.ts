/** Which runs can be moved to the front of the line in which they wait, and by which number they come to stand there. */
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import { isTerminal } from "../../contract/wire/states.ts";
import { isRetryingInProcess, placeRun } from "./place.ts";

/** What a pool knows of a run that waits, or does not. */
export interface Waits {
  run: FlowRun;
  /** Out of the queue because its deployment's limit has no slot for it. */
  is_parked: boolean;
  /** Its place in the line of that limit. */
  slot_request_id: string | null;
  /** The slot that it was given there. */
  slot_lease_id: string | null;
  /** Somebody has claimed it. */
  is_claimed: boolean;
}

/** `queue`: it is due, and a worker is all that it waits for. `limit`: a slot of its deployment's limit is. */
export type WaitsIn = { line: "queue"; due_at: number } | { line: "limit" } | { line: null; reason: string };

/** Tells in which line a run waits at `now`; `reason` is a sentence for who wanted it to. */
export function findLine(
  { run, is_parked, slot_request_id, slot_lease_id, is_claimed }: Waits,
  now: number,
): WaitsIn {
  const refuse = (what: string): WaitsIn => ({
    line: null,
    reason: `${what}; only one that waits in a queue can go to its front.`,
  });
  if (run.state_type !== null && isTerminal(run.state_type))
    return refuse(`This flow run has ended as ${run.state_name}`);
  if (run.state_type !== "SCHEDULED")
    return refuse(`This flow run is ${run.state_name ?? "without a state"}`);
  if (isRetryingInProcess(run)) return refuse("The process of this flow run waits before it tries again");
  if (is_claimed) return refuse("This flow run was claimed by a worker");
  const isRefused = is_parked || slot_request_id !== null || run.state_name === "AwaitingConcurrencySlot";
  if (isRefused && slot_lease_id === null) return { line: "limit" };
  const due_at = placeRun(run, now).due_at ?? now;
  if (due_at > now) return refuse(`This flow run is not due before ${run.next_scheduled_start_time}`);
  if (run.work_queue_id === null && run.deployment_id === null)
    return refuse("No worker was asked to start this flow run");
  return { line: "queue", due_at };
}

/**
 * The priority by which a run stands before whoever is `first` now; its own where it does already. Below 0 in any case, so
 * that it also goes before whoever comes back to the queue with an earlier time.
 */
export function priorityAtFront(
  own: { id: string; priority: number },
  first: { run_id: string; priority: number } | undefined,
): number {
  const bar = Math.min(0, first?.priority ?? 0);
  const isFirst = first?.run_id === own.id && own.priority < 0;
  return isFirst || own.priority < bar ? own.priority : bar - 1;
}

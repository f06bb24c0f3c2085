/** Which runs a claim gets: strict priority of queues, then of runs, then time, within what is free. */
import type { ClaimAnswer } from "../../contract/wire/agents.ts";

export interface ClaimableQueue {
  id: string;
  priority: number;
  is_paused: boolean;
  /** Slots of the queue, null without a limit. */
  limit: number | null;
  /** Slots in use. */
  used: number;
  /** Due runs in order, at least as many as the claim asks for where there are so many. */
  ready: readonly string[];
}

export interface ChoiceInput {
  wanted: number;
  is_paused: boolean;
  pool_limit: number | null;
  pool_used: number;
  worker_limit: number | null;
  worker_used: number;
  queues: readonly ClaimableQueue[];
}

export interface Choice {
  run_ids: string[];
  /** Why no more was chosen; null when as many as wanted were. */
  reason: ClaimAnswer["reason"];
}

/** What is left of a limit. */
export function freeSlots(limit: number | null, used: number): number {
  return limit === null ? Number.POSITIVE_INFINITY : Math.max(0, limit - used);
}

/** Chooses the runs that a claim gets. A worker's own limit needs no reason: the worker knows it. */
export function chooseRuns(input: ChoiceInput): Choice {
  if (input.is_paused) return { run_ids: [], reason: "pool_paused" };
  const poolFree = freeSlots(input.pool_limit, input.pool_used);
  const wanted = Math.min(input.wanted, freeSlots(input.worker_limit, input.worker_used));
  const run_ids: string[] = [];
  let held: ClaimAnswer["reason"] = null;
  for (const queue of [...input.queues].sort((left, right) => left.priority - right.priority)) {
    if (queue.ready.length === 0) continue;
    if (queue.is_paused) {
      held ??= "queue_paused";
      continue;
    }
    const room = Math.min(wanted, poolFree) - run_ids.length;
    const free = freeSlots(queue.limit, queue.used);
    run_ids.push(...queue.ready.slice(0, Math.max(0, Math.min(room, free))));
    if (free < queue.ready.length && free < room) held ??= "queue_full";
    if (queue.ready.length > 0 && poolFree <= run_ids.length && run_ids.length < wanted) held = "pool_full";
  }
  if (run_ids.length >= input.wanted) return { run_ids, reason: null };
  return { run_ids, reason: held ?? "nothing_due" };
}

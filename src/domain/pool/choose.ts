/** Which runs a claim gets: strict priority of queues, then of runs, then time, within what is free. */
import type { ClaimAnswer } from "../../contract/wire/agents.ts";

export interface SharingQueue {
  id: string;
  priority: number;
  is_paused: boolean;
  /** Slots of the queue, null without a limit. */
  limit: number | null;
  /** Slots in use. */
  used: number;
  /** How many of its runs are due, at least as many as are wanted where there are so many. */
  due: number;
}

export interface ClaimableQueue extends Omit<SharingQueue, "due"> {
  /** Due runs in order, at least as many as the claim asks for where there are so many. */
  ready: readonly string[];
}

interface Within {
  wanted: number;
  is_paused: boolean;
  pool_limit: number | null;
  pool_used: number;
  worker_limit: number | null;
  worker_used: number;
}

export interface ShareInput extends Within {
  queues: readonly SharingQueue[];
}

export interface ChoiceInput extends Within {
  queues: readonly ClaimableQueue[];
}

/** Why no more was chosen; null when as many as wanted were. */
type Reason = ClaimAnswer["reason"];

export interface Shares {
  /** How many runs of which queues, in the order in which they are given; at least one of each. */
  given: { id: string; count: number }[];
  reason: Reason;
}

export interface Choice {
  run_ids: string[];
  reason: Reason;
}

export function sum(numbers: Iterable<number>): number {
  let all = 0;
  for (const number of numbers) all += number;
  return all;
}

/** What is left of a limit. */
export function freeSlots(limit: number | null, used: number): number {
  return limit === null ? Number.POSITIVE_INFINITY : Math.max(0, limit - used);
}

/** Tells how many runs of each queue a claim gets. A worker's own limit needs no reason: the worker knows it. */
export function shareOut(input: ShareInput): Shares {
  if (input.is_paused) return { given: [], reason: "pool_paused" };
  const poolFree = freeSlots(input.pool_limit, input.pool_used);
  const wanted = Math.min(input.wanted, freeSlots(input.worker_limit, input.worker_used));
  const given: Shares["given"] = [];
  let all = 0;
  let held: Reason = null;
  for (const queue of [...input.queues].sort((left, right) => left.priority - right.priority)) {
    if (queue.due === 0) continue;
    if (queue.is_paused) {
      held ??= "queue_paused";
      continue;
    }
    const room = Math.min(wanted, poolFree) - all;
    const free = freeSlots(queue.limit, queue.used);
    const count = Math.max(0, Math.min(queue.due, room, free));
    if (count > 0) given.push({ id: queue.id, count });
    all += count;
    if (free < queue.due && free < room) held ??= "queue_full";
    if (poolFree <= all && all < wanted) held = "pool_full";
  }
  if (all >= input.wanted) return { given, reason: null };
  return { given, reason: held ?? "nothing_due" };
}

/** Chooses the runs that a claim gets, by {@link shareOut}. */
export function chooseRuns({ queues, ...within }: ChoiceInput): Choice {
  const ready = new Map(queues.map((queue) => [queue.id, queue.ready] as const));
  const { given, reason } = shareOut({
    ...within,
    queues: queues.map(({ ready: { length: due }, ...queue }) => ({ ...queue, due })),
  });
  return { run_ids: given.flatMap(({ id, count }) => (ready.get(id) ?? []).slice(0, count)), reason };
}

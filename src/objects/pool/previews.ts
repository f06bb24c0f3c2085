/** What a change of the pool or of a queue would do to the runs that are due, before it is made. */
import { DUE_COUNTED_MAX } from "../../contract/bounds.ts";
import { accept, refuse, type Result } from "../../contract/errors.ts";
import type { ChangePreview, PreviewedChange } from "../../contract/wire/work-pools.ts";
import { freeSlots, sum } from "../../domain/pool/choose.ts";
import {
  countRoomFor,
  previewChange,
  type PreviewedPool,
  type PreviewedQueue,
  type PreviewedWorkers,
} from "../../domain/pool/preview.ts";
import { serves } from "../../domain/pool/status.ts";
import { poolOf, type PoolContext } from "./context.ts";
import type { PoolWorkers } from "./workers.ts";

/** Of workers whose queues are not those of one of so many, it is said that they serve all. */
const WORKER_KINDS_MAX = 100;

/** By the rule of claims, with the workers that are online; nothing is written. */
export function previewPoolChange(
  context: PoolContext,
  workers: PoolWorkers,
  change: PreviewedChange,
): Result<ChangePreview> {
  const now = readPool(context, change.queue?.id);
  if (change.queue !== undefined && !now.queues.some(({ id }) => id === change.queue?.id))
    return refuse("not_found", "Work queue not found.");
  return accept(previewChange(now, groupWorkers(context, workers), change));
}

/** For how many runs of a queue the workers that are online have room, as far as nothing else keeps them. */
export function countRoom(context: PoolContext, workers: PoolWorkers, queue_id: string): number {
  return countRoomFor(readPool(context, queue_id), groupWorkers(context, workers), queue_id);
}

/** What is due is counted of one queue first, where one is named. */
function readPool(context: PoolContext, first_id: string | undefined): PreviewedPool {
  const { store } = context;
  const pool = poolOf(context);
  const used = store.attempts.countActiveByQueue();
  let left = DUE_COUNTED_MAX;
  const rank = ({ id, priority }: { id: string; priority: number }): number =>
    id === first_id ? 0 : priority;
  const queues = store.catalog
    .listQueues()
    .toSorted((one, other) => rank(one) - rank(other))
    .map(({ id, name, priority, is_paused, concurrency_limit: limit }): PreviewedQueue => {
      const due = left === 0 ? 0 : store.line.countReady(id, left);
      left -= due;
      return { id, name, priority, is_paused, limit, used: used.get(id) ?? 0, due };
    });
  return {
    is_paused: pool.is_paused,
    limit: pool.concurrency_limit,
    used: sum(used.values()),
    queues,
  };
}

/** The workers that are online, those together that serve the same queues. */
function groupWorkers({ store }: PoolContext, workers: PoolWorkers): PreviewedWorkers[] {
  const running = store.attempts.countActiveByWorker();
  const kinds = new Map<string, PreviewedWorkers>();
  for (const worker of workers.listOnline()) {
    // Prefect's workers tell neither their limit nor which queues they ask.
    const isOurs = worker.session_id !== null;
    const free = isOurs
      ? freeSlots(worker.run_limit, running.get(worker.name) ?? 0)
      : Number.POSITIVE_INFINITY;
    const named = isOurs ? JSON.stringify(worker.advertised.work_queue_names.toSorted()) : "[]";
    const kind = kinds.size < WORKER_KINDS_MAX || kinds.has(named) ? named : "[]";
    const before = kinds.get(kind)?.room;
    const room = before === null || free === Number.POSITIVE_INFINITY ? null : (before ?? 0) + free;
    kinds.set(kind, { room, serves: kind === "[]" ? () => true : (name) => serves(worker, name) });
  }
  return [...kinds.values()];
}

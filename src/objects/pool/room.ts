/** Whether pool and queue have room for one more run, and the words for it where they have not. */
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import { freeSlots, sum } from "../../domain/pool/choose.ts";
import { poolOf, type PoolContext } from "./context.ts";

/** Says that a limit is used up. */
export function sayFull(limit: number | null, used: number, of: string): string {
  if (limit === 0) return `The limit of ${of} is 0, so none of its runs begins.`;
  if (limit !== null && used > limit)
    return `${used} runs of ${of} are under way, and its limit is ${limit}.`;
  return limit === 1 ? `The only slot of ${of} is taken.` : `All ${limit} slots of ${of} are taken.`;
}

/** Why a run that waits may not go on now; undefined where its pool and its queue have room. */
export function findFull(context: PoolContext, run: FlowRun): string | undefined {
  const { store } = context;
  const pool = poolOf(context);
  const queue = store.catalog.listQueues().find(({ id }) => id === run.work_queue_id);
  if (queue === undefined || (pool.concurrency_limit === null && queue.concurrency_limit === null))
    return undefined;
  const used = store.attempts.countActiveByQueue();
  const [inPool, inQueue] = [sum(used.values()), used.get(queue.id) ?? 0];
  if (freeSlots(pool.concurrency_limit, inPool) === 0)
    return sayFull(pool.concurrency_limit, inPool, `the work pool ${pool.name}`);
  if (freeSlots(queue.concurrency_limit, inQueue) === 0)
    return sayFull(queue.concurrency_limit, inQueue, `the work queue ${queue.name}`);
  return undefined;
}

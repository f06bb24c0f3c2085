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
  if (run.work_queue_id === null) return undefined;
  const { store } = context;
  const pool = poolOf(context);
  // One whose queue was deleted when it had ended counts in its pool all the same.
  const queue = store.catalog.listQueues().find(({ id }) => id === run.work_queue_id);
  const queue_limit = queue?.concurrency_limit ?? null;
  if (pool.concurrency_limit === null && queue_limit === null) return undefined;
  const used = store.attempts.countActiveByQueue();
  const [inPool, inQueue] = [sum(used.values()), used.get(run.work_queue_id) ?? 0];
  if (freeSlots(pool.concurrency_limit, inPool) === 0)
    return sayFull(pool.concurrency_limit, inPool, `the work pool ${pool.name}`);
  if (queue !== undefined && freeSlots(queue_limit, inQueue) === 0)
    return sayFull(queue_limit, inQueue, `the work queue ${queue.name}`);
  return undefined;
}

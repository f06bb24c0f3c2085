/** What a change of a pool or of a queue would do at once, by the rule of claims. */
import type { ChangePreview, PreviewedChange } from "../../contract/wire/work-pools.ts";
import { shareOut, sum, type Shares, type SharingQueue } from "./choose.ts";

export interface PreviewedQueue extends SharingQueue {
  name: string;
}

/** Workers that are online and serve the same queues. */
export interface PreviewedWorkers {
  /** How many more runs they take; null where that has no bound, or is not known. */
  room: number | null;
  serves: (queue_name: string) => boolean;
}

export interface PreviewedPool {
  is_paused: boolean;
  limit: number | null;
  /** Slots in use. */
  used: number;
  queues: readonly PreviewedQueue[];
}

/**
 * Tells what would begin by a change that would not begin without it, and what keeps the rest: of the queue where one is
 * named, of the whole pool otherwise. The limits of deployments are not asked: it may be fewer.
 */
export function previewChange(
  now: PreviewedPool,
  workers: readonly PreviewedWorkers[],
  change: PreviewedChange,
): ChangePreview {
  const changed = applyChange(now, change);
  const isMeant = ({ id }: PreviewedQueue): boolean => change.queue === undefined || id === change.queue.id;
  const dueOf = ({ queues }: PreviewedPool): number => sum(queues.filter(isMeant).map(({ due }) => due));
  const begun = letBegin(changed, workers);
  const queues = changed.queues.filter(isMeant);
  const used = sum(queues.map((queue) => queue.used));
  const [active, limit] =
    change.queue === undefined ? [changed.used, changed.limit] : [used, queues[0]?.limit ?? null];
  return {
    active,
    due: dueOf(now),
    room: workers
      .filter(({ serves }) => queues.some(({ name }) => serves(name)))
      .reduce<number | null>((all, { room }) => (all === null || room === null ? null : all + room), 0),
    begins: Math.max(0, dueOf(letBegin(now, workers)) - dueOf(begun)),
    over: limit === null ? 0 : Math.max(0, active - limit),
    blocked_by: dueOf(begun) === 0 ? null : findObstacle(begun, isMeant),
  };
}

/**
 * For how many runs of a queue workers have room without a limit or a pause of its own or its pool's: at least so many,
 * whoever of them claims first.
 */
export function countRoomFor(
  now: PreviewedPool,
  workers: readonly PreviewedWorkers[],
  queue_id: string,
): number {
  const open = { is_paused: false, concurrency_limit: null };
  const free = applyChange(now, { pool: open, queue: { id: queue_id, ...open } });
  const queueOf = ({ queues }: PreviewedPool) => queues.find(({ id }) => id === queue_id);
  const name = queueOf(now)?.name ?? "";
  const queues = free.queues.map((queue) =>
    queue.id === queue_id ? { ...queue, due: Number.MAX_SAFE_INTEGER } : queue,
  );
  // Who serves other queues only would leave more of their runs to those whose room counts here.
  const own = workers.filter(({ serves }) => serves(name));
  return (queueOf(letBegin({ ...free, queues }, own))?.used ?? 0) - (queueOf(now)?.used ?? 0);
}

function applyChange(now: PreviewedPool, { pool, queue: of }: PreviewedChange): PreviewedPool {
  return {
    ...now,
    is_paused: pool?.is_paused ?? now.is_paused,
    limit: pool?.concurrency_limit === undefined ? now.limit : pool.concurrency_limit,
    queues: now.queues.map((queue) =>
      queue.id === of?.id
        ? {
            ...queue,
            is_paused: of.is_paused ?? queue.is_paused,
            limit: of.concurrency_limit === undefined ? queue.limit : of.concurrency_limit,
          }
        : queue,
    ),
  };
}

/** The pool after all workers have claimed what they have room for; who serves few queues first, which gives the most. */
function letBegin(pool: PreviewedPool, workers: readonly PreviewedWorkers[]): PreviewedPool {
  return workers
    .map(({ room, serves }) => ({
      room,
      serves,
      served: pool.queues.filter(({ name }) => serves(name)).length,
    }))
    .toSorted((left, right) => left.served - right.served)
    .reduce((now, { room, serves }) => {
      const { given } = claim(now, room, ({ name }) => serves(name));
      if (given.length === 0) return now;
      const counts = new Map(given.map(({ id, count }) => [id, count] as const));
      return {
        ...now,
        used: now.used + sum(counts.values()),
        queues: now.queues.map((queue) => {
          const count = counts.get(queue.id) ?? 0;
          return count === 0 ? queue : { ...queue, used: queue.used + count, due: queue.due - count };
        }),
      };
    }, pool);
}

/** What keeps runs of these queues that are still due: where one more worker would get some, it is workers. */
function findObstacle(
  pool: PreviewedPool,
  isMeant: (queue: PreviewedQueue) => boolean,
): ChangePreview["blocked_by"] {
  const { given, reason } = claim(pool, null, isMeant);
  if (given.length > 0) return "workers";
  if (reason === "pool_paused" || reason === "queue_paused") return reason;
  return reason === "pool_full" ? "pool_limit" : "queue_limit";
}

function claim(
  pool: PreviewedPool,
  room: number | null,
  isWanted: (queue: PreviewedQueue) => boolean,
): Shares {
  return shareOut({
    wanted: room ?? Number.POSITIVE_INFINITY,
    is_paused: pool.is_paused,
    pool_limit: pool.limit,
    pool_used: pool.used,
    worker_limit: null,
    worker_used: 0,
    queues: pool.queues.filter(isWanted),
  });
}

/** Where runs stand in line, and what they must have there to begin. */
import { PLACES_COUNTED_MAX } from "../../contract/bounds.ts";
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import { limitNameOfDeployment } from "../../domain/catalog/deployments.ts";
import { freeSlots, sum } from "../../domain/pool/choose.ts";
import { serves } from "../../domain/pool/status.ts";
import { poolOf, type PoolContext } from "./context.ts";
import type { PoolOperations, RunNeed } from "./operations.ts";
import { countRoom } from "./previews.ts";
import type { PoolQueues } from "./queues.ts";
import type { QueueRow, StoredRun, WorkerRow } from "./rows.ts";
import type { PoolWorkers } from "./workers.ts";

/** Where a run stands or would stand in line, and which limits let those begin who go first, and then this one. */
export interface Spot {
  run: FlowRun;
  queue: QueueRow | undefined;
  online: readonly WorkerRow[];
  /** Runs of its queue that stand before it; null without a queue and a deployment. */
  before: number | null;
  /** Runs of other queues that go first. */
  ahead: number;
  in_pool: number;
  in_queue: number;
  least_of_pool: number;
  least_of_queue: number;
}

export function findSpot(
  context: PoolContext,
  queues: PoolQueues,
  workers: PoolWorkers,
  { run, priority, due }: StoredRun & { due: number },
): Spot {
  const { store } = context;
  const queue = queues.find({ id: run.work_queue_id ?? "" });
  const home = queue?.id ?? run.deployment_id;
  const before =
    home === null ? null : store.line.countReadyBefore(home, priority, due, run.id, PLACES_COUNTED_MAX);
  const used = store.attempts.countActiveByQueue();
  const online = workers.listOnline();
  const ahead = countAhead(context, queue, used, online);
  const in_pool = sum(used.values());
  const in_queue = used.get(queue?.id ?? "") ?? 0;
  return {
    run,
    queue,
    online,
    before,
    ahead,
    in_pool,
    in_queue,
    least_of_pool: in_pool + ahead + (before ?? 0) + 1,
    least_of_queue: in_queue + (before ?? 0) + 1,
  };
}

/** A spot in the line of a pool to which a worker comes that serves all queues: those that nobody serves go first, too. */
export function withNewWorker(context: PoolContext, spot: Spot): Spot {
  const ahead = countAhead(context, spot.queue, context.store.attempts.countActiveByQueue(), []);
  return { ...spot, ahead, least_of_pool: spot.least_of_pool - spot.ahead + ahead };
}

/** All that a run must have to begin where it stands. */
export function listNeeds(context: PoolContext, workers: PoolWorkers, spot: Spot): RunNeed[] {
  const { run, queue, before, least_of_pool, least_of_queue } = spot;
  const pool = poolOf(context);
  if (pool.is_internal) return run.deployment_id === null ? [] : [{ reason: "no_pool", spare: -1 }];
  const needs: RunNeed[] = [];
  if (pool.is_paused) needs.push({ reason: "pool_paused", spare: -1 });
  if (queue?.is_paused === true) needs.push({ reason: "queue_paused", spare: -1 });
  if (pool.concurrency_limit !== null)
    needs.push({ reason: "pool_full", spare: pool.concurrency_limit - least_of_pool });
  if (queue === undefined) return needs;
  if (queue.concurrency_limit !== null)
    needs.push({ reason: "queue_full", spare: queue.concurrency_limit - least_of_queue });
  const room = countRoom(context, workers, queue.id);
  return [...needs, { reason: "workers_busy", spare: room - (before ?? 0) - 1 }];
}

/** The limit that has a say before a run is given to a worker, and who asks it before this run. */
export function findDeploymentLimit(
  { store }: PoolContext,
  { queue }: Spot,
  waiting: StoredRun & { due: number },
): Pick<PoolOperations["explain_run"]["answer"], "deployment_limit" | "deployment_before"> {
  const { deployment_id } = waiting.run;
  if (deployment_id === null || waiting.slot_lease_id !== null) return {};
  if ((store.deployments.readDeployment(deployment_id)?.concurrency_limit ?? null) === null) return {};
  return {
    deployment_limit: limitNameOfDeployment(deployment_id),
    deployment_before: store.line.countRivalsBefore(queue?.id ?? deployment_id, waiting, PLACES_COUNTED_MAX),
  };
}

/** How many runs of queues that a claim looks into before this one would be given: those that are ready, and are served. */
function countAhead(
  { store }: PoolContext,
  queue: QueueRow | undefined,
  used: ReadonlyMap<string, number>,
  online: readonly WorkerRow[],
): number {
  if (queue === undefined) return 0;
  const before = store.catalog
    .listQueues()
    .filter((other) => other.priority < queue.priority && !other.is_paused)
    .filter(({ name }) => online.length === 0 || online.some((worker) => mayServe(worker, name)));
  return sum(
    before.map(({ id, concurrency_limit }) =>
      Math.min(
        store.line.countReady(id, PLACES_COUNTED_MAX),
        freeSlots(concurrency_limit, used.get(id) ?? 0),
      ),
    ),
  );
}

/** Prefect's workers do not tell which queues they ask. */
export function mayServe(worker: WorkerRow, queue_name: string): boolean {
  return worker.session_id === null || serves(worker, queue_name);
}

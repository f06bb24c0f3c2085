/** Why runs do not get on. */
import { accept, type Result } from "../../contract/errors.ts";
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import { isTerminal } from "../../contract/wire/states.ts";
import { freeSlots } from "../../domain/pool/choose.ts";
import { isRetryingInProcess } from "../../domain/pool/place.ts";
import type { PoolQueues } from "./queues.ts";
import type { PoolWorkers } from "./workers.ts";
import { poolOf, type PoolContext } from "./context.ts";
import type { PoolOperations } from "./operations.ts";
import { refuseRun } from "./run-records.ts";

/** In how many lines an explanation looks for the run. */
const LIMIT_KEYS_MAX = 10;
/** Places in line are counted up to this. */
export const POSITION_MAX = 10_000;

type Explanation = PoolOperations["explain_run"]["answer"];

function say(
  reason: string,
  detail: string,
  more: Partial<Omit<Explanation, "reason" | "detail">> = {},
): Result<Explanation> {
  return accept({
    reason,
    detail,
    blocking: null,
    position: null,
    estimated_seconds: null,
    limit_keys: [],
    ...more,
  });
}

/** How a run has ended. */
export function explainEnd(run: FlowRun): Result<Explanation> {
  return say("ended", run.state?.message ?? `The run has ended as ${run.state_name}.`);
}

/** Why a run does not run, by the first thing that is in its way. */
export function explainRun(
  context: PoolContext,
  queues: PoolQueues,
  workers: PoolWorkers,
  id: string,
): Result<Explanation> {
  const { store, host } = context;
  const stored = store.runs.readRun(id);
  if (stored === undefined) return refuseRun(id);
  const { run } = stored;
  if (run.state_type === null) return say("no_state", "The run has no state yet.");
  if (isTerminal(run.state_type)) return explainEnd(run);
  const active = store.attempts.readActive(id);
  if (run.state_type !== "SCHEDULED") {
    const attempt = active?.attempt_id ?? null;
    const worker = active?.worker_name ?? null;
    const by = worker === null ? "" : ` by the worker ${worker}`;
    if (run.state_type === "PENDING")
      return say("claimed", `The run was claimed${by} and has not begun yet.`, {
        blocking: worker === null ? null : { kind: "worker", name: worker },
      });
    if (run.state_type === "PAUSED") return say("paused", "The run waits for somebody to resume it.");
    return say(run.state_type.toLowerCase(), `The run is ${run.state_name}${by}.`, {
      limit_keys: attempt === null ? [] : store.attempts.listNotes(attempt, LIMIT_KEYS_MAX),
    });
  }
  const now = host.now();
  if (isRetryingInProcess(run)) return say("retrying", "The process of the run waits before it tries again.");
  if ((stored.is_parked || stored.slot_request_id !== null) && stored.slot_lease_id === null)
    return say("deployment_full", "The deployment's concurrency limit has no slot for this run yet.", {
      blocking: { kind: "limit", name: `deployment:${run.deployment_id}` },
    });
  const next = run.next_scheduled_start_time === null ? now : Date.parse(run.next_scheduled_start_time);
  if (next > now)
    return say("not_due", `The run is scheduled for ${run.next_scheduled_start_time}.`, {
      estimated_seconds: (next - now) / 1000,
    });
  const pool = poolOf(context);
  const queue = queues.find({ id: run.work_queue_id ?? "" });
  const home = queue?.id ?? run.deployment_id;
  const position =
    home === null
      ? null
      : store.line.countReadyBefore(home, stored.priority, Math.ceil(next), id, POSITION_MAX) + 1;
  if (pool.is_internal)
    return say("no_pool", "The run's deployment has no work pool: only a process that serves it runs it.", {
      position,
    });
  const blockedBy = (kind: string, name: string) => ({ blocking: { kind, name }, position });
  if (pool.is_paused)
    return say("pool_paused", `The work pool ${pool.name} is paused.`, blockedBy("work_pool", pool.name));
  if (queue?.is_paused === true)
    return say(
      "queue_paused",
      `The work queue ${queue.name} is paused.`,
      blockedBy("work_queue", queue.name),
    );
  const all = store.attempts.listActive().filter(({ queue_id }) => queue_id !== null);
  if (freeSlots(pool.concurrency_limit, all.length) === 0)
    return say(
      "pool_full",
      `All ${pool.concurrency_limit} slots of the work pool ${pool.name} are taken.`,
      blockedBy("work_pool", pool.name),
    );
  const inQueue = all.filter(({ queue_id }) => queue_id === run.work_queue_id).length;
  if (queue !== undefined && freeSlots(queue.concurrency_limit, inQueue) === 0)
    return say(
      "queue_full",
      `All ${queue.concurrency_limit} slots of the work queue ${queue.name} are taken.`,
      blockedBy("work_queue", queue.name),
    );
  const online = workers.filter({ statuses: ["ONLINE"], limit: 1000, offset: 0 });
  if (online.length === 0)
    return say(
      "no_worker",
      `No worker of the work pool ${pool.name} is online; start one with \`sluice worker start --pool ${pool.name}\`.`,
      blockedBy("work_pool", pool.name),
    );
  return say("workers_busy", "The run is next in line as soon as a worker has room.", { position });
}

/** Why runs do not get on. */
import { accept, type Result } from "../../contract/errors.ts";
import { writeCommand } from "../../contract/commands.ts";
import { formatInstant } from "../../contract/instants.ts";
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import { isTerminal } from "../../contract/wire/states.ts";
import { freeSlots, sum } from "../../domain/pool/choose.ts";
import { isRetryingInProcess } from "../../domain/pool/place.ts";
import { limitNameOfDeployment } from "../../domain/catalog/deployments.ts";
import { serves } from "../../domain/pool/status.ts";
import type { PoolQueues } from "./queues.ts";
import type { PoolWorkers } from "./workers.ts";
import { poolOf, type PoolContext } from "./context.ts";
import { previewPoolChange } from "./previews.ts";
import type { QueueRow, StoredRun, WorkerRow } from "./rows.ts";
import type { PoolOperations } from "./operations.ts";
import { endOfCancelling } from "./run-deadlines.ts";
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
    help: null,
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
  const stored = context.store.runs.readRun(id);
  if (stored === undefined) return refuseRun(id);
  const { run } = stored;
  if (run.state_type === null) return say("no_state", "The run has no state yet.");
  if (isTerminal(run.state_type)) return explainEnd(run);
  if (run.state_type === "CANCELLING") return explainCancelling(context, workers, run);
  if (run.state_type !== "SCHEDULED") return explainAttempt(context, run);
  const now = context.host.now();
  if (isRetryingInProcess(run)) return say("retrying", "The process of the run waits before it tries again.");
  if ((stored.is_parked || stored.slot_request_id !== null) && stored.slot_lease_id === null) {
    const name = limitNameOfDeployment(run.deployment_id ?? "");
    return say("deployment_full", "The deployment's concurrency limit has no slot for this run yet.", {
      blocking: { kind: "limit", name, work_pool_name: null },
    });
  }
  const next = run.next_scheduled_start_time === null ? now : Date.parse(run.next_scheduled_start_time);
  if (next > now)
    return say(
      "not_due",
      `The run ${run.state_name === "AwaitingRetry" ? "is tried again at" : "is scheduled for"} ${run.next_scheduled_start_time}.`,
      {
        estimated_seconds: (next - now) / 1000,
      },
    );
  return explainLine(context, queues, workers, { ...stored, due: Math.ceil(next) });
}

/** What somebody does with a run whom it was given to. */
function explainAttempt({ store }: PoolContext, run: FlowRun): Result<Explanation> {
  const attempt = store.attempts.readActive(run.id);
  const name = attempt?.worker_name ?? null;
  const attempt_id = attempt?.attempt_id ?? null;
  const by = name === null ? "" : ` by the worker ${name}`;
  switch (run.state_type) {
    case "PENDING":
      return say(
        "claimed",
        name === null
          ? "The run is Pending and has not begun yet."
          : `The run was claimed${by} and has not begun yet.`,
        {
          blocking: name === null ? null : { kind: "worker", name, work_pool_name: run.work_pool_name },
        },
      );
    case "PAUSED":
      return say("paused", "The run waits for somebody to resume it.", {
        help: writeCommand("flow-run", "resume", run.id),
      });
    default:
      return say((run.state_type ?? "").toLowerCase(), `The run is ${run.state_name}${by}.`, {
        limit_keys: attempt_id === null ? [] : store.attempts.listNotes(attempt_id, LIMIT_KEYS_MAX),
      });
  }
}

/** Who stops a run that is being cancelled, and when it has ended at the latest. */
function explainCancelling(context: PoolContext, workers: PoolWorkers, run: FlowRun): Result<Explanation> {
  const { store, host } = context;
  const ours = store.attempts.readActive(run.id)?.worker_name ?? null;
  const worker = ours ?? run.labels["prefect.worker.name"];
  const ends_at = endOfCancelling(context, run);
  const at = formatInstant(ends_at);
  const sayBy = (who: string) =>
    say(
      "cancelling",
      `The run is Cancelling: ${who} stops its process. It is Cancelled at ${at} at the latest.`,
    );
  // What a worker of ours has begun is stopped also where that is gone; of Prefect's nobody stops it then.
  if (ours !== null || workers.listOnline().some(({ name }) => name === worker))
    return sayBy(`the worker ${String(worker)}`);
  if (poolOf(context).is_internal && run.deployment_id !== null) return sayBy("who serves its deployment");
  const why = typeof worker === "string" ? `its worker ${worker} is offline` : "it has no worker";
  return say(
    "cancelling",
    `The run is Cancelling, and nobody stops its process: ${why}. It is Cancelled when its process ends or says so, at ${at} at the latest.`,
    { estimated_seconds: Math.max(0, (ends_at - host.now()) / 1000) },
  );
}

/** What keeps a run that is due in the line of its queue. */
function explainLine(
  context: PoolContext,
  queues: PoolQueues,
  workers: PoolWorkers,
  waiting: StoredRun & { due: number },
): Result<Explanation> {
  const { run, priority, due } = waiting;
  const { store } = context;
  const pool = poolOf(context);
  const queue = queues.find({ id: run.work_queue_id ?? "" });
  const home = queue?.id ?? run.deployment_id;
  const before =
    home === null ? null : store.line.countReadyBefore(home, priority, due, run.id, POSITION_MAX);
  const position = before === null ? null : before + 1;
  const used = store.attempts.countActiveByQueue();
  const online = workers.listOnline();
  const ahead = countAhead(context, queue, used, online);
  if (pool.is_internal)
    return say(
      "no_pool",
      run.deployment_id === null
        ? "The run has no work pool: only the process that made it runs it."
        : "The run's deployment has no work pool: only a process that serves it runs it.",
      { position },
    );
  const byPool = (reason: string, detail: string, ...help: string[]) =>
    say(reason, detail, {
      blocking: { kind: "work_pool", name: pool.name, work_pool_name: null },
      help: writeCommand(...help),
      position,
    });
  if (pool.is_paused)
    return byPool("pool_paused", `The work pool ${pool.name} is paused.`, "work-pool", "resume", pool.name);
  const byQueue = (reason: string, name: string, detail: string, ...help: string[]) =>
    say(reason, detail, {
      blocking: { kind: "work_queue", name, work_pool_name: pool.name },
      help: writeCommand(...help),
      position,
    });
  const ofPool = ["--pool", pool.name];
  if (queue?.is_paused === true) {
    const detail = `The work queue ${queue.name} is paused.`;
    return byQueue("queue_paused", queue.name, detail, "work-queue", "resume", queue.name, ...ofPool);
  }
  const inPool = sum(used.values());
  const inQueue = used.get(queue?.id ?? "") ?? 0;
  // What lets those begin who go first, and then this one.
  const leastOfPool = inPool + ahead + (before ?? 0) + 1;
  const leastOfQueue = inQueue + (before ?? 0) + 1;
  const sayOthers = (of: string, limit: number | null, least: number): string => {
    const hasWorker = queue === undefined || wouldBegin(context, workers, queue.id, before ?? 0);
    const needs = [
      ...(limit !== null && limit < least ? [`a slot of ${of}`] : []),
      ...(hasWorker ? [] : ["a worker with room for it"]),
    ];
    return needs.length === 0 ? "" : ` It needs ${needs.join(" and ")}, too.`;
  };
  if (freeSlots(pool.concurrency_limit, inPool) === 0) {
    const detail = sayFull(pool.concurrency_limit, inPool, `the work pool ${pool.name}`);
    const others = sayOthers("its work queue", queue?.concurrency_limit ?? null, leastOfQueue);
    return byPool(
      "pool_full",
      detail + sayBefore(null, ahead) + others,
      "work-pool",
      "set-concurrency-limit",
      pool.name,
      String(leastOfPool),
    );
  }
  if (queue !== undefined && freeSlots(queue.concurrency_limit, inQueue) === 0) {
    const detail = sayFull(queue.concurrency_limit, inQueue, `the work queue ${queue.name}`);
    const others = sayOthers("its work pool", pool.concurrency_limit, leastOfPool);
    const help = ["work-queue", "set-concurrency-limit", queue.name, String(leastOfQueue), ...ofPool];
    return byQueue("queue_full", queue.name, detail + others, ...help);
  }
  const start = ["worker", "start", ...ofPool];
  if (online.length === 0)
    return byPool("no_worker", `No worker of the work pool ${pool.name} is online.`, ...start);
  if (queue !== undefined && !online.some((worker) => mayServe(worker, queue.name))) {
    const detail = `No worker that is online serves the work queue ${queue.name}.`;
    return byQueue("no_worker", queue.name, detail, ...start, "--work-queue", queue.name);
  }
  const note = run.deployment_id === null ? undefined : store.deployments.readDeployment(run.deployment_id);
  const wantsSlot = (note?.concurrency_limit ?? null) !== null && waiting.slot_lease_id === null;
  return say(
    "workers_busy",
    `The run is claimed as soon as a worker has room for it.${sayBefore(before, ahead)}`,
    {
      blocking: { kind: "work_pool", name: pool.name, work_pool_name: null },
      help: writeCommand(...start),
      position,
      ...(wantsSlot && {
        deployment_limit: limitNameOfDeployment(run.deployment_id ?? ""),
        deployment_before: home === null ? 0 : store.line.countRivalsBefore(home, waiting, POSITION_MAX),
      }),
    },
  );
}

/** Who goes first: so many of its own queue, and so many of queues that come before that. */
function sayBefore(before: number | null, ahead: number): string {
  const runs = (count: number): string => (count === 1 ? "One run" : `${count} runs`);
  const areOwn =
    before === null || before === 0
      ? ""
      : ` ${runs(before)} of its queue ${before === 1 ? "is" : "are"} before it.`;
  const areOthers =
    ahead === 0
      ? ""
      : ` ${runs(ahead)} of queues with a higher priority ${ahead === 1 ? "goes" : "go"} first.`;
  return areOwn + areOthers;
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
      Math.min(store.line.countReady(id, POSITION_MAX), freeSlots(concurrency_limit, used.get(id) ?? 0)),
    ),
  );
}

/** Prefect's workers do not tell which queues they ask. */
function mayServe(worker: WorkerRow, queue_name: string): boolean {
  return worker.session_id === null || serves(worker, queue_name);
}

/** Whether a run behind so many of its queue would begin if pool and queue had no limits. */
function wouldBegin(context: PoolContext, workers: PoolWorkers, queue_id: string, before: number): boolean {
  const unlimited = {
    pool: { concurrency_limit: null },
    queue: { id: queue_id, concurrency_limit: null },
  };
  const preview = previewPoolChange(context, workers, unlimited);
  return preview.ok && preview.value.begins > Math.min(before, preview.value.due - 1);
}

function sayFull(limit: number | null, used: number, of: string): string {
  if (limit === 0) return `The limit of ${of} is 0, so none of its runs begins.`;
  if (limit !== null && used > limit)
    return `${used} runs of ${of} are under way, and its limit is ${limit}.`;
  return limit === 1 ? `The only slot of ${of} is taken.` : `All ${limit} slots of ${of} are taken.`;
}

/** Why runs do not get on. */
import { PLACES_COUNTED_MAX } from "../../contract/bounds.ts";
import { accept, type Result } from "../../contract/errors.ts";
import { writeCommand } from "../../contract/commands.ts";
import { formatInstant } from "../../contract/instants.ts";
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import { isTerminal } from "../../contract/wire/states.ts";
import { freeSlots } from "../../domain/pool/choose.ts";
import { isRetryingInProcess } from "../../domain/pool/place.ts";
import { limitNameOfDeployment } from "../../domain/catalog/deployments.ts";
import type { PoolQueues } from "./queues.ts";
import type { PoolWorkers } from "./workers.ts";
import { poolOf, type PoolContext } from "./context.ts";
import type { StoredRun } from "./rows.ts";
import type { PoolOperations } from "./operations.ts";
import { endOfCancelling } from "./run-deadlines.ts";
import { sayFull } from "./room.ts";
import { refuseRun } from "./run-records.ts";
import { findDeploymentLimit, findSpot, listNeeds, mayServe, withNewWorker } from "./spots.ts";

/** In how many lines an explanation looks for the run. */
const LIMIT_KEYS_MAX = 10;

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
  const now = context.host.now();
  if (run.state_type === "PAUSED" && run.state?.state_details.pause_reschedule === true) {
    const waiting = { ...stored, due: now };
    const spot = findSpot(context, queues, workers, waiting);
    return sayPaused(run, {
      needs: listNeeds(context, workers, spot),
      ...findDeploymentLimit(context, spot, waiting),
    });
  }
  if (run.state_type !== "SCHEDULED") return explainAttempt(context, run);
  if (isRetryingInProcess(run)) return say("retrying", "The process of the run waits before it tries again.");
  const next = run.next_scheduled_start_time === null ? now : Date.parse(run.next_scheduled_start_time);
  if ((stored.is_parked || stored.slot_request_id !== null) && stored.slot_lease_id === null) {
    const name = limitNameOfDeployment(run.deployment_id ?? "");
    const spot = findSpot(context, queues, workers, { ...stored, due: Math.min(now, Math.ceil(next)) });
    return say("deployment_full", "The deployment's concurrency limit has no slot for this run yet.", {
      blocking: { kind: "limit", name, work_pool_name: null },
      needs: listNeeds(context, workers, spot),
    });
  }
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

function sayPaused(run: FlowRun, more: Partial<Explanation> = {}): Result<Explanation> {
  const help = writeCommand("flow-run", "resume", run.id);
  return say("paused", "The run waits for somebody to resume it.", { ...more, help });
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
      return sayPaused(run);
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
  const pool = poolOf(context);
  const spot = findSpot(context, queues, workers, waiting);
  const { run, queue, online, before, ahead, in_pool, in_queue, least_of_pool, least_of_queue } = spot;
  const position = before === null ? null : before + 1;
  if (pool.is_internal)
    return say(
      "no_pool",
      run.deployment_id === null
        ? "The run has no work pool: only the process that made it runs it."
        : "The run's deployment has no work pool: only a process that serves it runs it.",
    );
  let at = spot;
  const sayMore = (): Partial<Explanation> => ({
    position,
    needs: listNeeds(context, workers, at),
    ...findDeploymentLimit(context, spot, waiting),
  });
  // A number that would help is known where all are counted who go first.
  const isCounted = (before ?? 0) < PLACES_COUNTED_MAX && ahead < PLACES_COUNTED_MAX;
  const sayHelp = (reason: string, help: string[]): string | null =>
    !isCounted && (reason === "pool_full" || reason === "queue_full") ? null : writeCommand(...help);
  const byPool = (reason: string, detail: string, ...help: string[]) =>
    say(reason, detail, {
      ...sayMore(),
      blocking: { kind: "work_pool", name: pool.name, work_pool_name: null },
      help: sayHelp(reason, help),
    });
  if (pool.is_paused)
    return byPool("pool_paused", `The work pool ${pool.name} is paused.`, "work-pool", "resume", pool.name);
  const byQueue = (reason: string, name: string, detail: string, ...help: string[]) =>
    say(reason, detail, {
      ...sayMore(),
      blocking: { kind: "work_queue", name, work_pool_name: pool.name },
      help: sayHelp(reason, help),
    });
  const ofPool = ["--pool", pool.name];
  if (queue?.is_paused === true) {
    const detail = `The work queue ${queue.name} is paused.`;
    return byQueue("queue_paused", queue.name, detail, "work-queue", "resume", queue.name, ...ofPool);
  }
  if (freeSlots(pool.concurrency_limit, in_pool) === 0) {
    const detail = sayFull(pool.concurrency_limit, in_pool, `the work pool ${pool.name}`);
    const help = ["work-pool", "set-concurrency-limit", pool.name, String(least_of_pool)];
    return byPool("pool_full", detail + sayBefore(null, ahead), ...help);
  }
  if (queue !== undefined && freeSlots(queue.concurrency_limit, in_queue) === 0) {
    const detail = sayFull(queue.concurrency_limit, in_queue, `the work queue ${queue.name}`);
    const help = ["work-queue", "set-concurrency-limit", queue.name, String(least_of_queue), ...ofPool];
    return byQueue("queue_full", queue.name, detail, ...help);
  }
  const start = ["worker", "start", ...ofPool];
  if (queue !== undefined && online.length > 0 && !online.some((worker) => mayServe(worker, queue.name))) {
    const detail = `No worker that is online serves the work queue ${queue.name}.`;
    return byQueue("no_worker", queue.name, detail, ...start, "--work-queue", queue.name);
  }
  at = withNewWorker(context, spot);
  if (online.length === 0)
    return byPool("no_worker", `No worker of the work pool ${pool.name} is online.`, ...start);
  const detail = `The run is claimed as soon as a worker has room for it.${sayBefore(before, ahead)}`;
  return byPool("workers_busy", detail, ...start);
}

/** Who goes first: so many of its own queue, and so many of queues that come before that. */
function sayBefore(before: number | null, ahead: number): string {
  const runs = (count: number): string =>
    count === 1 ? "One run" : `${count} runs${count < PLACES_COUNTED_MAX ? "" : " or more"}`;
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

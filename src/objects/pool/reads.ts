/** What people and Prefect's workers ask of a pool; nothing here decides who runs what. */
import { accept, refuse, type Result } from "../../contract/errors.ts";
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import { isTerminal } from "../../contract/wire/states.ts";
import { freeSlots } from "../../domain/pool/choose.ts";
import { SLOT_HOLDING_TYPES } from "../../domain/pool/status.ts";
import { isRetryingInProcess } from "../../domain/pool/place.ts";
import { POLLED_REWRITE_MS, type PoolCatalog } from "./catalog.ts";
import { poolOf, type PoolContext } from "./context.ts";
import type { PoolOperations, RunFilter } from "./operations.ts";
import { namesQueues, ORDERS, toCondition } from "../shared/run-filter.ts";
import { refuseRun, type RunRecords } from "./run-records.ts";
import type { QueueRow, StoredRun } from "./rows.ts";

/** What another worker was just given comes last for this long (source: wire §9.5). */
const HANDED_OUT_MS = 2000;
const HANDED_OUT_MAX = 5000;
/** In how many lines an explanation looks for the run. */
const LIMIT_KEYS_MAX = 10;
/** Places in line are counted up to this. */
const POSITION_MAX = 10_000;

type Explanation = PoolOperations["explain_run"]["answer"];
type ConcurrencyStatus = PoolOperations["concurrency_status"]["answer"];

export class PoolReads {
  readonly #context: PoolContext;
  readonly #records: RunRecords;
  readonly #catalog: PoolCatalog;
  /** To whom a run was handed last, and until when that counts. A hint: losing it costs nothing. */
  readonly #handedOut = new Map<string, { csrf_client: string; until: number }>();

  constructor(context: PoolContext, records: RunRecords, catalog: PoolCatalog) {
    this.#context = context;
    this.#records = records;
    this.#catalog = catalog;
  }

  /** Prefect's poll (source: wire §4.2): a view that reserves nothing. */
  getScheduled(command: PoolOperations["get_scheduled"]["command"]): Result<FlowRun[]> {
    const { store, host } = this.#context;
    const pool = poolOf(this.#context);
    const all = store.catalog.listQueues();
    const names = command.work_queue_names ?? [];
    const queues = names.length === 0 ? all : all.filter(({ name }) => names.includes(name));
    const unknown = names.find((name) => !all.some((queue) => queue.name === name));
    if (unknown !== undefined) return refuse("not_found", `Work queue '${unknown}' not found.`);
    if (!pool.is_internal && command.deployment_ids === undefined) this.#catalog.markPolled(queues);
    const deployment_ids = command.deployment_ids ?? null;
    if (deployment_ids !== null) {
      const now = host.now();
      store.deployments.setPolled(deployment_ids, now, now - POLLED_REWRITE_MS);
    }
    if (deployment_ids === null && pool.is_paused) return accept([]);
    const used = store.attempts.countActiveByQueue(SLOT_HOLDING_TYPES);
    const poolUsed = [...used.values()].reduce((sum, count) => sum + count, 0);
    const room =
      deployment_ids === null ? freeSlots(pool.concurrency_limit, poolUsed) : Number.POSITIVE_INFINITY;
    const max = Math.min(command.limit, room);
    const found =
      deployment_ids !== null
        ? this.#listOfDeployments(command, deployment_ids)
        : queues
            .filter(({ is_paused }) => !is_paused)
            .flatMap((queue) =>
              store.line.listScheduled(
                queue.id,
                command.scheduled_before,
                command.scheduled_after,
                Math.min(max, freeSlots(queue.concurrency_limit, used.get(queue.id) ?? 0)),
              ),
            );
    const runs = found.slice(0, max).map(({ run }) => this.#records.present(run));
    if (command.csrf_client === null || command.scheduled_before === null) return accept(runs);
    return accept(this.#putLastWhatOthersHave(runs, command.csrf_client, host.now()));
  }

  /** A deployment's runs stand in its queue, or in its own name where it has none. */
  #listOfDeployments(
    command: PoolOperations["get_scheduled"]["command"],
    deployment_ids: readonly string[],
  ): StoredRun[] {
    const { store } = this.#context;
    const homes = poolOf(this.#context).is_internal
      ? deployment_ids
      : store.catalog.listQueues().map(({ id }) => id);
    return homes
      .flatMap((home) =>
        store.line.listScheduled(home, command.scheduled_before, command.scheduled_after, command.limit),
      )
      .filter(({ run }) => run.deployment_id !== null && deployment_ids.includes(run.deployment_id))
      .sort((left, right) =>
        (left.run.next_scheduled_start_time ?? "") < (right.run.next_scheduled_start_time ?? "") ? -1 : 1,
      );
  }

  #putLastWhatOthersHave(runs: FlowRun[], csrf_client: string, now: number): FlowRun[] {
    const isTaken = (run: FlowRun) => {
      const handed = this.#handedOut.get(run.id);
      return handed !== undefined && handed.until > now && handed.csrf_client !== csrf_client;
    };
    const ordered = [...runs.filter((run) => !isTaken(run)), ...runs.filter(isTaken)];
    if (this.#handedOut.size > HANDED_OUT_MAX) this.#handedOut.clear();
    for (const run of runs)
      if (!isTaken(run)) this.#handedOut.set(run.id, { csrf_client, until: now + HANDED_OUT_MS });
    return ordered;
  }

  /** Of the runs that are here. */
  filterRuns(
    { filter, sort }: Pick<PoolOperations["filter_runs"]["command"], "filter" | "sort">,
    limit: number,
    offset: number,
  ): FlowRun[] {
    return this.#context.store.runs
      .filterRuns(toCondition(filter, this.#queuesOf(filter)), ORDERS[sort], limit, offset)
      .map(({ run }) => this.#records.present(run));
  }

  #queuesOf(filter: RunFilter): readonly QueueRow[] {
    return namesQueues(filter) ? this.#context.store.catalog.listQueues() : [];
  }

  countRuns(filter: RunFilter): number {
    return this.#context.store.runs.countRuns(toCondition(filter, this.#queuesOf(filter)));
  }

  /** Who holds the slots, as Prefect counts them. */
  concurrencyStatus(command: { queue_id?: string; limit: number }): Result<ConcurrencyStatus> {
    const { store } = this.#context;
    const pool = poolOf(this.#context);
    const queues = store.catalog
      .listQueues()
      .filter(({ id }) => command.queue_id === undefined || id === command.queue_id);
    if (command.queue_id !== undefined && queues.length === 0)
      return refuse("not_found", "Work queue not found.");
    const runs = store.runs
      .readRuns(
        store.attempts.listActive().flatMap(({ run_id, queue_id }) => (queue_id === null ? [] : [run_id])),
      )
      .map(({ run }) => this.#records.present(run))
      .filter(({ state_type }) => state_type !== null && SLOT_HOLDING_TYPES.includes(state_type));
    return accept({
      active_slots: runs.length,
      limit: pool.concurrency_limit,
      queues: queues.map((queue) => {
        const held = runs.filter(({ work_queue_id }) => work_queue_id === queue.id);
        return {
          queue_id: queue.id,
          queue_name: queue.name,
          active_slots: held.length,
          limit: queue.concurrency_limit,
          flow_runs: held.slice(0, command.limit),
        };
      }),
    });
  }

  /** Why a run does not run, by the first thing that is in its way. */
  explainRun(id: string): Result<Explanation> {
    const { store, host } = this.#context;
    const stored = store.runs.readRun(id);
    if (stored === undefined) return refuseRun(id);
    const { run } = stored;
    const say = (
      reason: string,
      detail: string,
      more: Partial<Omit<Explanation, "reason" | "detail">> = {},
    ): Result<Explanation> =>
      accept({
        reason,
        detail,
        blocking: null,
        position: null,
        estimated_seconds: null,
        limit_keys: [],
        ...more,
      });
    if (run.state_type === null) return say("no_state", "The run has no state yet.");
    if (isTerminal(run.state_type))
      return say("ended", run.state?.message ?? `The run has ended as ${run.state_name}.`);
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
    if (isRetryingInProcess(run))
      return say("retrying", "The process of the run waits before it tries again.");
    if (stored.is_parked || stored.slot_request_id !== null)
      return say("deployment_full", "The deployment's concurrency limit has no slot for this run yet.", {
        blocking: { kind: "limit", name: `deployment:${run.deployment_id}` },
      });
    const next = run.next_scheduled_start_time === null ? now : Date.parse(run.next_scheduled_start_time);
    if (next > now)
      return say("not_due", `The run is scheduled for ${run.next_scheduled_start_time}.`, {
        estimated_seconds: (next - now) / 1000,
      });
    const pool = poolOf(this.#context);
    if (pool.is_internal)
      return say("no_pool", "The run's deployment has no work pool: only a process that serves it runs it.");
    const queue = this.#catalog.findQueue({ id: run.work_queue_id ?? "" });
    const position =
      queue === undefined
        ? null
        : store.line.countReadyBefore(queue.id, stored.priority, next, id, POSITION_MAX) + 1;
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
    const online = this.#catalog.filterWorkers({ statuses: ["ONLINE"], limit: 1000, offset: 0 });
    if (online.length === 0)
      return say(
        "no_worker",
        `No worker of the work pool ${pool.name} is online; start one with \`sluice worker start --pool ${pool.name}\`.`,
        blockedBy("work_pool", pool.name),
      );
    return say("workers_busy", "The run is next in line as soon as a worker has room.", { position });
  }
}

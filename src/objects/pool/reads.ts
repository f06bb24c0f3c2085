/** What people and Prefect's workers ask of a pool; nothing here decides who runs what. */
import { accept, refuse, type Result } from "../../contract/errors.ts";
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import type { RunKey } from "../../domain/flow-run/sort-runs.ts";
import type { RunSummary } from "../../contract/wire/run-summaries.ts";
import { freeSlots } from "../../domain/pool/choose.ts";
import { SLOT_HOLDING_TYPES } from "../../domain/pool/status.ts";
import { POLLED_REWRITE_MS, type PoolQueues } from "./queues.ts";
import { poolOf, type PoolContext } from "./context.ts";
import type { PoolOperations, RunFilter } from "./operations.ts";
import { namesQueues, toCondition } from "../shared/run-filter.ts";
import type { RunRecords } from "./run-records.ts";
import type { QueueRow, StoredRun } from "./rows.ts";

/** What another worker was just given comes last for this long (source: wire §9.5). */
const HANDED_OUT_MS = 2000;
const HANDED_OUT_MAX = 5000;

type ConcurrencyStatus = PoolOperations["concurrency_status"]["answer"];

export class PoolReads {
  readonly #context: PoolContext;
  readonly #records: RunRecords;
  readonly #queues: PoolQueues;
  /** To whom a run was handed last, and until when that counts. A hint: losing it costs nothing. */
  readonly #handedOut = new Map<string, { csrf_client: string; until: number }>();

  constructor(context: PoolContext, records: RunRecords, queues: PoolQueues) {
    this.#context = context;
    this.#records = records;
    this.#queues = queues;
  }

  /** Prefect's poll (source: wire §4.2): a view that reserves nothing. */
  getScheduled(command: PoolOperations["get_scheduled"]["command"]): Result<FlowRun[]> {
    const { store, host, statuses } = this.#context;
    const pool = poolOf(this.#context);
    const all = store.catalog.listQueues();
    const names = command.work_queue_names ?? [];
    const queues = names.length === 0 ? all : all.filter(({ name }) => names.includes(name));
    const unknown = names.find((name) => !all.some((queue) => queue.name === name));
    if (unknown !== undefined) return refuse("not_found", `Work queue '${unknown}' not found.`);
    if (!pool.is_internal && command.deployment_ids === undefined) this.#queues.markPolled(queues);
    const deployment_ids = command.deployment_ids ?? null;
    if (deployment_ids !== null) {
      const now = host.now();
      statuses.hear(store.deployments.setPolled(deployment_ids, now, now - POLLED_REWRITE_MS));
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
  listKeys(
    { filter, sort }: Pick<PoolOperations["list_run_keys"]["command"], "filter" | "sort">,
    limit: number,
    offset: number,
  ): RunKey[] {
    const condition = toCondition(filter, this.#queuesOf(filter));
    return this.#context.store.runs.listKeys(condition, sort, limit, offset);
  }

  #queuesOf(filter: RunFilter): readonly QueueRow[] {
    return namesQueues(filter) ? this.#context.store.catalog.listQueues() : [];
  }

  countRuns(filter: RunFilter): number {
    return this.#context.store.runs.countRuns(toCondition(filter, this.#queuesOf(filter)));
  }

  summarizeRuns({ filter, intervals }: PoolOperations["summarize_runs"]["command"]): RunSummary[] {
    const { store, host } = this.#context;
    const condition = toCondition(filter, this.#queuesOf(filter));
    return store.runs.summarizeRuns(condition, { intervals, now: host.now() });
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
}

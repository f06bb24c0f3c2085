/** What people and Prefect's workers ask of a pool; nothing here decides who runs what. */
import { accept, refuse, type Result } from "../../contract/errors.ts";
import { formatInstant } from "../../contract/instants.ts";
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import type { RunKey } from "../../domain/flow-run/sort-runs.ts";
import type { RunSummary } from "../../contract/wire/run-summaries.ts";
import { freeSlots, sum } from "../../domain/pool/choose.ts";
import { POLLED_REWRITE_MS, type PoolQueues } from "./queues.ts";
import { poolOf, type PoolContext } from "./context.ts";
import type { PoolOperations, RunFilter } from "./operations.ts";
import { inPollOrder } from "./line-store.ts";
import { namesQueues, toCondition } from "../shared/run-filter.ts";
import type { RunRecords } from "./run-records.ts";
import type { RunSlots } from "./run-slots.ts";
import type { QueueRow, StoredRun } from "./rows.ts";

/** What another worker was just given comes last for this long (source: wire §9.5). */
const HANDED_OUT_MS = 2000;
const HANDED_OUT_MAX = 5000;

/** A poll that finds runs of full deployments looks this many times for others, at so many runs each. */
const LOOKS_MAX = 5;
const LOOK_ROWS_MIN = 100;

type ConcurrencyStatus = PoolOperations["concurrency_status"]["answer"];

export class PoolReads {
  readonly #context: PoolContext;
  readonly #records: RunRecords;
  readonly #queues: PoolQueues;
  readonly #slots: RunSlots;
  /** To whom a run was handed last, and until when that counts. A hint: losing it costs nothing. */
  readonly #handedOut = new Map<string, { csrf_client: string; until: number }>();

  constructor(context: PoolContext, records: RunRecords, queues: PoolQueues, slots: RunSlots) {
    this.#context = context;
    this.#records = records;
    this.#queues = queues;
    this.#slots = slots;
  }

  /**
   * Prefect's poll (source: wire §4.2): a view that reserves nothing. What waits for its deployment's limit is put into
   * the line there, so that it is in nobody's way.
   */
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
    const used = store.attempts.countActiveByQueue();
    const poolUsed = sum(used.values());
    const room =
      deployment_ids === null ? freeSlots(pool.concurrency_limit, poolUsed) : Number.POSITIVE_INFINITY;
    const max = Math.min(command.limit, room);
    const found =
      deployment_ids !== null
        ? this.#listOfDeployments(command, deployment_ids)
        : queues
            .filter(({ is_paused }) => !is_paused)
            .flatMap((queue) =>
              this.#listFree(
                (limit) =>
                  store.line.listScheduled(
                    queue.id,
                    command.scheduled_before,
                    command.scheduled_after,
                    limit,
                    host.now(),
                  ),
                Math.min(max, freeSlots(queue.concurrency_limit, used.get(queue.id) ?? 0)),
              ),
            );
    const runs = found.slice(0, max).map(({ run }) => this.#records.present(run));
    if (command.csrf_client === null || command.scheduled_before === null) return accept(runs);
    return accept(this.#putLastWhatOthersHave(runs, command.csrf_client, host.now()));
  }

  listLine({ queue_id, limit }: PoolOperations["list_line"]["command"]): Result<FlowRun[]> {
    const { store } = this.#context;
    const queues = store.catalog.listQueues().filter(({ id }) => queue_id === undefined || id === queue_id);
    const ids: string[] = [];
    for (const { id } of queues)
      if (ids.length < limit) ids.push(...store.line.listReady(id, limit - ids.length));
    const runs = new Map(store.runs.readRuns(ids).map(({ run }) => [run.id, run] as const));
    return accept(ids.flatMap((id) => runs.get(id) ?? []).map((run) => this.#records.present(run)));
  }

  /** A deployment's runs stand in its queue, or in its own name where it has none. */
  #listOfDeployments(
    command: PoolOperations["get_scheduled"]["command"],
    deployment_ids: readonly string[],
  ): StoredRun[] {
    const { store, host } = this.#context;
    const now = host.now();
    const homes = poolOf(this.#context).is_internal
      ? deployment_ids
      : store.catalog.listQueues().map(({ id }) => id);
    const { scheduled_before, scheduled_after } = command;
    const list = (limit: number) =>
      homes
        .flatMap((home) => store.line.listScheduled(home, scheduled_before, scheduled_after, limit, now))
        .filter(({ run }) => run.deployment_id !== null && deployment_ids.includes(run.deployment_id))
        .sort(inPollOrder(now));
    return this.#listFree(list, command.limit);
  }

  /** What nothing but a worker is missing to. What waits for its deployment's slot makes room for the next ones. */
  #listFree(list: (limit: number) => StoredRun[], most: number): StoredRun[] {
    for (let look = 1; ; look += 1) {
      const rows = look === 1 ? most : Math.max(most, LOOK_ROWS_MIN);
      const found = list(rows);
      const { free, blocked } = this.#splitByDeployments(found);
      const isAll = free.length >= most || found.length < rows || (look > 1 && blocked.length === 0);
      if (isAll || look === LOOKS_MAX) return free.slice(0, most);
      for (const stored of blocked) this.#slots.parkForSlot(stored);
    }
  }

  /**
   * `free` are no more than a deployment's limit has room for, `blocked` is due where it is full already; as far as the
   * pool knows, for the limit itself decides.
   */
  #splitByDeployments(found: StoredRun[]): { free: StoredRun[]; blocked: StoredRun[] } {
    const { store, host } = this.#context;
    const limits = new Map<string, number>();
    for (const { deployment_id } of found.map(({ run }) => run)) {
      if (deployment_id === null || limits.has(deployment_id)) continue;
      const limit = store.deployments.readDeployment(deployment_id)?.concurrency_limit ?? null;
      if (limit !== null) limits.set(deployment_id, limit);
    }
    if (limits.size === 0) return { free: found, blocked: [] };
    const used = store.attempts.countActiveByDeployment([...limits.keys()]);
    const given = new Map<string, number>();
    const now = formatInstant(host.now());
    const split = { free: [] as StoredRun[], blocked: [] as StoredRun[] };
    for (const stored of found) {
      const { deployment_id, next_scheduled_start_time: next } = stored.run;
      const limit = deployment_id === null ? undefined : limits.get(deployment_id);
      if (deployment_id === null || limit === undefined) split.free.push(stored);
      else {
        const room = limit - (used.get(deployment_id) ?? 0);
        const others = given.get(deployment_id) ?? 0;
        given.set(deployment_id, others + 1);
        if (stored.slot_lease_id !== null || others < room) split.free.push(stored);
        // Who asks for a slot before those that were given out have taken theirs would go before them.
        else if (room <= 0 && (next === null || next <= now)) split.blocked.push(stored);
      }
    }
    return split;
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

  /** Who holds the slots: the same runs that keep others waiting. */
  concurrencyStatus(command: { queue_id?: string; limit: number }): Result<ConcurrencyStatus> {
    const { store } = this.#context;
    const pool = poolOf(this.#context);
    const queues = store.catalog
      .listQueues()
      .filter(({ id }) => command.queue_id === undefined || id === command.queue_id);
    if (command.queue_id !== undefined && queues.length === 0)
      return refuse("not_found", "Work queue not found.");
    const active = store.attempts.listActive().filter(({ queue_id }) => queue_id !== null);
    return accept({
      active_slots: active.length,
      limit: pool.concurrency_limit,
      queues: queues.map((queue) => {
        const held = active.filter(({ queue_id }) => queue_id === queue.id);
        return {
          queue_id: queue.id,
          queue_name: queue.name,
          active_slots: held.length,
          limit: queue.concurrency_limit,
          flow_runs: store.runs
            .readRuns(held.slice(0, command.limit).map(({ run_id }) => run_id))
            .map(({ run }) => this.#records.present(run)),
        };
      }),
    });
  }
}

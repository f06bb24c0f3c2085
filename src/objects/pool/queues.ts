/** The queues of a pool: their order, and whether somebody polls them. */
import { accept, refuse, type Result } from "../../contract/errors.ts";
import { formatInstant } from "../../contract/instants.ts";
import type { AuditTarget } from "../../contract/wire/audit.ts";
import type { WorkQueue, WorkQueueCreate, WorkQueueUpdate } from "../../contract/wire/work-pools.ts";
import { verbOfUpdate } from "../../domain/audit/acts.ts";
import { describeChanges } from "../../domain/audit/changes.ts";
import type { ActEnvelope } from "../shared/acts.ts";
import { PAUSING } from "./catalog.ts";
import { placeQueue } from "../../domain/pool/queues.ts";
import { isOnline, serves, statusOfQueue } from "../../domain/pool/status.ts";
import { mintId, poolOf, type PoolContext } from "./context.ts";
import type { PoolOperations } from "./operations.ts";
import type { QueueRow } from "./rows.ts";
import type { RunRecords } from "./run-records.ts";
import { listWorkers } from "./workers.ts";

/** Queues of one pool; every claim looks at all of them. */
const QUEUES_MAX = 1000;
/** What people set, as the audit list tells it. */
const TOLD = ["name", "description", "is_paused", "concurrency_limit", "priority"] as const;
/** Waiting runs of a deleted queue that are read at a time. */
const MOVED_PER_PAGE = 200;
/** `last_polled` is rewritten when it is older than this; a queue counts as polled for a minute. */
export const POLLED_REWRITE_MS = 20_000;

export class PoolQueues {
  readonly #context: PoolContext;

  constructor(context: PoolContext) {
    this.#context = context;
  }

  find(of: { id: string } | { name: string }): QueueRow | undefined {
    return this.#context.store.catalog
      .listQueues()
      .find((queue) => ("id" in of ? queue.id === of.id : queue.name === of.name));
  }

  create(command: WorkQueueCreate, envelope?: ActEnvelope): Result<WorkQueue> {
    const context = this.#context;
    const { store, host } = context;
    const queues = store.catalog.listQueues();
    if (queues.some(({ name }) => name === command.name))
      return refuse("conflict", "A work queue with this name already exists.");
    if (queues.length >= QUEUES_MAX)
      return refuse("conflict", `A work pool may have at most ${QUEUES_MAX} queues.`);
    const now = formatInstant(host.now());
    const id = mintId(context, "queue");
    const queue: QueueRow = {
      id,
      name: command.name,
      created: now,
      updated: now,
      description: command.description ?? "",
      is_paused: command.is_paused ?? false,
      concurrency_limit: command.concurrency_limit ?? null,
      priority: 0,
      last_polled: null,
    };
    for (const change of placeQueue(queues, id, command.priority ?? null)) {
      if (change.id === id) queue.priority = change.priority;
      else store.catalog.setQueuePriority(change.id, change.priority);
    }
    store.catalog.writeQueue(queue);
    context.noteChange({ kind: "work-queue", before: null, after: queue });
    context.acts.tell(envelope, "create", this.#target(queue), describeChanges(null, queue, TOLD));
    return accept(this.present(queue));
  }

  #target({ id, name }: QueueRow): AuditTarget {
    return { kind: "work_queue", id, name: `${poolOf(this.#context).name}/${name}` };
  }

  ensure(name: string): Result<WorkQueue> {
    const queue = this.find({ name });
    return queue === undefined ? this.create({ name }) : accept(this.present(queue));
  }

  present(queue: QueueRow): WorkQueue {
    const context = this.#context;
    const pool = poolOf(context);
    const now = context.host.now();
    const last_polled = this.#lastPolled(queue, now);
    return {
      id: queue.id,
      created: queue.created,
      updated: queue.updated,
      name: queue.name,
      description: queue.description,
      is_paused: queue.is_paused,
      concurrency_limit: queue.concurrency_limit,
      priority: queue.priority,
      work_pool_id: pool.id,
      filter: null,
      last_polled: last_polled === null ? null : formatInstant(last_polled),
      work_pool_name: pool.name,
      status: statusOfQueue(queue.is_paused, last_polled, now),
      active_slots:
        queue.concurrency_limit === null
          ? null
          : (context.store.attempts.countActiveByQueue().get(queue.id) ?? 0),
    };
  }

  #lastPolled(queue: QueueRow, now: number): number | null {
    const serving = listWorkers(this.#context).filter((worker) => serves(worker, queue.name));
    if (serving.some((worker) => isOnline(worker, now))) return now;
    const heard = serving.map(({ last_heartbeat_at }) => last_heartbeat_at ?? 0);
    return Math.max(queue.last_polled ?? 0, ...heard) || null;
  }

  /** Keeps that the queues were polled; rewritten only now and then. */
  markPolled(queues: readonly QueueRow[]): void {
    const now = this.#context.host.now();
    const stale = queues.filter(({ last_polled }) => (last_polled ?? 0) < now - POLLED_REWRITE_MS);
    if (stale.length === 0) return;
    this.#context.store.catalog.setQueuesPolled(
      stale.map(({ id }) => id),
      now,
    );
    this.#context.statuses.hear(stale.filter(({ is_paused }) => !is_paused).map(({ id }) => id));
  }

  filter(of: PoolOperations["filter_queues"]["command"]): WorkQueue[] {
    return this.#context.store.catalog
      .listQueues()
      .filter(({ name }) => of.names === undefined || of.names.includes(name))
      .filter(({ name }) => of.name_prefixes?.some((prefix) => name.startsWith(prefix)) ?? true)
      .filter(({ id }) => of.ids === undefined || of.ids.includes(id))
      .slice(of.offset, of.offset + of.limit)
      .map((queue) => this.present(queue));
  }

  update(
    of: { id?: string; name?: string; update: WorkQueueUpdate },
    envelope: ActEnvelope,
  ): Result<WorkQueue> {
    const { acts, store, host, statuses, wake, noteChange } = this.#context;
    const { update } = of;
    const queues = store.catalog.listQueues();
    const queue = queues.find(({ id, name }) => (of.id === undefined ? name === of.name : id === of.id));
    if (queue === undefined) return refuse("not_found", "Work queue not found.");
    if (typeof update.name === "string" && update.name !== queue.name) {
      if (queues.some(({ name }) => name === update.name))
        return refuse("conflict", "A work queue with this name already exists.");
      if (queue.id === poolOf(this.#context).default_queue_id)
        return refuse("conflict", "The default queue of a work pool cannot be renamed.");
    }
    const next: QueueRow = {
      ...queue,
      updated: formatInstant(host.now()),
      ...(typeof update.name === "string" && { name: update.name }),
      ...(update.description !== undefined && { description: update.description ?? "" }),
      ...(typeof update.is_paused === "boolean" && { is_paused: update.is_paused }),
      ...(update.concurrency_limit !== undefined && { concurrency_limit: update.concurrency_limit }),
    };
    if (typeof update.priority === "number" && update.priority !== queue.priority) {
      for (const change of placeQueue(queues, queue.id, update.priority)) {
        if (change.id === queue.id) next.priority = change.priority;
        else store.catalog.setQueuePriority(change.id, change.priority);
      }
    }
    store.catalog.writeQueue(next);
    noteChange({ kind: "work-queue", before: queue, after: next });
    const changes = describeChanges(queue, next, TOLD);
    acts.tellChange(envelope, verbOfUpdate(changes, PAUSING), this.#target(next), changes);
    wake("run_ready");
    statuses.look();
    return accept(this.present(next));
  }

  /** The waiting runs of a queue that goes move to the default queue; those under way do so if they ever wait again. */
  delete(of: { id: string } | { name: string }, records: RunRecords, envelope: ActEnvelope): Result<null> {
    const { acts, store, noteChange, wake } = this.#context;
    const queue = this.find(of);
    if (queue === undefined) return refuse("not_found", "Work queue not found.");
    if (queue.id === poolOf(this.#context).default_queue_id)
      return refuse("conflict", "The default queue of a work pool cannot be deleted.");
    store.catalog.deleteQueue(queue.id);
    noteChange({ kind: "work-queue", before: queue, after: null });
    acts.tell(envelope, "delete", this.#target(queue), describeChanges(queue, null, TOLD));
    // Agents that did not serve it, or found it paused or full, have not seen its runs.
    wake("run_ready");
    for (;;) {
      const waiting = store.runs.listWaiting({ queue_id: queue.id }, MOVED_PER_PAGE);
      for (const stored of waiting) records.save(stored, stored.run);
      if (waiting.length < MOVED_PER_PAGE) return accept(null);
    }
  }
}

/** The pool itself, its queues and its workers. */
import { addressOfWorkspace } from "../../contract/envelope.ts";
import { accept, refuse, type Result } from "../../contract/errors.ts";
import { deriveShardKey } from "../../contract/ids.ts";
import { formatInstant } from "../../contract/instants.ts";
import { PROCESS_TEMPLATE } from "../../contract/process-template.ts";
import type {
  Worker,
  WorkPool,
  WorkPoolCreate,
  WorkPoolUpdate,
  WorkQueue,
  WorkQueueCreate,
  WorkQueueUpdate,
} from "../../contract/wire/work-pools.ts";
import { placeQueue } from "../../domain/pool/queues.ts";
import { SLOT_HOLDING_TYPES, isOnline, statusOfPool, statusOfQueue } from "../../domain/pool/status.ts";
import { findTemplateFault } from "../../domain/pool/template.ts";
import { mintId, mintRequestId, poolOf, type PoolContext } from "./context.ts";
import type { PoolOperations } from "./operations.ts";
import type { PoolRow, QueueRow, WorkerRow } from "./rows.ts";

/** Queues of one pool; every claim looks at all of them. */
const QUEUES_MAX = 1000;
/** Workers that a pool remembers. */
const WORKERS_MAX = 10_000;
/** `last_polled` is rewritten when it is older than this; a queue counts as polled for a minute. */
export const POLLED_REWRITE_MS = 20_000;

type Storage = WorkPool["storage_configuration"];

/** Fields that are not sent stay as they are. */
function mergeStorage(before: Storage | undefined, sent: WorkPoolCreate["storage_configuration"]): Storage {
  const pick = <Key extends keyof Storage>(key: Key) => sent?.[key] ?? before?.[key] ?? null;
  return {
    bundle_upload_step: pick("bundle_upload_step"),
    bundle_execution_step: pick("bundle_execution_step"),
    default_result_storage_block_id: pick("default_result_storage_block_id"),
  };
}

export class PoolCatalog {
  readonly #context: PoolContext;

  constructor(context: PoolContext) {
    this.#context = context;
  }

  create(command: WorkPoolCreate & { is_internal?: boolean }): Result<WorkPool> {
    const context = this.#context;
    const { host, store, send } = context;
    const { workspace, key } = host.address;
    if (deriveShardKey("pool", workspace, command.name) !== key)
      return refuse("conflict", "This work pool does not belong here.");
    const before = store.catalog.readPool();
    if (before !== undefined && before.name !== command.name)
      return refuse(
        "conflict",
        `The name ${command.name} cannot be used: it shares its place with ${before.name}.`,
      );
    if (before !== undefined && before.deleted_at === null)
      return command.is_internal === true
        ? accept(this.presentPool(before))
        : refuse("conflict", "A work pool with this name already exists.");
    const type = command.type ?? "process";
    const template =
      command.base_job_template === null || command.base_job_template === undefined
        ? type === "process"
          ? PROCESS_TEMPLATE
          : {}
        : command.base_job_template;
    const fault = findTemplateFault(template);
    if (fault !== undefined) return refuse("invalid", fault);
    const now = formatInstant(host.now());
    const queue: QueueRow = {
      id: mintId(context, "queue"),
      name: "default",
      created: now,
      updated: now,
      description: "The work pool's default queue.",
      is_paused: false,
      concurrency_limit: null,
      priority: 1,
      last_polled: null,
    };
    const pool: PoolRow = {
      id: mintId(context, "pool"),
      name: command.name,
      created: now,
      updated: now,
      description: command.description ?? null,
      type,
      base_job_template: template,
      is_paused: command.is_paused ?? false,
      concurrency_limit: command.concurrency_limit ?? null,
      default_queue_id: queue.id,
      storage_configuration: mergeStorage(undefined, command.storage_configuration),
      lost_run_policy: command.lost_run_policy ?? "crash",
      is_internal: command.is_internal ?? false,
      deleted_at: null,
    };
    store.catalog.deleteAllQueues();
    store.catalog.deleteAllWorkers();
    store.catalog.writePool(pool);
    store.catalog.writeQueue(queue);
    if (!pool.is_internal)
      send(addressOfWorkspace(workspace), "register", mintRequestId(context), {
        kind: "pool",
        entry: { id: pool.id, name: pool.name, key },
      });
    return accept(this.presentPool(pool));
  }

  presentPool(pool: PoolRow): WorkPool {
    const { store, host } = this.#context;
    const now = host.now();
    return {
      id: pool.id,
      created: pool.created,
      updated: pool.updated,
      name: pool.name,
      description: pool.description,
      type: pool.type,
      base_job_template: pool.base_job_template,
      is_paused: pool.is_paused,
      concurrency_limit: pool.concurrency_limit,
      status: statusOfPool(pool.is_paused, store.catalog.listWorkers(), now),
      active_slots:
        pool.concurrency_limit === null
          ? null
          : [...store.attempts.countActiveByQueue(SLOT_HOLDING_TYPES).values()].reduce(
              (sum, count) => sum + count,
              0,
            ),
      default_queue_id: pool.default_queue_id,
      storage_configuration: pool.storage_configuration,
      lost_run_policy: pool.lost_run_policy,
    };
  }

  update(update: WorkPoolUpdate): Result<WorkPool> {
    const { store, host, wake } = this.#context;
    const pool = poolOf(this.#context);
    const template = update.base_job_template;
    const fault = template === undefined || template === null ? undefined : findTemplateFault(template);
    if (fault !== undefined) return refuse("invalid", fault);
    const next: PoolRow = {
      ...pool,
      updated: formatInstant(host.now()),
      ...(update.description !== undefined && { description: update.description }),
      ...(typeof update.is_paused === "boolean" && { is_paused: update.is_paused }),
      ...(template !== undefined && template !== null && { base_job_template: template }),
      ...(update.concurrency_limit !== undefined && { concurrency_limit: update.concurrency_limit }),
      ...(update.storage_configuration !== undefined && {
        storage_configuration: mergeStorage(pool.storage_configuration, update.storage_configuration),
      }),
      ...(update.lost_run_policy !== undefined &&
        update.lost_run_policy !== null && { lost_run_policy: update.lost_run_policy }),
    };
    store.catalog.writePool(next);
    wake("pool_changed");
    return accept(this.presentPool(next));
  }

  /** Leaves a tombstone: the runs stay readable, the scheduled ones are cancelled by and by. */
  delete(): Result<null> {
    const context = this.#context;
    const { store, host, send, wake, wakeAt } = context;
    const pool = poolOf(context);
    store.catalog.writePool({ ...pool, deleted_at: host.now() });
    store.catalog.deleteAllQueues();
    send(addressOfWorkspace(host.address.workspace), "unregister", mintRequestId(context), {
      kind: "pool",
      name: pool.name,
      id: pool.id,
    });
    wake("pool_changed");
    wakeAt(host.now());
    return accept(null);
  }

  findQueue(of: { id: string } | { name: string }): QueueRow | undefined {
    return this.#context.store.catalog
      .listQueues()
      .find((queue) => ("id" in of ? queue.id === of.id : queue.name === of.name));
  }

  createQueue(command: WorkQueueCreate): Result<WorkQueue> {
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
    return accept(this.presentQueue(queue));
  }

  ensureQueue(name: string): Result<WorkQueue> {
    const queue = this.findQueue({ name });
    return queue === undefined ? this.createQueue({ name }) : accept(this.presentQueue(queue));
  }

  presentQueue(queue: QueueRow): WorkQueue {
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
          : (context.store.attempts.countActiveByQueue(SLOT_HOLDING_TYPES).get(queue.id) ?? 0),
    };
  }

  /** Our agents hang on a socket instead of polling: while one that serves the queue lives, the queue counts as polled. */
  #lastPolled(queue: QueueRow, now: number): number | null {
    const isServed = this.#context.store.catalog
      .listWorkers()
      .some(
        (worker) =>
          worker.session_id !== null &&
          isOnline(worker, now) &&
          (worker.advertised.work_queue_names.length === 0 ||
            worker.advertised.work_queue_names.includes(queue.name)),
      );
    return isServed ? now : queue.last_polled;
  }

  /** Keeps that the queues were polled; rewritten only now and then. */
  markPolled(queues: readonly QueueRow[]): void {
    const now = this.#context.host.now();
    const stale = queues.filter(({ last_polled }) => (last_polled ?? 0) < now - POLLED_REWRITE_MS);
    if (stale.length > 0)
      this.#context.store.catalog.setQueuesPolled(
        stale.map(({ id }) => id),
        now,
      );
  }

  filterQueues(of: PoolOperations["filter_queues"]["command"]): WorkQueue[] {
    return this.#context.store.catalog
      .listQueues()
      .filter(({ name }) => of.names === undefined || of.names.includes(name))
      .filter(({ name }) => of.name_prefixes?.some((prefix) => name.startsWith(prefix)) ?? true)
      .filter(({ id }) => of.ids === undefined || of.ids.includes(id))
      .slice(of.offset, of.offset + of.limit)
      .map((queue) => this.presentQueue(queue));
  }

  updateQueue(of: { id?: string; name?: string; update: WorkQueueUpdate }): Result<WorkQueue> {
    const { store, host, wake } = this.#context;
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
    wake("run_ready");
    return accept(this.presentQueue(next));
  }

  /** Tells whether the queue may go; its runs move to the default queue, which is the caller's task. */
  checkQueueDelete(of: { id: string } | { name: string }): Result<QueueRow> {
    const queue = this.findQueue(of);
    if (queue === undefined) return refuse("not_found", "Work queue not found.");
    if (queue.id === poolOf(this.#context).default_queue_id)
      return refuse("conflict", "The default queue of a work pool cannot be deleted.");
    return accept(queue);
  }

  heartbeat(name: string, heartbeat_interval_seconds: number | null): Result<null> {
    const { store, host } = this.#context;
    const worker = this.openWorker(name);
    if (!worker.ok) return worker;
    const now = host.now();
    store.catalog.writeWorker({
      ...worker.value,
      last_heartbeat_at: now,
      updated: formatInstant(now),
      heartbeat_interval_seconds,
      is_gone: false,
    });
    return accept(null);
  }

  /** The worker of that name, a new record where there is none yet. Nothing is written. */
  openWorker(name: string): Result<WorkerRow> {
    const context = this.#context;
    const known = context.store.catalog.readWorker(name);
    if (known !== undefined) return accept(known);
    if (context.store.catalog.listWorkers().length >= WORKERS_MAX)
      return refuse("conflict", `A work pool remembers at most ${WORKERS_MAX} workers; delete some.`);
    const now = formatInstant(context.host.now());
    return accept({
      name,
      id: mintId(context, "worker"),
      created: now,
      updated: now,
      last_heartbeat_at: null,
      heartbeat_interval_seconds: null,
      is_gone: false,
      session_id: null,
      session_deadline: null,
      session_seconds: null,
      run_limit: null,
      advertised: { labels: {}, gpus: [], work_queue_names: [], version: null },
    });
  }

  presentWorker(worker: WorkerRow, running: number): Worker {
    const now = this.#context.host.now();
    const { labels, gpus } = worker.advertised;
    return {
      id: worker.id,
      created: worker.created,
      updated: worker.updated,
      name: worker.name,
      work_pool_id: poolOf(this.#context).id,
      last_heartbeat_time: worker.last_heartbeat_at === null ? null : formatInstant(worker.last_heartbeat_at),
      heartbeat_interval_seconds: worker.heartbeat_interval_seconds,
      status: isOnline(worker, now) ? "ONLINE" : "OFFLINE",
      ...(worker.session_id !== null && { labels, gpus, running, limit: worker.run_limit }),
    };
  }

  filterWorkers(of: {
    statuses?: string[];
    before?: string;
    after?: string;
    limit: number;
    offset: number;
  }): Worker[] {
    const { store } = this.#context;
    const running = new Map<string, number>();
    for (const { worker_name } of store.attempts.listActive())
      if (worker_name !== null) running.set(worker_name, (running.get(worker_name) ?? 0) + 1);
    return store.catalog
      .listWorkers()
      .map((worker) => this.presentWorker(worker, running.get(worker.name) ?? 0))
      .filter(({ status }) => of.statuses === undefined || of.statuses.includes(status))
      .filter(({ last_heartbeat_time: at }) => of.before === undefined || (at !== null && at <= of.before))
      .filter(({ last_heartbeat_time: at }) => of.after === undefined || (at !== null && at >= of.after))
      .slice(of.offset, of.offset + of.limit);
  }
}

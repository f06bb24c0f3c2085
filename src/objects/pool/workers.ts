/** The workers of a pool, ours and Prefect's: who has been heard of, and when last. */
import { accept, refuse, type Result } from "../../contract/errors.ts";
import { formatInstant } from "../../contract/instants.ts";
import type { Worker } from "../../contract/wire/work-pools.ts";
import { isOnline } from "../../domain/pool/status.ts";
import { mintId, poolOf, type PoolContext } from "./context.ts";
import type { PoolOperations } from "./operations.ts";
import type { WorkerRow } from "./rows.ts";

/** Workers that a pool remembers. */
const WORKERS_MAX = 10_000;

/** The workers, each {@link withPings}. */
export function listWorkers(context: PoolContext): WorkerRow[] {
  return context.store.catalog.listWorkers().map((worker) => withPings(context, worker));
}

/** A worker {@link withPings}. */
export function readWorker(context: PoolContext, name: string): WorkerRow | undefined {
  const worker = context.store.catalog.readWorker(name);
  return worker && withPings(context, worker);
}

/**
 * A worker that was heard of with the last ping of its socket, if that came later than what is stored. While a server that
 * has just started waits to hear from everybody, the pings of a socket that was open when it ended count on.
 */
export function withPings({ heardAt, host }: PoolContext, worker: WorkerRow): WorkerRow {
  if (worker.session_id === null || worker.is_gone) return worker;
  const last_heartbeat_at = Math.max(worker.last_heartbeat_at ?? 0, heardAt(worker.name) ?? 0);
  const floor = worker.closed_at === null ? host.expiry_floor : 0;
  return {
    ...worker,
    last_heartbeat_at: last_heartbeat_at === 0 ? null : last_heartbeat_at,
    session_deadline: Math.max(worker.session_deadline ?? 0, floor),
  };
}

export class PoolWorkers {
  readonly #context: PoolContext;

  constructor(context: PoolContext) {
    this.#context = context;
  }

  heartbeat(name: string, heartbeat_interval_seconds: number | null): Result<null> {
    const { store, host, statuses } = this.#context;
    const worker = this.open(name);
    if (!worker.ok) return worker;
    const now = host.now();
    const pool = poolOf(this.#context);
    store.catalog.writeWorker({
      ...worker.value,
      last_heartbeat_at: now,
      updated: formatInstant(now),
      heartbeat_interval_seconds,
      is_gone: false,
      closed_at: null,
    });
    if (!pool.is_paused) statuses.hear([pool.id]);
    return accept(null);
  }

  /** An agent whose pings stood for its beats can send no more: what they told is written down. */
  noteClosed({ name, heard_at }: { name: string; heard_at: number }): Result<null> {
    const { store, host, statuses, heardAt } = this.#context;
    const worker = store.catalog.readWorker(name);
    // A goodbye came first, or the agent has opened another socket meanwhile.
    if (worker === undefined || worker.session_id === null || worker.is_gone || heardAt(name) !== null)
      return accept(null);
    const last_heartbeat_at = Math.max(worker.last_heartbeat_at ?? 0, heard_at);
    store.catalog.writeWorker({ ...worker, last_heartbeat_at, closed_at: host.now() });
    statuses.look();
    return accept(null);
  }

  /** The worker of that name, a new record where there is none yet. Nothing is written. */
  open(name: string): Result<WorkerRow> {
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
      closed_at: null,
    });
  }

  #present(worker: WorkerRow, running: number): Worker {
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

  /** Those that are heard of. */
  listOnline(): WorkerRow[] {
    const now = this.#context.host.now();
    return listWorkers(this.#context).filter((worker) => isOnline(worker, now));
  }

  filter(of: PoolOperations["filter_workers"]["command"]): Worker[] {
    const running = this.#context.store.attempts.countActiveByWorker();
    return listWorkers(this.#context)
      .filter(({ id }) => of.ids === undefined || of.ids.includes(id))
      .filter(({ name }) => of.names === undefined || of.names.includes(name))
      .map((worker) => this.#present(worker, running.get(worker.name) ?? 0))
      .filter(({ status }) => of.statuses === undefined || of.statuses.includes(status))
      .filter(({ last_heartbeat_time: at }) => of.before === undefined || (at !== null && at <= of.before))
      .filter(({ last_heartbeat_time: at }) => of.after === undefined || (at !== null && at >= of.after))
      .slice(of.offset, of.offset + of.limit);
  }
}

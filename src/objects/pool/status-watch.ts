/**
 * Tells those who listen to events when the pool, its queues or its deployments become ready, paused or not ready.
 * Statuses are derived when they are read; what falls silent is looked for by the alarm, and only while somebody listens.
 */
import type { PoolStatus } from "../../contract/wire/work-pools.ts";
import { onlineUntil, POLLED_MS, serves } from "../../domain/pool/status.ts";
import type { Announcements } from "./announcements.ts";
import type { PoolContext } from "./context.ts";
import type { WorkerRow } from "./rows.ts";
import { listWorkers } from "./workers.ts";

interface Watched {
  id: string;
  is_paused: boolean;
  /** Milliseconds since the epoch until which it is ready without anything more. */
  ready_until: number;
  announce: (status: PoolStatus) => void;
}

export class StatusWatch {
  readonly #context: PoolContext;
  readonly #announcements: Announcements;
  /** The statuses that were announced last; NOT_READY is not kept. Undefined: not read yet. */
  #announced: Map<string, PoolStatus> | undefined;
  /** When the first that is ready will have been silent for too long. */
  #lookAt = 0;

  constructor(context: PoolContext, announcements: Announcements) {
    this.#context = context;
    this.#announcements = announcements;
  }

  /** These were heard of just now; those that were ready still are. */
  hear(ids: readonly string[]): void {
    if (ids.some((id) => this.#readAnnounced().get(id) !== "READY")) this.look();
  }

  sweep(now: number): void {
    if (now >= this.#lookAt) this.look();
  }

  /** When the alarm must look again; undefined when it need not. */
  earliestDeadline(): number | undefined {
    return Number.isFinite(this.#lookAt) ? this.#lookAt : undefined;
  }

  /** Compares what is with what was announced. */
  look(): void {
    const { host, wakeAt } = this.#context;
    this.#lookAt = Number.POSITIVE_INFINITY;
    if (this.#announcements.isWanted === false) return;
    const now = host.now();
    const announced = this.#readAnnounced();
    const gone = new Set(announced.keys());
    for (const { id, is_paused, ready_until, announce } of this.#list()) {
      gone.delete(id);
      const status = is_paused ? "PAUSED" : now < ready_until ? "READY" : "NOT_READY";
      if (status === "READY") this.#lookAt = Math.min(this.#lookAt, ready_until);
      if (status === (announced.get(id) ?? "NOT_READY")) continue;
      this.#keep(id, status);
      announce(status);
    }
    for (const id of gone) this.#keep(id, "NOT_READY");
    if (!Number.isFinite(this.#lookAt)) return;
    if (this.#announcements.isWanted === true) wakeAt(this.#lookAt);
    else {
      // Nobody may listen, and an idle agent costs no alarm.
      this.#lookAt = Number.POSITIVE_INFINITY;
      this.#announcements.ask();
    }
  }

  /** A turn failed: what it wrote was never stored. */
  forget(): void {
    this.#announced = undefined;
  }

  #readAnnounced(): Map<string, PoolStatus> {
    this.#announced ??= this.#context.store.catalog.readStatuses();
    return this.#announced;
  }

  #keep(id: string, status: PoolStatus): void {
    this.#context.store.catalog.writeStatus(id, status);
    if (status === "NOT_READY") this.#readAnnounced().delete(id);
    else this.#readAnnounced().set(id, status);
  }

  #list(): Watched[] {
    const { store } = this.#context;
    const news = this.#announcements;
    const pool = store.catalog.readPool();
    if (pool === undefined || pool.deleted_at !== null) return [];
    const served = store.deployments.listServed().map(({ deployment_id: id, last_polled }) => ({
      id,
      is_paused: false,
      ready_until: last_polled + POLLED_MS,
      announce: (status: PoolStatus) => news.noteDeployments({ ids: [id] }, status),
    }));
    if (pool.is_internal) return served;
    const workers = listWorkers(this.#context);
    const latest = (found: readonly WorkerRow[]) => Math.max(0, ...found.map(onlineUntil));
    return [
      {
        ...pool,
        ready_until: latest(workers),
        announce: (status) => news.noteStatus("work-pool", pool, status),
      },
      ...store.catalog.listQueues().map((queue) => ({
        ...queue,
        ready_until: Math.max(
          (queue.last_polled ?? 0) + POLLED_MS,
          latest(workers.filter((worker) => serves(worker, queue.name))),
        ),
        announce: (status: PoolStatus) => {
          news.noteStatus("work-queue", queue, status);
          news.noteDeployments({ work_queue_id: queue.id }, status);
        },
      })),
      ...served,
    ];
  }
}

/** SQL of the pool itself, its queues and its workers. */
import type { JsonObject } from "../../contract/wire/common.ts";
import type { PoolStatus } from "../../contract/wire/work-pools.ts";
import { first, type Sql } from "../shared/sql.ts";
import type { Advertised, Flags, PoolRow, QueueRow, Row, WorkerRow } from "./rows.ts";

/** The few rows that describe the pool. */
export class CatalogStore {
  readonly #sql: Sql;
  /** As it is stored: every operation reads it, and a template is long. */
  #pool: PoolRow | undefined;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** A turn failed: what it wrote was never stored. */
  forget(): void {
    this.#pool = undefined;
  }

  readPool(): Readonly<PoolRow> | undefined {
    return (this.#pool ??= this.#loadPool());
  }

  #loadPool(): PoolRow | undefined {
    const row = first<
      Omit<Flags<PoolRow, "is_paused" | "is_internal">, "base_job_template" | "storage_configuration"> & {
        base_job_template: string;
        storage_configuration: string;
      }
    >(this.#sql, "SELECT * FROM pool WHERE one = 1");
    return (
      row && {
        ...row,
        is_paused: row.is_paused === 1,
        is_internal: row.is_internal === 1,
        base_job_template: JSON.parse(row.base_job_template) as JsonObject,
        storage_configuration: JSON.parse(row.storage_configuration) as PoolRow["storage_configuration"],
      }
    );
  }

  writePool(pool: PoolRow): void {
    this.#pool = undefined;
    this.#sql.all(
      `INSERT OR REPLACE INTO pool (one, id, name, created, updated, description, type, base_job_template, is_paused,
         concurrency_limit, default_queue_id, storage_configuration, lost_run_policy, is_internal, deleted_at)
       VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      pool.id,
      pool.name,
      pool.created,
      pool.updated,
      pool.description,
      pool.type,
      JSON.stringify(pool.base_job_template),
      Number(pool.is_paused),
      pool.concurrency_limit,
      pool.default_queue_id,
      JSON.stringify(pool.storage_configuration),
      pool.lost_run_policy,
      Number(pool.is_internal),
      pool.deleted_at,
    );
  }

  /** All queues by priority; their number is bounded at creation. */
  listQueues(): QueueRow[] {
    return this.#sql
      .all<Flags<QueueRow, "is_paused">>("SELECT * FROM queue ORDER BY priority, id")
      .map((row) => ({ ...row, is_paused: row.is_paused === 1 }));
  }

  writeQueue(queue: QueueRow): void {
    this.#sql.all(
      `INSERT OR REPLACE INTO queue
         (id, name, created, updated, description, is_paused, concurrency_limit, priority, last_polled)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      queue.id,
      queue.name,
      queue.created,
      queue.updated,
      queue.description,
      Number(queue.is_paused),
      queue.concurrency_limit,
      queue.priority,
      queue.last_polled,
    );
  }

  readQueueName(id: string): string | undefined {
    return first<{ name: string }>(this.#sql, "SELECT name FROM queue WHERE id = ?", id)?.name;
  }

  hasQueue(id: string): boolean {
    return first(this.#sql, "SELECT 1 FROM queue WHERE id = ?", id) !== undefined;
  }

  setQueuePriority(id: string, priority: number): void {
    this.#sql.all("UPDATE queue SET priority = ? WHERE id = ?", priority, id);
  }

  setQueuesPolled(ids: readonly string[], at: number): void {
    this.#sql.all(
      "UPDATE queue SET last_polled = ? WHERE id IN (SELECT value FROM json_each(?))",
      at,
      JSON.stringify(ids),
    );
  }

  deleteQueue(id: string): void {
    this.#sql.all("DELETE FROM queue WHERE id = ?", id);
  }

  deleteAllQueues(): void {
    this.#sql.all("DELETE FROM queue");
  }

  listWorkers(): WorkerRow[] {
    return this.#sql.all<Row>("SELECT * FROM worker ORDER BY name").map(toWorker);
  }

  readWorker(name: string): WorkerRow | undefined {
    const row = first<Row>(this.#sql, "SELECT * FROM worker WHERE name = ?", name);
    return row && toWorker(row);
  }

  writeWorker(worker: WorkerRow): void {
    this.#sql.all(
      `INSERT OR REPLACE INTO worker (name, id, created, updated, last_heartbeat_at, heartbeat_interval_seconds, is_gone,
         session_id, session_deadline, session_seconds, run_limit, advertised, closed_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      worker.name,
      worker.id,
      worker.created,
      worker.updated,
      worker.last_heartbeat_at,
      worker.heartbeat_interval_seconds,
      Number(worker.is_gone),
      worker.session_id,
      worker.session_deadline,
      worker.session_seconds,
      worker.run_limit,
      JSON.stringify(worker.advertised),
      worker.closed_at,
    );
  }

  deleteWorker(name: string): boolean {
    return this.#sql.all("DELETE FROM worker WHERE name = ? RETURNING name", name).length > 0;
  }

  deleteAllWorkers(): void {
    this.#sql.all("DELETE FROM worker");
  }

  /** The statuses of the pool, queues and deployments that were announced last, but NOT_READY. */
  readStatuses(): Map<string, PoolStatus> {
    const rows = this.#sql.all<{ id: string; status: PoolStatus }>("SELECT id, status FROM status");
    return new Map(rows.map(({ id, status }) => [id, status]));
  }

  writeStatus(id: string, status: PoolStatus): void {
    if (status === "NOT_READY") this.#sql.all("DELETE FROM status WHERE id = ?", id);
    else this.#sql.all("INSERT OR REPLACE INTO status (id, status) VALUES (?, ?)", id, status);
  }
}

function toWorker(row: Row): WorkerRow {
  return {
    ...(row as unknown as WorkerRow),
    is_gone: row["is_gone"] === 1,
    advertised: JSON.parse(String(row["advertised"])) as Advertised,
  };
}

/**
 * Background tasks on their way to the processes that run them: a row from the moment the task run is scheduled until
 * one process has said that it has it. Each process holds one at a time that it has not acknowledged; when its socket
 * ends before that, or is ended because no word comes, the task run is in line again, at its old place.
 */
import type { TaskRun } from "../../contract/wire/task-runs.ts";
import type { Sql } from "../shared/sql.ts";

/**
 * A process that says for so long nothing of what it was sent is frozen, or its network is gone, or it has no room: Prefect's
 * takes one ahead, and comes again by itself when its socket was ended.
 */
const ACKNOWLEDGED_MS = 60_000;
/** The word that a task run is scheduled may come again for so long after a process has taken it. */
const TAKEN_KNOWN_MS = 3_600_000;
const FORGET_EVERY_MS = 60_000;

/** A socket of a process that runs tasks. */
export interface TaskWorker {
  /** The name that the process gives itself. */
  readonly client_id: string;
  readonly keys: readonly string[];
  /** The task run that it was sent and has not acknowledged. */
  readonly in_flight: string | null;
  /** Milliseconds since the epoch at which it came, or was last sent one. */
  readonly served_at: number;
  /** Sends a task run and keeps that it is in flight. */
  serve(task_run: TaskRun): void;
  /** Ends its socket: it takes nothing any more until it comes again. */
  end(): void;
}

export class TaskQueue {
  readonly #sql: Sql;
  readonly #listWorkers: () => Iterable<TaskWorker>;
  /** What was acknowledged by words that have not had their turn: it is for nobody else, however late they were. */
  readonly #heard = new Set<string>();
  #forgottenAt = 0;

  constructor(sql: Sql, listWorkers: () => Iterable<TaskWorker>) {
    this.#sql = sql;
    this.#listWorkers = listWorkers;
  }

  /** Puts a task run at the end of the line; idempotent, also when a process has it already. */
  enqueue(task_run: TaskRun, now: number): void {
    this.#forgetTaken(now);
    const [taken] = this.#sql.all<{ state_id: string }>(
      "SELECT state_id FROM taken_task WHERE task_run_id = ?",
      task_run.id,
    );
    // It was said twice; a task run that is scheduled once more has another state.
    if (taken !== undefined && taken.state_id === (task_run.state?.id ?? "")) return;
    this.#sql.all(
      `INSERT INTO scheduled_task (task_run_id, task_key, scheduled_at, record) VALUES (?, ?, ?, ?)
         ON CONFLICT (task_run_id) DO UPDATE SET record = excluded.record`,
      task_run.id,
      task_run.task_key,
      now,
      JSON.stringify(task_run),
    );
  }

  #forgetTaken(now: number): void {
    if (now - this.#forgottenAt < FORGET_EVERY_MS) return;
    this.#forgottenAt = now;
    this.#sql.all("DELETE FROM taken_task WHERE taken_at < ?", now - TAKEN_KNOWN_MS);
  }

  /** A process says that it has it: the next turn takes it out of the line, and if that fails, the one after. */
  hear(task_run_id: string): void {
    this.#heard.add(task_run_id);
  }

  /** What was heard has had its turn. */
  settle(task_run_id: string): void {
    this.#heard.delete(task_run_id);
  }

  /** A process has it, or nobody is to have it. */
  remove(task_run_id: string, now: number): void {
    this.#sql.all(
      `INSERT OR REPLACE INTO taken_task (task_run_id, state_id, taken_at)
         SELECT task_run_id, coalesce(record ->> '$.state.id', ''), ? FROM scheduled_task WHERE task_run_id = ?`,
      now,
      task_run_id,
    );
    this.#sql.all("DELETE FROM scheduled_task WHERE task_run_id = ?", task_run_id);
  }

  /** Forgets what nobody has come for. */
  removeBefore(at: number): void {
    this.#sql.all("DELETE FROM scheduled_task WHERE scheduled_at < ?", at);
  }

  /** When a process that has not acknowledged what it was sent is given up; undefined when there is none. */
  earliestDue(): number | undefined {
    const due = [...this.#listWorkers()].flatMap(({ in_flight, served_at }) =>
      in_flight === null ? [] : [served_at + ACKNOWLEDGED_MS],
    );
    return due.length === 0 ? undefined : Math.min(...due);
  }

  /**
   * Gives each idle process the first task run in line that is its own; who waited longest comes first. What one has not
   * acknowledged in time is for the others.
   */
  dispatch(now: number): void {
    for (const task_run_id of this.#heard) this.remove(task_run_id, now);
    const isLost = ({ in_flight, served_at }: TaskWorker): boolean =>
      in_flight !== null && !this.#heard.has(in_flight) && now >= served_at + ACKNOWLEDGED_MS;
    const all = [...this.#listWorkers()];
    for (const worker of all) if (isLost(worker)) worker.end();
    const workers = all.filter((worker) => !isLost(worker));
    const inFlight = new Set(workers.flatMap(({ in_flight }) => in_flight ?? []));
    const idle = workers
      .filter(({ in_flight }) => in_flight === null)
      .sort((left, right) => left.served_at - right.served_at);
    for (const worker of idle) {
      const [found] = this.#sql.all<{ task_run_id: string; record: string }>(
        `SELECT task_run_id, record FROM scheduled_task WHERE task_key IN (SELECT value FROM json_each(?))
           AND task_run_id NOT IN (SELECT value FROM json_each(?)) ORDER BY seq LIMIT 1`,
        JSON.stringify(worker.keys),
        JSON.stringify([...inFlight]),
      );
      if (found === undefined) continue;
      inFlight.add(found.task_run_id);
      worker.serve(JSON.parse(found.record) as TaskRun);
    }
  }
}

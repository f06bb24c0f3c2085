/** Holds the pool to the promises of the design: looks at what is stored after each commit. */
import type { Result } from "../../src/contract/errors.ts";
import type { ClaimAnswer } from "../../src/contract/wire/agents.ts";
import { isTerminal, type StateType } from "../../src/contract/wire/states.ts";
import type { PoolOperations } from "../../src/objects/pool/operations.ts";
import { createNodeSql } from "../support/node-host.ts";
import { findPoolFault } from "../support/pool-promises.ts";
import { CancelWatch } from "./cancel-watch.ts";
import type { SimObject } from "./objects.ts";
import { QueueWatch } from "./queue-watch.ts";
import { START_GRACE_MS, TrueInstants } from "./server-clock.ts";
import type { World } from "./world.ts";

interface ActiveRow {
  run_id: string;
  queue_id: string | null;
  attempt_id: string | null;
  session_id: string | null;
  worker_name: string | null;
  fence: number | null;
  is_started: 0 | 1;
  deadline_at: number | null;
}
interface WorkerRow {
  name: string;
  session_id: string | null;
  session_deadline: number | null;
  run_limit: number | null;
}

/** What the design says, whatever the code has. */
const GRACE_MS = 10_000;
/** The end of an attempt is remembered for so long. */
const REPLAY_MS = 600_000;
/** How long commits that fail and calls that are on their way may put off a deadline. */
const SLACK_MS = 20_000;
/** An alarm that comes late means lost time, which puts deadlines off by half a minute, perhaps more than once. */
const LATE_SLACK_MS = 600_000;
/** A limit that was lowered so lately may not have been in force when a claim was decided. */
const LOWERED_LATELY_MS = 5000;
/** What is wrong with a table stays wrong, so not every commit is audited. */
const LOOKS_PER_AUDIT = 50;

export class PoolWatch {
  readonly #world: World;
  readonly #object: SimObject;
  #active = new Map<string, ActiveRow>();
  #workers = new Map<string, WorkerRow>();
  /** Every attempt that was ever stored. */
  readonly #attempts = new Set<string>();
  /** When attempts ended: who repeats a claim after that much longer may be given something else under the same id (I5). */
  readonly #ends = new Map<string, number>();
  /** States that were proposed for an attempt which had ended by then. */
  readonly #stale = new WeakSet<object>();
  readonly #fences = new Map<string, number>();
  /** Attempts and sessions that somebody has said to be over, runs that somebody has deleted. */
  readonly #ended = new Set<string>();
  /** Slots that pool, queues and workers have had, by what they belong to, with when that was last so. */
  readonly #sizes = new Map<string, { at: number; size: number }[]>();
  readonly #idempotent = new Map<string, string>();
  /** Limits that an attempt has a note for, by attempt. */
  readonly noted = new Map<string, Set<string>>();
  /** Runs whose creation was acknowledged, and when that was first so. */
  readonly created = new Map<string, number>();
  readonly deleted = new Set<string>();
  /** Runs whose state a person has set: what they held is free before their processes know. */
  readonly disturbed = new Set<string>();
  /** Told of each attempt that is stored no more. */
  onEnd: (attempt_id: string, run_id: string) => void = () => {};
  readonly #sql;
  readonly #queues: QueueWatch;
  readonly #cancels: CancelWatch;
  /** When attempts and sessions end, in true time. */
  readonly #ends_at: TrueInstants;
  #looks = 0;

  constructor(world: World, object: SimObject) {
    [this.#world, this.#object] = [world, object];
    this.#sql = createNodeSql(object.database);
    this.#ends_at = new TrueInstants(world.clock);
    this.#cancels = new CancelWatch(world, object, this.#sql);
    this.#queues = new QueueWatch(world, object, this.#sql);
  }

  /** A command has reached the object. */
  note(operation: string, command: unknown): void {
    const { attempt_id, session_id, id } = command as Record<string, string>;
    if (operation === "end_attempt" && attempt_id !== undefined) this.#ended.add(attempt_id);
    if (operation === "end_session" && session_id !== undefined) this.#ended.add(session_id);
    if (operation === "set_state" && id !== undefined) {
      const { run, is_forced } = command as PoolOperations["set_state"]["command"];
      if (is_forced) this.#cancels.noteForced(id);
      if (run === null) this.disturbed.add(id);
      else if (run.flow_run_id === id && this.#ends.has(run.attempt_id)) this.#stale.add(command as object);
    }
    if (operation === "move_to_front" && id !== undefined) this.#queues.noteMove(id);
    if (operation === "delete_run" && id !== undefined) {
      this.#ended.add(id);
      this.disturbed.add(id);
      this.deleted.add(id);
    }
  }

  /** An answer has left the object: what it says is stored (I12), and stays so. */
  noteAnswer(operation: string, command: unknown, result: Result<unknown>): void {
    if (!result.ok) return;
    const { name } = this.#object;
    if (operation === "claim")
      for (const { attempt_id } of (result.value as ClaimAnswer).claims)
        if (!this.#attempts.has(attempt_id))
          this.#world.fail("I12", `${name} told of attempt ${attempt_id} before it was stored`, command);
    if (operation === "end_attempt") {
      const { attempt_id } = command as PoolOperations["end_attempt"]["command"];
      const left = [...this.#active.values()].find((active) => active.attempt_id === attempt_id);
      if (left !== undefined)
        this.#world.fail("I12", `${name} took the end of an attempt that goes on`, left);
    }
    if (operation === "note_limit") {
      const { run, limit_key } = command as PoolOperations["note_limit"]["command"];
      const noted = this.noted.get(run.attempt_id);
      if (noted === undefined) this.noted.set(run.attempt_id, new Set([limit_key]));
      else noted.add(limit_key);
    }
    if (operation === "move_to_front") {
      const { id } = command as PoolOperations["move_to_front"]["command"];
      this.#queues.noteMoved(id);
    }
    if (operation === "create_run") this.#noteRun(command, result.value);
    if (operation === "set_state") {
      const { id } = command as PoolOperations["set_state"]["command"];
      const { result: outcome } = result.value as PoolOperations["set_state"]["answer"];
      if (outcome.status === "ACCEPT" && this.#stale.has(command as object))
        this.#world.fail("I6", `${name} took a state from an attempt that had ended`, command);
      const isThere = (sql: string, ...bindings: string[]) => this.#sql.all(sql, ...bindings).length > 0;
      if (
        outcome.status === "ACCEPT" &&
        outcome.state !== null &&
        isThere("SELECT 1 FROM flow_run WHERE id = ?", id) &&
        !isThere("SELECT 1 FROM state WHERE flow_run_id = ? AND id = ?", id, outcome.state.id)
      )
        this.#world.fail("I12", `${name} accepted a state of run ${id} and has not stored it`, outcome);
    }
  }

  #noteRun(command: unknown, answer: unknown): void {
    const { draft } = command as PoolOperations["create_run"]["command"];
    const { flow_run } = answer as PoolOperations["create_run"]["answer"];
    this.created.set(flow_run.id, this.created.get(flow_run.id) ?? this.#world.now);
    if (!this.isStored(flow_run.id))
      this.#world.fail("I12", `${this.#object.name} acknowledged run ${flow_run.id} and has not stored it`);
    if (draft.idempotency_key === null) return;
    const known = this.#idempotent.get(draft.idempotency_key);
    if (known !== undefined && known !== flow_run.id && !this.deleted.has(known))
      this.#world.fail("I5", `${this.#object.name} made a second run of one idempotency key`, [
        known,
        flow_run.id,
      ]);
    this.#idempotent.set(draft.idempotency_key, flow_run.id);
  }

  /** Whether a run is here, or was moved to its journal or deleted. */
  isStored(id: string): boolean {
    if (this.deleted.has(id)) return true;
    return (
      this.#sql.all(
        "SELECT 1 FROM flow_run WHERE id = ?1 UNION ALL SELECT 1 FROM moved WHERE run_id = ?1",
        id,
      ).length > 0
    );
  }

  listUnfinished(): { id: string; state_type: StateType | null; state_name: string | null }[] {
    return this.#sql
      .all<{ id: string; state_type: StateType | null; state_name: string | null }>(
        "SELECT id, state_type, state_name FROM flow_run",
      )
      .filter(({ state_type }) => state_type === null || !isTerminal(state_type));
  }

  describe(): unknown {
    return { active: [...this.#active.values()], workers: [...this.#workers.values()] };
  }

  /** Whether a deployment has, or had, a run that was to begin then; one that moved to its journal is not found. */
  hasRunAt(deployment_id: string, expected_start_time: string): boolean {
    return (
      this.#sql.all(
        "SELECT 1 FROM flow_run WHERE record ->> '$.deployment_id' = ? AND expected_start_time = ?",
        deployment_id,
        expected_start_time,
      ).length > 0
    );
  }

  isRunning(id: string): boolean {
    return this.stateOf(id) === "RUNNING";
  }

  /** The type of a run's state; undefined for one that has none, has moved to its journal or was deleted. */
  stateOf(id: string): StateType | undefined {
    const sql = "SELECT state_type FROM flow_run WHERE id = ?";
    return this.#sql.all<{ state_type: StateType | null }>(sql, id)[0]?.state_type ?? undefined;
  }

  get isEmpty(): boolean {
    return this.#active.size === 0;
  }

  /** Compares what is stored now with what was stored after the commit before. */
  look(): void {
    const active = new Map(
      this.#sql.all<ActiveRow>("SELECT * FROM active").map((row) => [row.run_id, row] as const),
    );
    const workers = new Map(
      this.#sql
        .all<WorkerRow>("SELECT name, session_id, session_deadline, run_limit FROM worker")
        .map((row) => [row.name, row] as const),
    );
    const changed = [...active.values()].filter(
      ({ run_id, attempt_id }) => this.#active.get(run_id)?.attempt_id !== attempt_id,
    );
    const gone = [...this.#active.values()].filter(
      ({ run_id, attempt_id }) => active.get(run_id)?.attempt_id !== attempt_id,
    );
    this.#noteSizes(workers);
    for (const row of gone) this.#checkGone(row);
    for (const row of changed) this.#checkNew(row, [...active.values()]);
    this.#cancels.look();
    // What Prefect's workers have submitted is nobody's claim.
    const given = changed.filter(({ attempt_id }) => attempt_id !== null);
    this.#queues.look(given, [...active.values()]);
    [this.#active, this.#workers] = [active, workers];
    for (const row of active.values()) this.#endOf(row, (key, at) => this.#ends_at.see(key, at));
    this.#looks += 1;
    const fault = this.#looks % LOOKS_PER_AUDIT === 0 ? findPoolFault(this.#sql) : undefined;
    if (fault !== undefined)
      this.#world.fail("I9", `${this.#object.name} has ${fault.what}`, fault.rows.slice(0, 5));
    this.#checkDeadlines();
    for (const { attempt_id, run_id } of gone) {
      if (attempt_id === null) continue;
      this.#ends.set(attempt_id, this.#world.now);
      this.onEnd(attempt_id, run_id);
    }
  }

  #noteSizes(workers: Map<string, WorkerRow>): void {
    const now = this.#world.now;
    const rows = [
      ...this.#sql
        .all<{ id: string; size: number | null; is_paused: 0 | 1 }>(
          `SELECT 'pool' AS id, concurrency_limit AS size, is_paused FROM pool
           UNION ALL
           SELECT id, concurrency_limit, is_paused FROM queue`,
        )
        .flatMap(({ id, size, is_paused }) => [
          { id, size: is_paused === 1 ? 0 : size },
          { id: `${id}, paused or not`, size },
        ]),
      ...[...workers.values()].map(({ name, run_limit }) => ({ id: `worker ${name}`, size: run_limit })),
    ];
    for (const { id, size } of rows) {
      const last = this.#sizes.get(id)?.at(-1);
      const next = { at: now, size: size ?? Number.POSITIVE_INFINITY };
      if (last === undefined) this.#sizes.set(id, [next]);
      else if (last.size !== next.size)
        this.#sizes.set(id, [...(this.#sizes.get(id) ?? []).slice(-20), { at: now, size: last.size }, next]);
    }
  }

  /** The most that something had lately. */
  #sizeOf(id: string): number {
    const sizes = this.#sizes.get(id) ?? [];
    const lately = sizes.filter(
      ({ at }, index) => index === sizes.length - 1 || at > this.#world.now - LOWERED_LATELY_MS,
    );
    return Math.max(0, ...lately.map(({ size }) => size));
  }

  /** I1, I3 and I4: a claim gives a run that nobody has, with a higher fence, for a slot that is free. */
  #checkNew(row: ActiveRow, all: ActiveRow[]): void {
    const { run_id, attempt_id, fence, queue_id, worker_name } = row;
    const { name } = this.#object;
    const bound = (id: string, used: number): void => {
      if (used > this.#sizeOf(id))
        this.#world.fail("I1", `${name} has ${used} runs for ${this.#sizeOf(id)} slots of ${id}`, all);
    };
    const inQueues = all.filter((other) => other.queue_id !== null);
    const inQueue = inQueues.filter((other) => other.queue_id === queue_id);
    if (attempt_id === null || fence === null) {
      // What a process goes on with after a retry is counted, and not held back.
      if (queue_id === null || this.stateOf(run_id) !== "PENDING") return;
      bound("pool, paused or not", inQueues.length);
      bound(`${queue_id}, paused or not`, inQueue.length);
      return;
    }
    const ended_at = this.#ends.get(attempt_id) ?? Number.POSITIVE_INFINITY;
    if (this.#attempts.has(attempt_id) && this.#world.now < ended_at + REPLAY_MS)
      this.#world.fail("I3", `${name} gave attempt ${attempt_id} a second time`, row);
    this.#attempts.add(attempt_id);
    this.#ends.delete(attempt_id);
    const highest = this.#fences.get(run_id) ?? 0;
    if (fence <= highest)
      this.#world.fail("I4", `${name} gave run ${run_id} fence ${fence} after ${highest}`, row);
    this.#fences.set(run_id, Math.max(fence, highest));
    bound("pool", inQueues.length);
    if (queue_id !== null) bound(queue_id, inQueue.length);
    if (worker_name !== null)
      bound(`worker ${worker_name}`, all.filter((other) => other.worker_name === worker_name).length);
  }

  /** I10: an attempt ends because its agent, or a person, has said so, or after its deadline. */
  #checkGone(row: ActiveRow): void {
    const { attempt_id, run_id, session_id, is_started, deadline_at, worker_name } = row;
    if (attempt_id === null || this.#ended.has(attempt_id) || this.#ended.has(run_id)) return;
    if (is_started === 0 && session_id !== null && this.#ended.has(session_id)) return;
    const { now, clock } = this.#world;
    if (clock.began_at > 0 && now < clock.began_at + START_GRACE_MS)
      this.#world.fail("I10", `${this.#object.name} ended an attempt just after the server began`, {
        row,
        began_at: clock.began_at,
      });
    if (this.#endOf(row, (key, at) => this.#ends_at.see(key, at)) <= now) return;
    this.#world.fail("I10", `${this.#object.name} ended an attempt before its time`, {
      row,
      worker: worker_name === null ? null : this.#workers.get(worker_name),
      deadline_at,
    });
  }

  /** When an attempt is over unless somebody is heard of. */
  #endOf(
    { run_id, deadline_at, worker_name, session_id }: ActiveRow,
    read: (key: string, at: number) => number = (_, at) => at,
  ): number {
    if (deadline_at !== null) return read(run_id, deadline_at);
    const worker = worker_name === null ? undefined : this.#workers.get(worker_name);
    if (worker === undefined || worker.session_id !== session_id) return Number.POSITIVE_INFINITY;
    return read(`worker ${worker.name}`, worker.session_deadline ?? 0) + GRACE_MS;
  }

  /** I9: each attempt has an end that an alarm will bring, and none outlives it. */
  #checkDeadlines(): void {
    const { faults, clock } = this.#world;
    const { now } = clock;
    const slack = faults.isLate ? LATE_SLACK_MS : SLACK_MS;
    for (const row of this.#active.values()) {
      const end = this.#endOf(row);
      if (end === Number.POSITIVE_INFINITY)
        this.#world.fail("I9", `${this.#object.name} has an attempt that nothing ends`, {
          row,
          workers: [...this.#workers.values()],
        });
      else if (now > end + GRACE_MS + slack)
        this.#world.fail("I10", `${this.#object.name} keeps an attempt beyond its time`, { row, end, now });
      const { alarm_at, isSettled } = this.#object;
      if (isSettled && (alarm_at === null || alarm_at > Math.max(now, clock.highest, end) + 60_000))
        this.#world.fail("I9", `${this.#object.name} has no alarm for an attempt`, { row, end, alarm_at });
    }
  }
}

/**
 * A work pool: queues, workers, flow runs and their states, claims.
 *
 * Addressed by the pool's name. Owns its runs for good, and who runs them. One operation is one transaction: a claim
 * takes its runs all or none, the end of an attempt and what it releases are one. The alarm takes the steps that
 * nobody else takes: future runs become due, claims and sessions end, pauses and cancellations time out.
 */
import { accept, refuse, type Result } from "../../contract/errors.ts";
import type { Envelope } from "../../contract/envelope.ts";
import { deriveShardKey } from "../../contract/ids.ts";
import { formatInstant } from "../../contract/instants.ts";
import { INTERNAL_POOL_NAMES } from "../../contract/internal-pools.ts";
import { CANCELLING_MAX_MS, placeRun, type DeadlineKind } from "../../domain/pool/place.ts";
import { Actor, type Answer, type Effect, type Handlers } from "../shared/actor.ts";
import type { ObjectHost } from "../shared/host.ts";
import { PoolCatalog } from "./catalog.ts";
import { Announcements } from "./announcements.ts";
import { PoolAttempts } from "./attempts.ts";
import { PoolClaims } from "./claims.ts";
import { poolOf, type PoolContext, type WakeAgents } from "./context.ts";
import { migrations } from "./migrations.ts";
import type { PoolOperations } from "./operations.ts";
import { explainRun } from "./explanations.ts";
import { RunInputs } from "./inputs.ts";
import { PoolJournals } from "./journals.ts";
import { PoolQueues } from "./queues.ts";
import { PoolReads } from "./reads.ts";
import { DeploymentLimit } from "./deployment-limit.ts";
import { PoolSessions } from "./sessions.ts";
import { RunRecords } from "./run-records.ts";
import { RunSlots } from "./run-slots.ts";
import { RunStates } from "./run-states.ts";
import { PoolRuns } from "./runs.ts";
import { DEADLINE_KINDS, type StoredRun } from "./rows.ts";
import { StatusWatch } from "./status-watch.ts";
import { PoolStore } from "./store.ts";
import { PoolWorkers } from "./workers.ts";

/** Deadlines of each kind that one sweep handles; the next one goes on. */
const DEADLINES_PER_SWEEP_MAX = 200;
/** Scheduled runs of a deleted pool or deployment that one turn cancels. */
const CANCELLED_PER_SWEEP_MAX = 200;
/** Runs that the schedules of one deployment can have ahead: 100 schedules with 100 runs each. */
const PLANNED_RUNS_MAX = 10_000;
/**
 * A burst of runs becomes Late all at once. That is news for people and changes nothing for who runs them, so it goes in
 * small steps, between which claims are not slowed down.
 */
const PER_SWEEP_MAX: { [Kind in DeadlineKind]?: number } = { late: 25, move: 25 };
const LATE_PAUSE_MS = 50;
/** Questions to the limit of a deployment whose answer an intent waits for. */
const ANSWERED: ReadonlySet<string> = new Set(["acquire", "renew", "read"]);
const CANCELLED_WITH_POOL = "The work pool of this run was deleted.";

/** What stays possible after the pool was deleted: its runs are still there. */
const ON_TOMBSTONE: ReadonlySet<string> = new Set([
  "create",
  "read_run",
  "filter_runs",
  "list_run_keys",
  "read_runs",
  "count_runs",
  "summarize_runs",
  "update_run",
  "update_labels",
  "delete_run",
  "set_state",
  "resume_run",
  "touch_run",
  "hear_heartbeats",
  "cancel_with_parent",
  "create_run_input",
  "filter_run_inputs",
  "read_run_input",
  "delete_run_input",
  "read_states",
  "read_state",
  "start_attempt",
  "end_attempt",
  "note_limit",
  "deployment_slot_granted",
  "explain_run",
  "retire_day",
  "events_wanted",
  "remove_deployment",
]);

/** Operations that write to a run: one that has moved to its journal comes back for them. */
const RECALLING: ReadonlySet<string> = new Set([
  "update_run",
  "update_labels",
  "delete_run",
  "set_state",
  "resume_run",
  "create_run_input",
  "delete_run_input",
]);

export interface PoolOptions {
  /** A finished run moves to its journal this long after its last write; never where it is not given. */
  move_after_seconds?: number;
}

export class PoolActor extends Actor<PoolOperations> {
  protected readonly creating: ReadonlySet<string>;
  protected readonly handlers: Handlers<PoolOperations>;
  readonly #context: PoolContext;
  readonly #catalog: PoolCatalog;
  readonly #queues: PoolQueues;
  readonly #records: RunRecords;
  readonly #states: RunStates;
  readonly #slots: RunSlots;
  readonly #runs: PoolRuns;
  readonly #attempts: PoolAttempts;
  readonly #journals: PoolJournals;
  readonly #announcements: Announcements;
  readonly #statuses: StatusWatch;
  /** Milliseconds since the epoch before which no more runs are marked Late. */
  #lateAfter = 0;

  constructor(host: ObjectHost, wake: WakeAgents, { move_after_seconds }: PoolOptions = {}) {
    super(host, migrations);
    const store = new PoolStore(host.sql);
    this.#context = {
      host,
      store,
      wake,
      send: (...effect) => {
        this.send(...effect);
      },
      wakeAt: (at) => {
        this.wakeAt(at);
      },
      noteState: (run, before) => {
        this.#announcements.noteState(run, before);
      },
      statuses: {
        hear: (ids) => {
          this.#statuses.hear(ids);
        },
        look: () => {
          this.#statuses.look();
        },
      },
      turn: (name, body) => this.turn(name, body),
      move_after_ms: move_after_seconds === undefined ? null : move_after_seconds * 1000,
    };
    this.#announcements = new Announcements(this.#context);
    this.#statuses = new StatusWatch(this.#context, this.#announcements);
    const { workspace, key } = host.address;
    const internalName = INTERNAL_POOL_NAMES.find((name) => deriveShardKey("pool", workspace, name) === key);
    this.creating = new Set(
      internalName === undefined ? ["create"] : ["create", "create_run", "put_deployment", "materialize"],
    );
    const catalog = new PoolCatalog(this.#context);
    const queues = new PoolQueues(this.#context);
    const workers = new PoolWorkers(this.#context);
    const limit = new DeploymentLimit(this.#context);
    const records = new RunRecords(this.#context, limit);
    const inputs = new RunInputs(this.#context);
    const states = new RunStates(this.#context, records, limit, inputs);
    const slots = new RunSlots(this.#context, records, states, limit);
    const attempts = new PoolAttempts(this.#context, records, states);
    const journals = new PoolJournals(this.#context, records);
    const runs = new PoolRuns(this.#context, records, slots, limit, attempts, queues, journals);
    const sessions = new PoolSessions(this.#context, workers, attempts, limit);
    const claims = new PoolClaims(this.#context, records, states, slots, queues);
    const reads = new PoolReads(this.#context, records, queues);
    [this.#catalog, this.#queues] = [catalog, queues];
    [this.#records, this.#states, this.#slots] = [records, states, slots];
    [this.#runs, this.#attempts, this.#journals] = [runs, attempts, journals];
    this.handlers = this.#admitting(internalName, {
      create: (command) => {
        this.#cancelWithPool(Number.POSITIVE_INFINITY);
        return catalog.create(command);
      },
      read: () => accept(catalog.presentPool(poolOf(this.#context))),
      update: (command) => catalog.update(command),
      delete: () => {
        for (const { name } of this.#context.store.catalog.listWorkers()) sessions.deleteWorker(name);
        return catalog.delete();
      },
      create_queue: (command) => queues.create(command),
      ensure_queue: ({ name }) => queues.ensure(name),
      read_queue: (command) => {
        const queue = queues.find(command);
        return queue === undefined
          ? refuse("not_found", "Work queue not found.")
          : accept(queues.present(queue));
      },
      filter_queues: (command) => accept(queues.filter(command)),
      update_queue: (command) => queues.update(command),
      delete_queue: (command) => this.#deleteQueue(command),
      heartbeat: ({ name, heartbeat_interval_seconds }) =>
        workers.heartbeat(name, heartbeat_interval_seconds),
      filter_workers: (command) => accept(workers.filter(command)),
      delete_worker: ({ name }) => sessions.deleteWorker(name),
      get_scheduled: (command) => reads.getScheduled(command),
      beat: (command) => sessions.beat(command),
      end_session: ({ name, session_id }) => sessions.endSession(name, session_id),
      claim: (command) => claims.claim(command),
      start_attempt: (command) => attempts.startAttempt(command),
      end_attempt: (command) => attempts.endAttempt(command),
      note_limit: (command) => attempts.noteLimit(command),
      read_polls: ({ deployment_ids }) => accept(this.#context.store.deployments.listPolls(deployment_ids)),
      put_deployment: (command) => slots.noteDeployment(command),
      remove_deployment: (command) => this.#removeDeployment(command),
      materialize: (command) => this.#materialize(command),
      create_run: (command) => runs.create(command),
      read_run: ({ id }) => (journals.hasMoved(id) ? journals.read(id) : records.read(id)),
      filter_runs: (command) =>
        journals.filter(command, (limit, offset) => reads.listKeys(command, limit, offset)),
      list_run_keys: (command) =>
        journals.listKeys(command, (limit, offset) => reads.listKeys(command, limit, offset)),
      read_runs: ({ ids }) => journals.readRuns(ids),
      count_runs: ({ filter }) => journals.count(filter, () => reads.countRuns(filter)),
      summarize_runs: (command) => journals.summarize(command, () => reads.summarizeRuns(command)),
      retire_day: ({ day }) => journals.retireDay(day),
      events_wanted: () => {
        this.#announcements.hearWanted();
        this.#statuses.look();
        return accept(null);
      },
      update_run: ({ id, update }) => runs.update(id, update),
      update_labels: ({ id, labels }) => runs.updateLabels(id, labels),
      delete_run: ({ id }) => runs.delete(id),
      set_state: (command) => states.setState(command),
      resume_run: ({ id, run_input }) => states.resume(id, run_input),
      create_run_input: ({ id, input }) => inputs.create(id, input),
      filter_run_inputs: (command) =>
        journals.hasMoved(command.id) ? journals.filterInputs(command) : accept(inputs.filter(command)),
      read_run_input: ({ id, key }) =>
        journals.hasMoved(id) ? journals.readInput(id, key) : inputs.read(id, key),
      delete_run_input: ({ id, key }) => inputs.delete(id, key),
      touch_run: ({ id }) => records.touch(id),
      cancel_with_parent: ({ id }) => states.cancelWithParent(id),
      hear_heartbeats: ({ ids }) => {
        for (const id of ids) records.hearHeartbeat(id);
        return accept(null);
      },
      read_states: ({ flow_run_id: id }) =>
        journals.hasMoved(id) ? journals.readStates(id) : accept(states.readStates(id)),
      read_state: ({ id }) => {
        const state = states.readState(id);
        return state === undefined ? journals.findState(id) : accept(state);
      },
      concurrency_status: (command) => reads.concurrencyStatus(command),
      deployment_slot_granted: (command) => slots.takeSlot(command),
      explain_run: ({ id }) =>
        journals.hasMoved(id) ? journals.explain(id) : explainRun(this.#context, queues, workers, id),
    });
  }

  /** Whether the pool exists and was not deleted. */
  get isOpen(): boolean {
    return this.isPresent && this.#context.store.catalog.readPool()?.deleted_at === null;
  }

  /** The pool's name, once it exists. */
  get name(): string | undefined {
    return this.isPresent ? this.#context.store.catalog.readPool()?.name : undefined;
  }

  /**
   * Lets an operation through only where the pool is the one that was meant and not deleted. An internal pool comes into
   * being with its first run.
   */
  #admitting(internalName: string | undefined, handlers: Handlers<PoolOperations>): Handlers<PoolOperations> {
    const guarded = Object.entries(handlers).map(([operation, handler]) => {
      const admit = (command: never, envelope: Envelope) => {
        const { store } = this.#context;
        if (operation !== "create") {
          if (internalName !== undefined && store.catalog.readPool() === undefined)
            this.#catalog.create({ name: internalName, is_internal: true });
          const pool = store.catalog.readPool();
          const isMeant = pool !== undefined && (envelope.name === undefined || envelope.name === pool.name);
          if (!isMeant || (pool.deleted_at !== null && !ON_TOMBSTONE.has(operation)))
            return this.answerAbsent(operation);
        }
        const handle = () =>
          (handler as (command: never, envelope: Envelope) => Answer<unknown>)(command, envelope);
        if (RECALLING.has(operation)) {
          const { id } = command as { id: string };
          if (this.#journals.hasMoved(id)) return this.#journals.recall(id, handle);
        }
        return handle();
      };
      return [operation, admit];
    });
    return Object.fromEntries(guarded) as Handlers<PoolOperations>;
  }

  protected override answerAbsent(operation: string): Result<never> {
    if (
      (operation.endsWith("_run") && operation !== "create_run") ||
      operation === "set_state" ||
      operation === "update_labels"
    )
      return refuse("not_found", "Flow run not found");
    return refuse("not_found", "Work pool not found.");
  }

  protected override settleEffect(effect: Effect, result: Result<unknown>): void {
    if (effect.operation === "keep_run") this.#journals.settleMove(effect, result);
    if (ANSWERED.has(effect.operation)) this.#slots.settle(effect, result);
  }

  protected override forget(): void {
    this.#announcements.forget();
    this.#statuses.forget();
    this.#states.forget();
  }

  /** The waiting runs of a queue that goes move to the default queue; those under way do so if they ever wait again. */
  #deleteQueue(of: { id: string } | { name: string }): Result<null> {
    const { store } = this.#context;
    const checked = this.#queues.checkDelete(of);
    if (!checked.ok) return checked;
    const { id } = checked.value;
    store.catalog.deleteQueue(id);
    for (;;) {
      const waiting = store.runs.listWaiting({ queue_id: id }, CANCELLED_PER_SWEEP_MAX);
      for (const stored of waiting) this.#records.save(stored, stored.run);
      if (waiting.length < CANCELLED_PER_SWEEP_MAX) return accept(null);
    }
  }

  #removeDeployment({ deployment_id, revision }: { deployment_id: string; revision: number }): Result<null> {
    const { store } = this.#context;
    const known = store.deployments.readDeployment(deployment_id);
    const noted = this.#slots.noteDeployment(
      {
        deployment_id,
        revision,
        concurrency_limit: known?.concurrency_limit ?? null,
        collision_strategy: known?.collision_strategy ?? "ENQUEUE",
        grace_period_seconds: known?.grace_period_seconds ?? null,
      },
      true,
    );
    if (!noted.ok) return accept(null);
    store.deployments.deletePolls(deployment_id);
    for (;;) {
      const waiting = store.runs.listWaiting({ deployment_id }, CANCELLED_PER_SWEEP_MAX);
      for (const { run } of waiting) this.#runs.delete(run.id);
      if (waiting.length < CANCELLED_PER_SWEEP_MAX) return accept(null);
    }
  }

  /** Replaces, or adds to, the runs that a deployment's schedules have planned. An older revision changes nothing. */
  #materialize(command: PoolOperations["materialize"]["command"]): Result<null> {
    const { store, host } = this.#context;
    const { deployment, is_replacing, runs } = command;
    const noted = this.#slots.noteDeployment(deployment);
    if (!noted.ok) return noted;
    const pool = poolOf(this.#context);
    if (is_replacing) {
      // Also those that are wanted again: they are made anew, from what the deployment says now. Due ones stay.
      const now = formatInstant(host.now());
      for (const id of store.runs.listAutoScheduled(deployment.deployment_id, PLANNED_RUNS_MAX)) {
        const planned = store.runs.readRun(id)?.run;
        if (planned !== undefined && (planned.next_scheduled_start_time ?? now) > now) this.#runs.delete(id);
      }
    }
    for (const draft of runs) if (this.#runs.findMoved(draft) === undefined) this.#runs.insert(draft, pool);
    return accept(null);
  }

  protected sweep(now: number): void {
    const { store } = this.#context;
    this.#attempts.sweep(now);
    this.#statuses.sweep(now);
    const due = DEADLINE_KINDS.filter((kind) => kind !== "late" || now >= this.#lateAfter).flatMap((kind) =>
      store.line.listDeadlines(kind, now, PER_SWEEP_MAX[kind] ?? DEADLINES_PER_SWEEP_MAX),
    );
    if (due.some(({ kind }) => kind === "late")) this.#lateAfter = now + LATE_PAUSE_MS;
    for (const { at, run_id, kind } of due) {
      const stored = store.runs.readRun(run_id);
      if (stored !== undefined) {
        if (kind === "due") this.#becomeDue(stored.run.id);
        else if (kind === "late") this.#states.markLate(stored);
        else if (kind === "pause") this.#states.failPause(stored);
        else if (kind === "slot") this.#slots.lapseSlot(stored);
        else if (kind === "move") this.#journals.move(stored);
        else this.#endCancelling(stored, now);
      }
      store.line.deleteDeadline(kind, at, run_id);
    }
    this.#cancelWithPool();
  }

  /** Nobody has confirmed a cancellation. Time that passed only by the clock, or while nobody could be heard, does not count. */
  #endCancelling(stored: StoredRun, now: number): void {
    const { store, host, wakeAt } = this.#context;
    const steppedTo = host.clock_stepped_at === 0 ? 0 : host.clock_stepped_at + CANCELLING_MAX_MS;
    const at = Math.max(host.expiry_floor, steppedTo);
    if (at > now) {
      store.runs.writeRun(stored, { due_at: null, deadline: { at, kind: "cancelling" } }, now);
      wakeAt(at);
      return;
    }
    this.#states.forceCancelled(
      stored,
      "Nobody confirmed the cancellation in time, so the server set this run to Cancelled.",
    );
  }

  /** A future run becomes ready, and agents hear of it. */
  #becomeDue(id: string): void {
    const { store, host, wake, wakeAt } = this.#context;
    const stored = store.runs.readRun(id);
    if (stored === undefined) return;
    const place = placeRun(stored.run, host.now(), this.#context.move_after_ms);
    const { is_ready } = store.runs.writeRun(stored, place, host.now());
    if (place.deadline !== null) wakeAt(place.deadline.at);
    if (is_ready) wake("run_ready");
  }

  /** The scheduled runs of a deleted pool are cancelled, a few in each turn; all of them before it is made anew. */
  #cancelWithPool(max = CANCELLED_PER_SWEEP_MAX): void {
    const { store, host, wakeAt } = this.#context;
    const pool = store.catalog.readPool();
    if (pool === undefined || pool.deleted_at === null) return;
    for (let left = max; left > 0; left -= CANCELLED_PER_SWEEP_MAX) {
      const waiting = store.runs.listWaiting({}, CANCELLED_PER_SWEEP_MAX);
      for (const stored of waiting) this.#states.forceCancelled(stored, CANCELLED_WITH_POOL);
      if (waiting.length < CANCELLED_PER_SWEEP_MAX) return;
    }
    wakeAt(host.now() + 1);
  }

  protected earliestDeadline(): number | undefined {
    const { store, host } = this.#context;
    const late = store.line.earliestDeadline(["late"]);
    const found = [
      this.#attempts.earliestDeadline(),
      this.#statuses.earliestDeadline(),
      store.line.earliestDeadline(DEADLINE_KINDS.filter((kind) => kind !== "late")),
      late === undefined ? undefined : Math.max(late, this.#lateAfter),
      this.#hasRunsToCancel() ? host.now() : undefined,
    ].filter((at) => at !== undefined);
    return found.length === 0 ? undefined : Math.min(...found);
  }

  #hasRunsToCancel(): boolean {
    const { store } = this.#context;
    const pool = store.catalog.readPool();
    return pool !== undefined && pool.deleted_at !== null && store.runs.listWaiting({}, 1).length > 0;
  }
}

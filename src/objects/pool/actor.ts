/**
 * A work pool: queues, workers, flow runs and their states, claims.
 *
 * Addressed by the pool's name. Owns its runs for good, and who runs them. One operation is one transaction: a claim
 * takes its runs all or none, the end of an attempt and what it releases are one. The alarm takes the steps that
 * nobody else takes: future runs become due, claims and sessions end, pauses and cancellations time out.
 */
import { accept, refuse, type Result } from "../../contract/errors.ts";
import { deriveShardKey } from "../../contract/ids.ts";
import { INTERNAL_POOL_NAMES } from "../../contract/internal-pools.ts";
import { Acts } from "../shared/acts.ts";
import { Actor, InvariantViolation, type Effect, type Handlers } from "../shared/actor.ts";
import type { ObjectHost } from "../shared/host.ts";
import { admitting, CREATING_INTERNAL, refuseAbsent } from "./admission.ts";
import { PoolCatalog } from "./catalog.ts";
import { Announcements } from "./announcements.ts";
import { GRACE_MS, PoolAttempts } from "./attempts.ts";
import { PoolClaims } from "./claims.ts";
import { poolOf, type AgentSockets, type PoolContext } from "./context.ts";
import { migrations } from "./migrations.ts";
import type { PoolOperations } from "./operations.ts";
import { explainRun } from "./explanations.ts";
import { RunInputs } from "./inputs.ts";
import { PoolJournals } from "./journals.ts";
import { PlannedRuns } from "./planned-runs.ts";
import { PoolQueues } from "./queues.ts";
import { previewPoolChange } from "./previews.ts";
import { PoolReads } from "./reads.ts";
import { DeploymentLimit } from "./deployment-limit.ts";
import { PoolSessions } from "./sessions.ts";
import { RunDeadlines } from "./run-deadlines.ts";
import { RunFront } from "./run-front.ts";
import { RunRecords } from "./run-records.ts";
import { RunSlots } from "./run-slots.ts";
import { RunStates } from "./run-states.ts";
import { PoolRuns } from "./runs.ts";
import { StatusWatch } from "./status-watch.ts";
import { PoolStore } from "./store.ts";
import { PoolWorkers } from "./workers.ts";

/** Questions to the limit of a deployment whose answer an intent waits for. */
const ANSWERED: ReadonlySet<string> = new Set(["acquire", "renew", "read"]);
const HAS_ENDED = "This flow run has ended; only one that waits in a queue can go to its front.";

export interface PoolOptions {
  /** A finished run moves to its journal this long after its last write; never where it is not given. */
  move_after_seconds?: number;
}

export class PoolActor extends Actor<PoolOperations> {
  protected readonly creating: ReadonlySet<string>;
  protected readonly handlers: Handlers<PoolOperations>;
  readonly #context: PoolContext;
  readonly #states: RunStates;
  readonly #slots: RunSlots;
  readonly #attempts: PoolAttempts;
  readonly #journals: PoolJournals;
  readonly #announcements: Announcements;
  readonly #statuses: StatusWatch;
  readonly #deadlines: RunDeadlines;

  constructor(host: ObjectHost, sockets: AgentSockets, { move_after_seconds }: PoolOptions = {}) {
    super(host, migrations);
    const store = new PoolStore(host.sql);
    this.#context = {
      host,
      store,
      wake: (...wake) => {
        sockets.wake(...wake);
      },
      heardAt: (name) => sockets.heardAt(name),
      send: (...effect) => {
        this.send(...effect);
      },
      wakeAt: (at) => {
        this.wakeAt(at);
      },
      noteState: (run, before) => {
        this.#announcements.noteState(run, before);
      },
      noteChange: (change) => {
        this.#announcements.noteChange(change);
      },
      statuses: {
        hear: (ids) => {
          this.#statuses.hear(ids);
        },
        look: () => {
          this.#statuses.look();
        },
      },
      acts: new Acts(host, (...effect) => {
        this.send(...effect);
      }),
      turn: (name, body) => this.turn(name, body),
      move_after_ms: move_after_seconds === undefined ? null : move_after_seconds * 1000,
    };
    this.#announcements = new Announcements(this.#context);
    this.#statuses = new StatusWatch(this.#context, this.#announcements);
    const { workspace, key } = host.address;
    const internalName = INTERNAL_POOL_NAMES.find((name) => deriveShardKey("pool", workspace, name) === key);
    this.creating = internalName === undefined ? new Set(["create"]) : CREATING_INTERNAL;
    const catalog = new PoolCatalog(this.#context);
    const queues = new PoolQueues(this.#context);
    const workers = new PoolWorkers(this.#context);
    const limit = new DeploymentLimit(this.#context);
    const records = new RunRecords(this.#context, limit);
    const inputs = new RunInputs(this.#context);
    const states = new RunStates(this.#context, records, limit, inputs);
    const front = new RunFront(this.#context, records, limit);
    const slots = new RunSlots(this.#context, records, states, limit);
    const attempts = new PoolAttempts(this.#context, records, states);
    const journals = new PoolJournals(this.#context, records);
    const runs = new PoolRuns(this.#context, records, slots, limit, attempts, queues, journals);
    const sessions = new PoolSessions(this.#context, workers, attempts, limit);
    const claims = new PoolClaims(this.#context, records, states, slots, sessions);
    const reads = new PoolReads(this.#context, records, queues, slots);
    const planned = new PlannedRuns(this.#context, runs, slots);
    const deadlines = new RunDeadlines(this.#context, states, slots, journals);
    [this.#states, this.#slots, this.#attempts] = [states, slots, attempts];
    [this.#journals, this.#deadlines] = [journals, deadlines];
    const handlers: Handlers<PoolOperations> = {
      create: (command, envelope) => {
        deadlines.cancelWithPool(Number.POSITIVE_INFINITY);
        return catalog.create(command, envelope);
      },
      read: () => accept(catalog.presentPool(poolOf(this.#context))),
      update: (command, envelope) => catalog.update(command, envelope),
      delete: (_, envelope) => {
        for (const { name } of this.#context.store.catalog.listWorkers()) sessions.deleteWorker(name);
        return catalog.delete(envelope);
      },
      create_queue: (command, envelope) => queues.create(command, envelope),
      ensure_queue: ({ name }) => queues.ensure(name),
      read_queue: (command) => {
        const queue = queues.find(command);
        return queue === undefined
          ? refuse("not_found", "Work queue not found.")
          : accept(queues.present(queue));
      },
      filter_queues: (command) => accept(queues.filter(command)),
      update_queue: (command, envelope) => queues.update(command, envelope),
      delete_queue: (command, envelope) => queues.delete(command, records, envelope),
      socket_closed: (command) => workers.noteClosed(command),
      heartbeat: ({ name, heartbeat_interval_seconds }) =>
        workers.heartbeat(name, heartbeat_interval_seconds),
      filter_workers: (command) => accept(workers.filter(command)),
      delete_worker: ({ name }, envelope) => sessions.deleteWorker(name, envelope),
      get_scheduled: (command) => reads.getScheduled(command),
      beat: (command) => sessions.beat(command),
      end_session: ({ name, session_id }) => sessions.endSession(name, session_id),
      claim: (command) => claims.claim(command),
      start_attempt: (command) => attempts.startAttempt(command),
      end_attempt: (command) => attempts.endAttempt(command),
      note_limit: (command) => attempts.noteLimit(command),
      note_leases: ({ leases }) => {
        for (const lease of leases) store.leases.writeLease(lease);
        return accept(null);
      },
      list_leases_of_run: ({ id }) =>
        journals.hasMoved(id) ? journals.listLeases(id) : records.listLeases(id),
      read_polls: ({ deployment_ids }) => accept(this.#context.store.deployments.listPolls(deployment_ids)),
      put_deployment: (command) => slots.noteDeployment(command),
      remove_deployment: (command) => planned.removeDeployment(command),
      materialize: (command) => planned.materialize(command),
      create_run: (command, envelope) => runs.create(command, envelope),
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
      delete_run: ({ id }, envelope) => runs.delete(id, envelope),
      set_state: (command, envelope) => states.setState(command, envelope),
      resume_run: ({ id, run_input }, envelope) => states.resume(id, run_input, envelope),
      move_to_front: ({ id }, envelope) =>
        journals.hasMoved(id) ? refuse("conflict", HAS_ENDED) : front.move(id, envelope),
      create_run_input: ({ id, input }) => inputs.create(id, input),
      filter_run_inputs: (command) =>
        journals.hasMoved(command.id) ? journals.filterInputs(command) : accept(inputs.filter(command)),
      read_run_input: ({ id, key }) =>
        journals.hasMoved(id) ? journals.readInput(id, key) : inputs.read(id, key),
      delete_run_input: ({ id, key }) => inputs.delete(id, key),
      touch_run: ({ id }) => records.touch(id),
      cancel_with_parent: ({ id }) => states.cancelWithParent(id),
      crash_with_parent: ({ id }) => states.crashWithParent(id),
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
      list_line: (command) => reads.listLine(command),
      preview_change: (command) => previewPoolChange(this.#context, workers, command),
      concurrency_status: (command) => reads.concurrencyStatus(command),
      deployment_slot_granted: (command) => slots.takeSlot(command),
      explain_run: ({ id }) =>
        journals.hasMoved(id) ? journals.explain(id) : explainRun(this.#context, queues, workers, id),
    };
    this.handlers = admitting(handlers, { context: this.#context, catalog, journals, internalName });
  }

  /** Whether the pool exists and was not deleted. */
  get isOpen(): boolean {
    return this.isPresent && this.#context.store.catalog.readPool()?.deleted_at === null;
  }

  /** The pool's name, once it exists. */
  get name(): string | undefined {
    return this.isPresent ? this.#context.store.catalog.readPool()?.name : undefined;
  }

  protected override settleEffect(effect: Effect, result: Result<unknown>): void {
    if (effect.operation === "keep_run") this.#journals.settleMove(effect, result);
    if (ANSWERED.has(effect.operation)) this.#slots.settle(effect, result);
  }

  /** I9: the alarm comes in time for every deadline that the operation wrote. */
  protected override assertPromises(): void {
    const deadline = Math.max(this.#context.store.deadlines.take(), this.host.expiry_floor + GRACE_MS);
    if (!this.isAwakeBy(deadline))
      throw new InvariantViolation("I9", "A deadline was written that no alarm stands for.", { deadline });
  }

  protected override forget(): void {
    this.#context.store.deadlines.take();
    this.#context.store.catalog.forget();
    this.#announcements.forget();
    this.#statuses.forget();
    this.#states.forget();
  }

  protected override answerAbsent(operation: string): Result<never> {
    return refuseAbsent(operation);
  }

  protected sweep(now: number): void {
    this.#attempts.sweep(now);
    this.#statuses.sweep(now);
    this.#deadlines.sweep(now);
  }

  protected earliestDeadline(): number | undefined {
    const found = [this.#attempts, this.#statuses, this.#deadlines]
      .map((part) => part.earliestDeadline())
      .filter((at) => at !== undefined);
    return found.length === 0 ? undefined : Math.min(...found);
  }
}

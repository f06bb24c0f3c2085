/** Agents: their sessions, what they claim, and how an attempt begins and ends. */
import { GRACE_SECONDS, REPLAY_SECONDS } from "../../contract/bounds.ts";
import { runningStateOf } from "../../contract/attempts.ts";
import { addressOfKey } from "../../contract/envelope.ts";
import { accept, refuse, type Result } from "../../contract/errors.ts";
import { formatInstant } from "../../contract/instants.ts";
import type {
  AttemptEnd,
  AttemptStart,
  Claim,
  ClaimAnswer,
  ClaimedRun,
  SessionAnswer,
  SessionBeat,
} from "../../contract/wire/agents.ts";
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import type { RunIdentity } from "../../contract/wire/limits.ts";
import { decideAttemptEnd, decideLostRun, type EndStep } from "../../domain/pool/attempt-end.ts";
import { chooseRuns } from "../../domain/pool/choose.ts";
import { isRetryingInProcess } from "../../domain/pool/place.ts";
import { InvariantViolation } from "../shared/actor.ts";
import type { PoolCatalog } from "./catalog.ts";
import { mintRequestId, poolOf, type PoolContext } from "./context.ts";
import { refuseRun, type RunRecords } from "./run-records.ts";
import type { RunSlots } from "./run-slots.ts";
import type { RunStates } from "./run-states.ts";
import type { ActiveRow, Advertised, QueueRow, StoredRun, WorkerRow } from "./rows.ts";

/** A claim that is not started within this long goes back to its queue. */
export const START_WITHIN_SECONDS = 60;
const GRACE_MS = GRACE_SECONDS * 1000;
/** Runs that turn out not to be claimable make room for the next ones this many times. */
const CLAIM_ROUNDS_MAX = 4;
/** Attempts that one sweep gives up; the next one goes on. */
const LOST_PER_SWEEP_MAX = 100;
const ENDED_PURGE_MS = 60_000;

export class PoolClaims {
  readonly #context: PoolContext;
  readonly #records: RunRecords;
  readonly #states: RunStates;
  readonly #slots: RunSlots;
  readonly #catalog: PoolCatalog;
  #purgedAt = 0;

  constructor(
    context: PoolContext,
    records: RunRecords,
    states: RunStates,
    slots: RunSlots,
    catalog: PoolCatalog,
  ) {
    this.#context = context;
    this.#records = records;
    this.#states = states;
    this.#slots = slots;
    this.#catalog = catalog;
  }

  /** Registers an agent and keeps its session alive. Writes only when half of the session has passed or something changed. */
  beat(beat: SessionBeat): Result<SessionAnswer> {
    const { store, host, wakeAt } = this.#context;
    const now = host.now();
    const opened = this.#catalog.openWorker(beat.name);
    if (!opened.ok) return opened;
    const worker = opened.value;
    const sessionMs = beat.session_seconds * 1000;
    const advertised: Advertised = {
      labels: beat.labels,
      gpus: beat.gpus,
      work_queue_names: beat.work_queue_names,
      version: beat.version ?? null,
    };
    const isNew = worker.session_id !== beat.session_id;
    const isChanged =
      isNew ||
      worker.is_gone ||
      worker.run_limit !== (beat.limit ?? null) ||
      worker.session_seconds !== beat.session_seconds ||
      JSON.stringify(worker.advertised) !== JSON.stringify(advertised);
    let deadline = worker.session_deadline ?? 0;
    if (isChanged || deadline - now < sessionMs / 2) {
      deadline = now + sessionMs;
      store.catalog.writeWorker({
        ...worker,
        updated: formatInstant(now),
        last_heartbeat_at: now,
        heartbeat_interval_seconds: beat.session_seconds / 3,
        is_gone: false,
        session_id: beat.session_id,
        session_deadline: deadline,
        session_seconds: beat.session_seconds,
        run_limit: beat.limit ?? null,
        advertised,
      });
    }
    const mine = store.attempts.listActiveOfWorker(beat.name);
    this.#adopt(mine, beat, worker, now + sessionMs);
    if (mine.length > 0) wakeAt(deadline + GRACE_MS);
    const live = new Set(store.attempts.listActiveOfWorker(beat.name).map(({ attempt_id }) => attempt_id));
    return accept({
      worker_id: worker.id,
      expires_in_seconds: (deadline - now) / 1000,
      cancelling: this.#listCancelling(mine),
      ended_attempt_ids: (beat.attempt_ids ?? []).filter((id) => !live.has(id)),
      is_pool_paused: poolOf(this.#context).is_paused,
    });
  }

  /**
   * Squares the attempts that are stored with those that the agent names, which it has whether or not the report of
   * their start has arrived. A started one that it does not name has the
   * length of a session to be named again, because the report of its end may still be on its way. What an older session
   * left is adopted when it is named, else it is given up when the older session and the grace are over: its process may
   * live that long.
   */
  #adopt(mine: readonly ActiveRow[], beat: SessionBeat, worker: WorkerRow, missingUntil: number): void {
    const { store, wakeAt } = this.#context;
    const named = beat.attempt_ids === undefined ? undefined : new Set(beat.attempt_ids);
    const olderUntil = (worker.session_deadline ?? 0) + GRACE_MS;
    for (const active of mine) {
      const isNamed = active.attempt_id !== null && named?.has(active.attempt_id) === true;
      const isOlder = active.session_id !== beat.session_id;
      let next: ActiveRow | undefined;
      if (isNamed && (isOlder || active.deadline_at !== null))
        next = { ...active, session_id: beat.session_id, is_started: true, deadline_at: null };
      else if (!isNamed && isOlder && active.is_started && active.deadline_at === null)
        next = { ...active, deadline_at: olderUntil };
      else if (!isNamed && named !== undefined && active.is_started && active.deadline_at === null)
        next = { ...active, deadline_at: missingUntil };
      if (next === undefined) continue;
      store.attempts.writeActive(next);
      if (next.deadline_at !== null) wakeAt(next.deadline_at);
    }
  }

  #listCancelling(mine: readonly ActiveRow[]): string[] {
    return this.#context.store.runs
      .readRuns(mine.map(({ run_id }) => run_id))
      .filter(({ run }) => run.state_type === "CANCELLING" || run.state_type === "CANCELLED")
      .map(({ run }) => run.id);
  }

  /** The agent says goodbye. What it left running is given up when its session would have ended, unless it comes back. */
  endSession(name: string, session_id: string): Result<null> {
    const { store, host } = this.#context;
    const worker = store.catalog.readWorker(name);
    if (worker === undefined || worker.session_id !== session_id) return accept(null);
    store.catalog.writeWorker({ ...worker, is_gone: true, updated: formatInstant(host.now()) });
    for (const active of store.attempts.listActiveOfWorker(name))
      if (!active.is_started) this.#giveBack(active);
    return accept(null);
  }

  /** Forgets a worker; its attempts keep the deadline that their session had. */
  deleteWorker(name: string): Result<null> {
    const { store, wakeAt } = this.#context;
    const worker = store.catalog.readWorker(name);
    if (worker === undefined) return refuse("not_found", "Worker not found.");
    const until = (worker.session_deadline ?? 0) + GRACE_MS;
    for (const active of store.attempts.listActiveOfWorker(name)) {
      if (active.deadline_at !== null) continue;
      store.attempts.writeActive({ ...active, deadline_at: until });
      wakeAt(until);
    }
    store.catalog.deleteWorker(name);
    return accept(null);
  }

  /** Gives runs to an agent: at most one per attempt id, at most what pool, queues and worker have free. */
  claim(claim: Claim): Result<ClaimAnswer> {
    const { store, host } = this.#context;
    const now = host.now();
    const pool = poolOf(this.#context);
    const worker = store.catalog.readWorker(claim.worker_name);
    if (
      worker === undefined ||
      worker.is_gone ||
      worker.session_id !== claim.session_id ||
      (worker.session_deadline ?? 0) <= now
    )
      return refuse("gone", "This worker has no session any more; it must register again.");
    const claims = this.#repeatClaims(claim);
    const known = new Set(claims.map(({ attempt_id }) => attempt_id));
    const ended = store.attempts.listEnded(claim.attempt_ids);
    const fresh = [...new Set(claim.attempt_ids)].filter((id) => !known.has(id) && !ended.has(id));
    const all = store.catalog.listQueues();
    const queues = all.filter(
      ({ name }) => claim.work_queue_names.length === 0 || claim.work_queue_names.includes(name),
    );
    this.#catalog.markPolled(queues);
    const repeated = claims.length;
    let reason: ClaimAnswer["reason"] = null;
    let isAnyParked = false;
    for (let round = 0; fresh.length > 0 && round < CLAIM_ROUNDS_MAX; round += 1) {
      const choice = this.#choose(fresh.length, worker, queues, pool);
      ({ reason } = choice);
      let isAllTaken = true;
      for (const run_id of choice.run_ids) {
        const attempt_id = fresh[0];
        if (attempt_id === undefined) break;
        const taken = this.#take(run_id, attempt_id, worker);
        if (taken === undefined) {
          isAllTaken = false;
          isAnyParked = true;
        } else {
          claims.push(taken);
          fresh.shift();
        }
      }
      if (isAllTaken) break;
    }
    if (fresh.length === 0) reason = null;
    else if (isAnyParked && (reason === null || reason === "nothing_due")) reason = "deployment_full";
    this.#assertWithinLimits(claims.slice(repeated), pool, all);
    const due = store.line.earliestDeadline(["due"]);
    return accept({
      claims,
      next_due_in_seconds: due === undefined ? null : Math.max(0, (due - now) / 1000),
      reason,
    });
  }

  /** Attempts of this claim that were given out before: the same answer again. */
  #repeatClaims(claim: Claim): ClaimedRun[] {
    const { store, host } = this.#context;
    const wanted = new Set(claim.attempt_ids);
    const rows = store.attempts
      .listActiveOfWorker(claim.worker_name)
      .filter(({ attempt_id }) => attempt_id !== null && wanted.has(attempt_id));
    const runs = new Map(
      store.runs.readRuns(rows.map(({ run_id }) => run_id)).map((stored) => [stored.run.id, stored] as const),
    );
    return rows.flatMap(({ run_id, attempt_id, fence, deadline_at }) => {
      const stored = runs.get(run_id);
      if (stored === undefined || attempt_id === null || fence === null) return [];
      return {
        attempt_id,
        fence,
        start_within_seconds:
          deadline_at === null ? START_WITHIN_SECONDS : Math.max(0, (deadline_at - host.now()) / 1000),
        flow_run: this.#records.present(stored.run),
      };
    });
  }

  #choose(
    wanted: number,
    worker: WorkerRow,
    queues: readonly QueueRow[],
    pool: { is_paused: boolean; concurrency_limit: number | null },
  ) {
    const { store } = this.#context;
    const active = store.attempts.listActive();
    const used = countBy(active, ({ queue_id }) => queue_id);
    return chooseRuns({
      wanted,
      is_paused: pool.is_paused,
      pool_limit: pool.concurrency_limit,
      pool_used: active.filter(({ queue_id }) => queue_id !== null).length,
      worker_limit: worker.run_limit,
      worker_used: active.filter(({ worker_name }) => worker_name === worker.name).length,
      queues: queues.map((queue) => ({
        id: queue.id,
        priority: queue.priority,
        is_paused: queue.is_paused,
        limit: queue.concurrency_limit,
        used: used.get(queue.id) ?? 0,
        ready: store.line.listReady(queue.id, wanted),
      })),
    });
  }

  /** Turns a ready run into an attempt; undefined where its state or its deployment's limit does not allow it now. */
  #take(run_id: string, attempt_id: string, worker: WorkerRow): ClaimedRun | undefined {
    const { store, host, wakeAt } = this.#context;
    const stored = store.runs.readRun(run_id);
    if (stored === undefined)
      throw new InvariantViolation("I3", "A run is ready that does not exist.", { run_id });
    if (store.attempts.readActive(run_id) !== undefined)
      throw new InvariantViolation("I3", "A run is ready that has a live attempt.", { run_id });
    const pool = poolOf(this.#context);
    const fence = stored.fence + 1;
    const deadline_at = host.now() + START_WITHIN_SECONDS * 1000;
    store.attempts.writeActive({
      run_id,
      queue_id: stored.run.work_queue_id,
      attempt_id,
      session_id: worker.session_id,
      worker_name: worker.name,
      fence,
      is_started: false,
      deadline_at,
    });
    const labels = {
      ...stored.run.labels,
      "prefect.worker.name": worker.name,
      "prefect.worker.type": pool.type,
      "prefect.work-pool.name": pool.name,
      "prefect.work-pool.id": pool.id,
    };
    const outcome = this.#states.decide(
      { ...stored, fence, run: { ...stored.run, labels } },
      { type: "PENDING", name: "Pending" },
      false,
    );
    if (outcome.kind !== "decided" || outcome.run.state_type !== "PENDING") {
      store.attempts.deleteAttempt(run_id, attempt_id, fence);
      if (outcome.kind !== "decided" || outcome.run.state_type === "SCHEDULED")
        this.#slots.parkForSlot(stored);
      return undefined;
    }
    wakeAt(Math.max(deadline_at, host.expiry_floor));
    wakeAt((worker.session_deadline ?? 0) + GRACE_MS);
    return {
      attempt_id,
      fence,
      start_within_seconds: START_WITHIN_SECONDS,
      flow_run: this.#records.present(outcome.run),
    };
  }

  /** Where a claim gave something, no limit may be passed now. */
  #assertWithinLimits(
    given: readonly ClaimedRun[],
    pool: { concurrency_limit: number | null },
    queues: readonly QueueRow[],
  ): void {
    if (given.length === 0) return;
    const active = this.#context.store.attempts.listActive().filter(({ queue_id }) => queue_id !== null);
    if (pool.concurrency_limit !== null && active.length > pool.concurrency_limit)
      throw new InvariantViolation("I1", "More runs are active than the pool has slots.", { active });
    const used = countBy(active, ({ queue_id }) => queue_id);
    for (const { id, concurrency_limit } of queues) {
      const isGiven = given.some(({ flow_run }) => flow_run.work_queue_id === id);
      if (isGiven && concurrency_limit !== null && (used.get(id) ?? 0) > concurrency_limit)
        throw new InvariantViolation("I1", "More runs are active than the queue has slots.", { id, active });
    }
  }

  /** The process exists: from now on the session's deadline stands for the attempt. */
  startAttempt(
    command: AttemptStart & { flow_run_id: string; attempt_id: string },
  ): Result<null> | Promise<Result<null>> {
    const { store, wakeAt } = this.#context;
    const active = this.#readLive(command);
    if (active === undefined) return refuseEnded();
    const stored = store.runs.readRun(command.flow_run_id);
    if (stored === undefined) return refuseRun(command.flow_run_id);
    if (!active.is_started) store.attempts.writeActive({ ...active, is_started: true, deadline_at: null });
    const worker = active.worker_name === null ? undefined : store.catalog.readWorker(active.worker_name);
    wakeAt((worker?.session_deadline ?? 0) + GRACE_MS);
    if (
      command.infrastructure_pid !== undefined &&
      command.infrastructure_pid !== stored.run.infrastructure_pid
    ) {
      const run = { ...stored.run, infrastructure_pid: command.infrastructure_pid };
      this.#records.save({ ...stored, run }, stored.run);
    }
    // A process that was quicker than this report has said itself how it goes.
    if (command.sets_own_state !== false || stored.run.state_type !== "PENDING") return accept(null);
    const { flow_run_id, attempt_id, fence } = command;
    const answer = this.#states.setState({
      id: flow_run_id,
      state: runningStateOf(attempt_id),
      is_forced: false,
      run: { flow_run_id, attempt_id, fence },
    });
    return answer instanceof Promise ? answer.then(() => accept(null)) : accept(null);
  }

  #readLive(of: { flow_run_id: string; attempt_id: string; fence: number }): ActiveRow | undefined {
    const active = this.#context.store.attempts.readActive(of.flow_run_id);
    return active?.attempt_id === of.attempt_id && active.fence === of.fence ? active : undefined;
  }

  /** The process is gone: the state is settled, and everything that the attempt held goes at once. */
  endAttempt(command: AttemptEnd & { flow_run_id: string; attempt_id: string }): Result<FlowRun> {
    const { store } = this.#context;
    const stored = store.runs.readRun(command.flow_run_id);
    if (stored === undefined) return refuseRun(command.flow_run_id);
    const active = this.#readLive(command);
    if (active === undefined) {
      // The report of an end that is known already, sent again: the same answer.
      if (store.attempts.listEnded([command.attempt_id]).size > 0)
        return accept(this.#records.present(stored.run));
      return refuseEnded();
    }
    this.#finish(active, decideAttemptEnd(stored.run, command));
    const after = store.runs.readRun(command.flow_run_id);
    return after === undefined ? refuseRun(command.flow_run_id) : accept(this.#records.present(after.run));
  }

  /** Ends an attempt in the one way there is: row, tombstone, visits to its limits, then the run's state. */
  #finish(active: ActiveRow, step: EndStep): void {
    const { store, wake } = this.#context;
    const { run_id, attempt_id, fence } = active;
    if (attempt_id === null || fence === null) return;
    if (!store.attempts.deleteAttempt(run_id, attempt_id, fence)) return;
    this.#bury(run_id, attempt_id);
    const stored = store.runs.readRun(run_id);
    if (stored === undefined) return;
    this.#applyStep(stored, step);
    const after = store.runs.readRun(run_id);
    if (after !== undefined) {
      if (isRetryingInProcess(after.run)) this.#states.rescheduleRetry(after);
      // The run may have left the ready index only because its attempt lived.
      else if (after.run.state_type === "SCHEDULED") this.#records.save(after, after.run);
    }
    wake("run_ready");
  }

  #applyStep(stored: StoredRun, step: EndStep): void {
    if (step.kind === "requeue") {
      this.#states.requeue(stored, "The run goes back to its queue.");
      return;
    }
    if (step.kind === "keep") return;
    const outcome = this.#states.decide(stored, step.state, step.is_forced, { status: "none" });
    if (outcome.kind !== "decided") this.#states.decide(stored, step.state, true, { status: "none" });
  }

  /** Leaves a tombstone and visits every limit that the attempt has asked. */
  #bury(run_id: string, attempt_id: string): void {
    const context = this.#context;
    const { store, host, send } = context;
    store.attempts.writeEndedAttempt(attempt_id, run_id, host.now());
    for (const limit_key of store.attempts.takeNotes(attempt_id))
      send(addressOfKey(host.address.workspace, "limit", limit_key), "end_attempt", mintRequestId(context), {
        flow_run_id: run_id,
        attempt_id,
      });
  }

  /** A limit was asked on behalf of a run: kept until the attempt ends, or passed on at once when it has ended. */
  noteLimit({ run, limit_key }: { run: RunIdentity; limit_key: string }): Result<null> {
    const context = this.#context;
    const { store, host, send } = context;
    if (this.#readLive(run) !== undefined) {
      store.attempts.writeNote(run.attempt_id, limit_key);
      return accept(null);
    }
    send(addressOfKey(host.address.workspace, "limit", limit_key), "end_attempt", mintRequestId(context), {
      flow_run_id: run.flow_run_id,
      attempt_id: run.attempt_id,
    });
    return accept(null);
  }

  /** A run is deleted under its attempt: the process must stop, and owns nothing any more. */
  dropAttempt(run_id: string): void {
    const { store, wake } = this.#context;
    const active = store.attempts.readActive(run_id);
    if (active === undefined || active.attempt_id === null || active.fence === null) return;
    store.attempts.deleteAttempt(run_id, active.attempt_id, active.fence);
    this.#bury(run_id, active.attempt_id);
    wake("attempt_ended", active.worker_name ?? undefined);
  }

  /** Takes a claim back that was not started. */
  #giveBack(active: ActiveRow): void {
    const stored = this.#context.store.runs.readRun(active.run_id);
    if (stored === undefined) return;
    this.#finish(
      active,
      decideAttemptEnd(stored.run, {
        outcome: "not_started",
        exit_code: null,
        signal: null,
        sets_own_state: false,
        message: null,
      }),
    );
  }

  /** Gives up what its agent did not start or was not heard of any more. */
  sweep(now: number): void {
    const { store, host, wake } = this.#context;
    if (now >= host.expiry_floor) {
      for (const active of store.attempts.listActiveOverdue(now, LOST_PER_SWEEP_MAX)) {
        if (active.attempt_id === null) {
          const stored = store.runs.readRun(active.run_id);
          if (stored !== undefined) this.#states.giveUpSilent(stored);
          continue;
        }
        if (active.is_started && now < host.expiry_floor + GRACE_MS && host.expiry_floor > 0) continue;
        if (active.is_started) this.#giveUp(active);
        else this.#giveBack(active);
        wake("attempt_ended", active.worker_name ?? undefined);
      }
    }
    if (host.expiry_floor === 0 || now >= host.expiry_floor + GRACE_MS)
      for (const active of store.attempts.listLost(now - GRACE_MS, LOST_PER_SWEEP_MAX)) this.#giveUp(active);
    if (now - this.#purgedAt >= ENDED_PURGE_MS) {
      store.attempts.deleteEndedBefore(now - REPLAY_SECONDS * 1000);
      this.#purgedAt = now;
    }
  }

  #giveUp(active: ActiveRow): void {
    const stored = this.#context.store.runs.readRun(active.run_id);
    if (stored === undefined) return;
    this.#finish(
      active,
      decideLostRun(stored.run, active.worker_name ?? "unknown", poolOf(this.#context).lost_run_policy),
    );
  }

  earliestDeadline(): number | undefined {
    const { store, host } = this.#context;
    const own = store.attempts.earliestActiveDeadline();
    const session = store.attempts.earliestSessionDeadline();
    const floor = host.expiry_floor === 0 ? 0 : host.expiry_floor + GRACE_MS;
    const found = [
      ...(own === undefined ? [] : [Math.max(own, floor)]),
      ...(session === undefined ? [] : [Math.max(session + GRACE_MS, floor)]),
    ];
    return found.length === 0 ? undefined : Math.min(...found);
  }
}

function countBy<Item>(
  items: readonly Item[],
  keyOf: (item: Item) => string | null,
): Map<string | null, number> {
  const counts = new Map<string | null, number>();
  for (const item of items) counts.set(keyOf(item), (counts.get(keyOf(item)) ?? 0) + 1);
  return counts;
}

function refuseEnded(): ReturnType<typeof refuse> {
  return refuse("gone", "This attempt of the flow run has ended; nothing it says is taken any more.");
}

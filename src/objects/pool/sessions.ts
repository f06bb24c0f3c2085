/** Sessions of our agents: one deadline row for each, which their attempts share. */
import { accept, refuse, type Result } from "../../contract/errors.ts";
import { formatInstant } from "../../contract/instants.ts";
import type { SessionAnswer, SessionBeat } from "../../contract/wire/agents.ts";
import type { PoolWorkers } from "./workers.ts";
import { poolOf, type PoolContext } from "./context.ts";
import type { DeploymentLimit } from "./deployment-limit.ts";
import type { ActiveRow, Advertised, WorkerRow } from "./rows.ts";
import { decideAdoption } from "../../domain/pool/adopt.ts";
import { isOnline } from "../../domain/pool/status.ts";
import { describeOwner, isNameTaken } from "../../domain/pool/worker-name.ts";
import { GRACE_MS, type PoolAttempts } from "./attempts.ts";

/** Registers agents, keeps their sessions, and squares what they run with what is stored. */
export class PoolSessions {
  readonly #context: PoolContext;
  readonly #workers: PoolWorkers;
  readonly #attempts: PoolAttempts;
  readonly #limit: DeploymentLimit;

  constructor(context: PoolContext, workers: PoolWorkers, attempts: PoolAttempts, limit: DeploymentLimit) {
    this.#limit = limit;
    this.#context = context;
    this.#workers = workers;
    this.#attempts = attempts;
  }

  /** Registers an agent and keeps its session alive. Writes only when half of the session has passed or something changed. */
  beat(beat: SessionBeat): Result<SessionAnswer> {
    const { store, host, statuses, wakeAt } = this.#context;
    const now = host.now();
    const opened = this.#workers.open(beat.name);
    if (!opened.ok) return opened;
    const worker = opened.value;
    if (isNameTaken(worker, beat, now))
      return refuse("conflict", describeOwner(worker, poolOf(this.#context).name, now));
    const sessionMs = beat.session_seconds * 1000;
    const advertised: Advertised = {
      labels: beat.labels,
      gpus: beat.gpus,
      work_queue_names: beat.work_queue_names,
      version: beat.version ?? null,
      process: beat.process,
    };
    const isNew = worker.session_id !== beat.session_id;
    const isChanged =
      isNew ||
      worker.is_gone ||
      worker.run_limit !== (beat.limit ?? null) ||
      worker.session_seconds !== beat.session_seconds ||
      JSON.stringify(worker.advertised) !== JSON.stringify(advertised);
    const mine = store.attempts.listActiveOfWorker(beat.name);
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
      this.#limit.keep(mine, worker.last_heartbeat_at ?? now);
      if (isChanged || !isOnline(worker, now)) statuses.look();
    }
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

  /** Squares the attempts that are stored with those that the agent names. */
  #adopt(mine: readonly ActiveRow[], beat: SessionBeat, worker: WorkerRow, missingUntil: number): void {
    const { store, wakeAt } = this.#context;
    const session = {
      id: beat.session_id,
      named: beat.attempt_ids === undefined ? null : new Set(beat.attempt_ids),
      missing_until: missingUntil,
      older_until: (worker.session_deadline ?? 0) + GRACE_MS,
    };
    for (const active of mine) {
      const next = decideAdoption(active, session);
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
    const { store, host, statuses } = this.#context;
    const worker = store.catalog.readWorker(name);
    if (worker === undefined || worker.session_id !== session_id) return accept(null);
    store.catalog.writeWorker({ ...worker, is_gone: true, updated: formatInstant(host.now()) });
    for (const active of store.attempts.listActiveOfWorker(name))
      if (!active.is_started) this.#attempts.giveBack(active);
    statuses.look();
    return accept(null);
  }

  /** Forgets a worker; its attempts keep the deadline that their session had. */
  deleteWorker(name: string): Result<null> {
    const { store, statuses, wakeAt } = this.#context;
    const worker = store.catalog.readWorker(name);
    if (worker === undefined) return refuse("not_found", "Worker not found.");
    const until = (worker.session_deadline ?? 0) + GRACE_MS;
    for (const active of store.attempts.listActiveOfWorker(name)) {
      if (active.deadline_at !== null) continue;
      store.attempts.writeActive({ ...active, deadline_at: until });
      wakeAt(until);
    }
    store.catalog.deleteWorker(name);
    statuses.look();
    return accept(null);
  }
}

/** Sessions of our agents: one deadline row for each, which their attempts share. */
import { accept, refuse, type Result } from "../../contract/errors.ts";
import { formatInstant } from "../../contract/instants.ts";
import type { SessionAnswer, SessionBeat } from "../../contract/wire/agents.ts";
import type { ActEnvelope } from "../shared/acts.ts";
import { withPings, type PoolWorkers } from "./workers.ts";
import { poolOf, type PoolContext } from "./context.ts";
import type { DeploymentLimit } from "./deployment-limit.ts";
import type { ActiveRow, Advertised, WorkerRow } from "./rows.ts";
import { decideAdoption } from "../../domain/pool/adopt.ts";
import { isOnline } from "../../domain/pool/status.ts";
import { describeOwner, isNameTaken } from "../../domain/pool/worker-name.ts";
import { GRACE_MS, type PoolAttempts } from "./attempts.ts";

/** How often an idle agent asks for runs although its socket is open and nothing woke it. */
const IDLE_POLL_SECONDS = 300;
/** Two pings of an idle agent's socket, which come every 25 s or so, fit into a session of this length. */
const IDLE_SESSION_SECONDS_MIN = 60;

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
    const owner = withPings(this.#context, worker);
    if (isNameTaken(owner, beat, now))
      return refuse("conflict", describeOwner(owner, poolOf(this.#context).name, now));
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
      worker.closed_at !== null ||
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
        closed_at: null,
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
      // Whoever would seem gone between two pings must beat.
      ...(beat.session_seconds >= IDLE_SESSION_SECONDS_MIN && { idle_poll_seconds: IDLE_POLL_SECONDS }),
    });
  }

  /**
   * An agent that had nothing to do is given runs: its session, which may have lapsed, begins again. Returns when it ends,
   * milliseconds since the epoch. One that has runs already keeps it alive by its beats.
   */
  renew(worker: WorkerRow, wasIdle: boolean): number {
    const { store, host } = this.#context;
    const now = host.now();
    const session_ms = (worker.session_seconds ?? 0) * 1000;
    const current = worker.session_deadline ?? 0;
    if (!wasIdle || current - now >= session_ms / 2) return current;
    const session_deadline = now + session_ms;
    store.catalog.writeWorker({ ...worker, last_heartbeat_at: now, session_deadline, closed_at: null });
    return session_deadline;
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
    const now = host.now();
    store.catalog.writeWorker({
      ...worker,
      is_gone: true,
      last_heartbeat_at: now,
      updated: formatInstant(now),
    });
    for (const active of store.attempts.listActiveOfWorker(name))
      if (!active.is_started) this.#attempts.giveBack(active);
    statuses.look();
    return accept(null);
  }

  /** Forgets a worker; its attempts keep the deadline that their session had. */
  deleteWorker(name: string, envelope?: ActEnvelope): Result<null> {
    const { acts, store, statuses, wake, wakeAt } = this.#context;
    const worker = store.catalog.readWorker(name);
    if (worker === undefined) return refuse("not_found", "Worker not found.");
    const until = (worker.session_deadline ?? 0) + GRACE_MS;
    for (const active of store.attempts.listActiveOfWorker(name)) {
      if (active.deadline_at !== null) continue;
      store.attempts.writeActive({ ...active, deadline_at: until });
      wakeAt(until);
    }
    store.catalog.deleteWorker(name);
    if (envelope !== undefined) {
      const target = {
        kind: "worker",
        id: worker.id,
        name: `${poolOf(this.#context).name}/${name}`,
      } as const;
      acts.tell(envelope, "delete", target, {});
    }
    // An idle agent finds out when it asks, and registers again.
    wake("pool_changed", name);
    statuses.look();
    return accept(null);
  }
}

/** How a run is written with everything that hangs on it, and how it goes out. */
import { foreignAttemptOf } from "../../contract/attempts.ts";
import { RUN_SILENCE_MAX_SECONDS } from "../../contract/bounds.ts";
import { accept, refuse, type Result } from "../../contract/errors.ts";
import { instantToMs } from "../../contract/instants.ts";
import type { RunIdentity, RunLease } from "../../contract/wire/limits.ts";
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import { isTerminal } from "../../contract/wire/states.ts";
import { isGoneProcess } from "../../domain/pool/attempt-end.ts";
import { withEstimates } from "../../domain/flow-run/estimates.ts";
import { isRetryingInProcess, placeRun } from "../../domain/pool/place.ts";
import { InvariantViolation } from "../shared/actor.ts";
import { poolOf, type PoolContext } from "./context.ts";
import { visitLimits } from "./limit-visits.ts";
import type { StoredRun } from "./rows.ts";
import type { DeploymentLimit } from "./deployment-limit.ts";

/** The silence after which a run that no agent of ours runs is given up. */
export const SILENCE_MAX_MS = RUN_SILENCE_MAX_SECONDS * 1000;

/** Prefect's lower bound (source: its setting `flows.heartbeat_frequency`). */
const HEARTBEAT_MS_MIN = 30_000;

/** The one way in which runs are stored. */
export class RunRecords {
  readonly #context: PoolContext;
  readonly #limit: DeploymentLimit;

  constructor(context: PoolContext, limit: DeploymentLimit) {
    this.#context = context;
    this.#limit = limit;
  }

  /** Writes a run with everything that hangs on it: indexes, slots, deadlines, wakes. `speaker`: which of its attempts says so. */
  save(stored: StoredRun, before: FlowRun | null, speaker: RunIdentity | null = null): void {
    const { store, host, noteState, wake, wakeAt } = this.#context;
    const now = host.now();
    if (stored.run.state_type === "SCHEDULED" && before !== null) this.#keepInQueue(stored);
    const { run } = stored;
    if (run.state !== null && run.state_id !== before?.state_id) {
      if (!store.states.writeState(run.id, run.state, speaker))
        throw new InvariantViolation("I6", "An attempt that has ended was about to change its run.", {
          speaker,
        });
      noteState(run, before?.state ?? null);
    }
    const holdsSlot =
      run.state_type === "PENDING" || run.state_type === "RUNNING" || run.state_type === "CANCELLING";
    const active = store.attempts.readActive(run.id);
    const isWatched = holdsSlot || isRetryingInProcess(run);
    if (isWatched && (active === undefined || active.attempt_id === null)) this.watchSubmitted(run, now);
    else if (active !== undefined && active.attempt_id === null) {
      store.attempts.deleteSubmitted(run.id);
      store.heartbeats.delete(run.id);
    }
    if (!holdsSlot && active !== undefined && active.attempt_id === null) wake("run_ready");
    if (run.state_type !== before?.state_type && run.state_type !== null && isTerminal(run.state_type))
      this.#endForeignAttempt(run);
    if (run.state_type !== null && isTerminal(run.state_type)) stored.priority = 0;
    if (run.state_type !== "SCHEDULED") {
      this.#limit.leaveLine(stored);
      if (run.auto_scheduled && run.deployment_id !== null)
        store.runs.deleteScheduled(run.deployment_id, run.id);
    }
    const place = placeRun(run, now, this.#context.move_after_ms);
    const { is_ready } = store.runs.writeRun(stored, place, now);
    if (place.deadline !== null) wakeAt(place.deadline.at);
    if (stored.slot_expires_at !== null) wakeAt(stored.slot_expires_at);
    if (is_ready && before?.state_id !== run.state_id) wake("run_ready");
    if (
      active?.attempt_id !== null &&
      active !== undefined &&
      (run.state_type === "CANCELLING" || run.state_type === "CANCELLED") &&
      before?.state_type !== run.state_type
    )
      wake("cancel", active.worker_name ?? undefined);
  }

  /**
   * What the process of a run held goes where its state says that the process is gone. One that said itself how it ended
   * may still do what nobody waits for, and gives back what it holds by itself.
   */
  #endForeignAttempt({ id, state_type }: FlowRun): void {
    const attempt = foreignAttemptOf(id);
    const limit_keys = this.#context.store.attempts.takeNotes(attempt.attempt_id);
    if (isGoneProcess(state_type)) visitLimits(this.#context, attempt, limit_keys);
  }

  /** A run whose queue was deleted waits in the default queue from now on. */
  #keepInQueue(stored: StoredRun): void {
    const { store } = this.#context;
    const { run } = stored;
    if (run.work_queue_id === null || store.catalog.hasQueue(run.work_queue_id)) return;
    const fallback = store.catalog
      .listQueues()
      .find(({ id }) => id === poolOf(this.#context).default_queue_id);
    stored.run = {
      ...run,
      work_queue_id: fallback?.id ?? null,
      work_queue_name: fallback?.name ?? null,
    };
  }

  /** A run that no agent of ours runs holds its slot, and is given up after a long silence. */
  watchSubmitted(run: FlowRun, now: number): void {
    const isRetrying = isRetryingInProcess(run);
    // A process that waits for its next try counts in no queue, and need not be heard of before its time.
    const retry_at = run.next_scheduled_start_time;
    const from = isRetrying && retry_at !== null ? Math.max(now, Math.ceil(instantToMs(retry_at))) : now;
    const deadline_at = from + this.silenceOf(run.id);
    this.#context.store.attempts.writeActive({
      run_id: run.id,
      queue_id: isRetrying ? null : run.work_queue_id,
      attempt_id: null,
      session_id: null,
      worker_name: null,
      fence: null,
      is_started: true,
      deadline_at,
    });
    this.#context.wakeAt(deadline_at);
  }

  /** A silent run is looked at again when its worker, should it say nothing more, will be gone. */
  watchUntil(id: string, deadline_at: number): void {
    const { store, wakeAt } = this.#context;
    const active = store.attempts.readActive(id);
    if (active === undefined) return;
    store.attempts.writeActive({ ...active, deadline_at });
    wakeAt(deadline_at);
  }

  /** A run has shown that it lives. Writes only when half of the silence that it is allowed is over. */
  touch(id: string): Result<null> {
    const { store, host, wakeAt } = this.#context;
    const active = store.attempts.readActive(id);
    const isSubmitted = active !== undefined && active.attempt_id === null;
    const silence = this.silenceOf(id);
    if (!isSubmitted || (active.deadline_at ?? 0) - host.now() > silence / 2) return accept(null);
    const deadline_at = host.now() + silence;
    store.attempts.writeActive({ ...active, deadline_at });
    wakeAt(deadline_at);
    return accept(null);
  }

  /**
   * The process of a run has sent its heartbeat: from now on it is taken for dead when it misses three. Its second one
   * shows how often it sends them.
   */
  hearHeartbeat(id: string): void {
    const { store, host, wakeAt } = this.#context;
    const now = host.now();
    const active = store.attempts.readActive(id);
    if (active === undefined || active.attempt_id !== null) return;
    const known = store.heartbeats.read(id);
    if (known === undefined) store.heartbeats.write({ run_id: id, first_at: now, interval_ms: null });
    else if (known.interval_ms === null) {
      const interval_ms = Math.min(Math.max(now - known.first_at, HEARTBEAT_MS_MIN), SILENCE_MAX_MS / 3);
      store.heartbeats.write({ ...known, interval_ms });
    }
    const deadline_at = now + this.silenceOf(id);
    store.attempts.writeActive({ ...active, deadline_at });
    wakeAt(deadline_at);
  }

  /** The silence after which a run that no agent of ours runs is given up, in milliseconds. */
  silenceOf(id: string): number {
    return this.#context.store.heartbeats.silenceOf(id) ?? SILENCE_MAX_MS;
  }

  /** A run as it goes out now. */
  present(run: FlowRun): FlowRun {
    const { store, host } = this.#context;
    const queue = run.work_queue_id === null ? undefined : store.catalog.readQueueName(run.work_queue_id);
    return {
      ...withEstimates(run, host.now()),
      // The queue may have been renamed since; a deleted one is remembered by its last name.
      work_queue_name: queue ?? run.work_queue_name,
    };
  }

  read(id: string): Result<FlowRun> {
    const stored = this.#context.store.runs.readRun(id);
    return stored === undefined ? refuseRun(id) : accept(this.present(stored.run));
  }

  listLeases(id: string): Result<RunLease[]> {
    const { store } = this.#context;
    return store.runs.hasRun(id) ? accept(store.leases.listLeases(id)) : refuseRun(id);
  }
}

/** The refusal for a run that is not here. */
export function refuseRun(id: string): ReturnType<typeof refuse> {
  return refuse("not_found", `Flow run with id ${id} not found`);
}

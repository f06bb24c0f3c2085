/** How a run is written with everything that hangs on it, and how it goes out. */
import { RUN_SILENCE_MAX_SECONDS } from "../../contract/bounds.ts";
import { accept, refuse, type Result } from "../../contract/errors.ts";
import { instantToMs } from "../../contract/instants.ts";
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import { withEstimates } from "../../domain/flow-run/estimates.ts";
import { isRetryingInProcess, placeRun } from "../../domain/pool/place.ts";
import { poolOf, type PoolContext } from "./context.ts";
import type { StoredRun } from "./rows.ts";
import type { DeploymentLimit } from "./deployment-limit.ts";

/** The silence after which a run that no agent of ours runs is given up. */
export const SILENCE_MAX_MS = RUN_SILENCE_MAX_SECONDS * 1000;

/** The one way in which runs are stored. */
export class RunRecords {
  readonly #context: PoolContext;
  readonly #limit: DeploymentLimit;

  constructor(context: PoolContext, limit: DeploymentLimit) {
    this.#context = context;
    this.#limit = limit;
  }

  /** Writes a run with everything that hangs on it: indexes, slots, deadlines, wakes. */
  save(stored: StoredRun, before: FlowRun | null): void {
    const { store, host, wake, wakeAt } = this.#context;
    const now = host.now();
    if (stored.run.state_type === "SCHEDULED" && before !== null) this.#keepInQueue(stored);
    const { run } = stored;
    if (run.state !== null && run.state_id !== before?.state_id) store.states.writeState(run.id, run.state);
    const holdsSlot =
      run.state_type === "PENDING" || run.state_type === "RUNNING" || run.state_type === "CANCELLING";
    const active = store.attempts.readActive(run.id);
    const isWatched = holdsSlot || isRetryingInProcess(run);
    if (isWatched && (active === undefined || active.attempt_id === null)) this.watchSubmitted(run, now);
    else if (active !== undefined && active.attempt_id === null) store.attempts.deleteSubmitted(run.id);
    if (!holdsSlot && active !== undefined && active.attempt_id === null) wake("run_ready");
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
    const deadline_at = from + SILENCE_MAX_MS;
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

  /** A run has shown that it lives. Writes only when half of the silence that it is allowed is over. */
  touch(id: string): Result<null> {
    const { store, host, wakeAt } = this.#context;
    const active = store.attempts.readActive(id);
    const isSubmitted = active !== undefined && active.attempt_id === null;
    if (!isSubmitted || (active.deadline_at ?? 0) - host.now() > SILENCE_MAX_MS / 2) return accept(null);
    const deadline_at = host.now() + SILENCE_MAX_MS;
    store.attempts.writeActive({ ...active, deadline_at });
    wakeAt(deadline_at);
    return accept(null);
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
}

/** The refusal for a run that is not here. */
export function refuseRun(id: string): ReturnType<typeof refuse> {
  return refuse("not_found", `Flow run with id ${id} not found`);
}

/** The runs that a deployment's schedules have planned, and what becomes of them when it changes or goes. */
import { accept, type Result } from "../../contract/errors.ts";
import { formatInstant } from "../../contract/instants.ts";
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import { poolOf, type PoolContext } from "./context.ts";
import type { PoolOperations } from "./operations.ts";
import type { RunSlots } from "./run-slots.ts";
import type { PoolRuns } from "./runs.ts";

/** Runs that the schedules of one deployment can have ahead: 100 schedules with 100 runs each. */
const PLANNED_RUNS_MAX = 10_000;
/** Waiting runs of a deleted deployment that are read at a time. */
const DELETED_PER_PAGE = 200;

/** A run that has begun, or waits for a slot, is no plan any more. */
function isPlan({ run_count, state_type, state_name }: FlowRun): boolean {
  return run_count === 0 && state_type === "SCHEDULED" && state_name !== "AwaitingConcurrencySlot";
}

export class PlannedRuns {
  readonly #context: PoolContext;
  readonly #runs: PoolRuns;
  readonly #slots: RunSlots;

  constructor(context: PoolContext, runs: PoolRuns, slots: RunSlots) {
    this.#context = context;
    this.#runs = runs;
    this.#slots = slots;
  }

  /** Replaces, or adds to, the runs that a deployment's schedules have planned. An older revision changes nothing. */
  materialize(command: PoolOperations["materialize"]["command"]): Result<null> {
    const { store, host } = this.#context;
    const { deployment, is_replacing, ends_due_of = "none", runs } = command;
    const noted = this.#slots.noteDeployment(deployment);
    if (!noted.ok) return noted;
    const pool = poolOf(this.#context);
    if (is_replacing) {
      // Also those that are wanted again: they are made anew, from what the deployment says now.
      const now = formatInstant(host.now());
      for (const id of store.runs.listAutoScheduled(deployment.deployment_id, PLANNED_RUNS_MAX)) {
        const planned = store.runs.readRun(id)?.run;
        if (planned === undefined) continue;
        const isDue = (planned.next_scheduled_start_time ?? now) <= now;
        if (!isDue || (isPlan(planned) && [planned.created_by?.id, "all"].includes(ends_due_of)))
          this.#runs.delete(id);
      }
    }
    for (const draft of runs) if (this.#runs.findMoved(draft) === undefined) this.#runs.insert(draft, pool);
    return accept(null);
  }

  /** The deployment is gone, and with it the runs of it that wait. */
  removeDeployment({
    deployment_id,
    revision,
  }: PoolOperations["remove_deployment"]["command"]): Result<null> {
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
      const waiting = store.runs.listWaiting({ deployment_id }, DELETED_PER_PAGE);
      for (const { run } of waiting) this.#runs.delete(run.id);
      if (waiting.length < DELETED_PER_PAGE) return accept(null);
    }
  }
}

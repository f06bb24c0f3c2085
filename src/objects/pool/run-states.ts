/** States of runs: what is proposed, what the state machine makes of it, and the steps that the server takes alone. */
import { accept, refuse, type Result } from "../../contract/errors.ts";
import { formatInstant } from "../../contract/instants.ts";
import type { AuditTarget } from "../../contract/wire/audit.ts";
import type { JsonObject } from "../../contract/wire/common.ts";
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import type { RunIdentity } from "../../contract/wire/limits.ts";
import {
  defaultStateName,
  isTerminal,
  type OrchestrationResult,
  type State,
  type StateCreate,
} from "../../contract/wire/states.ts";
import { verbOfProposal } from "../../domain/audit/acts.ts";
import { clip } from "../../domain/audit/changes.ts";
import type { ActEnvelope } from "../shared/acts.ts";
import { orchestrate, type SlotKnowledge } from "../../domain/flow-run/orchestrate.ts";
import { LATE_AFTER_MS, placeRun } from "../../domain/pool/place.ts";
import { onlineUntil } from "../../domain/pool/status.ts";
import { mintId, type PoolContext } from "./context.ts";
import type { StoredRun } from "./rows.ts";
import { type DeploymentLimit, forgetSlot } from "./deployment-limit.ts";
import type { RunInputs } from "./inputs.ts";
import { findFull } from "./room.ts";
import { refuseRun, type RunRecords } from "./run-records.ts";
import { readWorker } from "./workers.ts";

/** Prefect's wait before a run that found no slot is looked at again (source: wire §4.1). */
export const SLOT_WAIT_SECONDS = 30;
export const STATES_LISTED_MAX = 1000;

export interface StateAnswer {
  result: OrchestrationResult;
  was_created: boolean;
}

/** A run as the audit list names it. */
export function targetOfRun({ id, name }: FlowRun): AuditTarget {
  return { kind: "flow_run", id, name };
}

/** Every change of a run's state goes through {@link RunStates.decide}. */
export class RunStates {
  readonly #context: PoolContext;
  readonly #records: RunRecords;
  readonly #limit: DeploymentLimit;
  readonly #inputs: RunInputs;
  /** Callers whose proposal waits for the answer of a limit. Lost with the instance; the state is set all the same. */
  readonly #ears = new Map<string, (answer: Result<StateAnswer>) => void>();

  constructor(context: PoolContext, records: RunRecords, limit: DeploymentLimit, inputs: RunInputs) {
    this.#context = context;
    this.#records = records;
    this.#limit = limit;
    this.#inputs = inputs;
  }

  setState(
    command: { id: string; state: StateCreate; is_forced: boolean; run: RunIdentity | null },
    envelope: ActEnvelope,
  ): Result<StateAnswer> | Promise<Result<StateAnswer>> {
    const { id, state, is_forced, run: identity } = command;
    const stored = this.#context.store.runs.readRun(id);
    if (stored === undefined) return refuseRun(id);
    const { run } = stored;
    const answer = this.propose(stored, state, is_forced, identity, undefined);
    const verb = verbOfProposal(run.state_type, state.type, is_forced);
    if (verb !== undefined) this.#tell(envelope, verb, run, answer, state.message);
    return answer;
  }

  /** Tells an act that brought a run to another state. What waits for a limit's answer is no person's. */
  #tell(
    envelope: ActEnvelope,
    verb: string,
    before: FlowRun,
    answer: Result<StateAnswer> | Promise<Result<StateAnswer>>,
    message: string | null = null,
  ): void {
    if (answer instanceof Promise || !answer.ok || !answer.value.was_created) return;
    this.#context.acts.tell(envelope, verb, targetOfRun(before), {
      state: { from: before.state_name, to: answer.value.result.state?.name ?? null },
      ...(message !== null && { message: { to: clip(message) } }),
    });
  }

  resume(
    id: string,
    run_input: JsonObject | null,
    envelope: ActEnvelope,
  ): Result<StateAnswer> | Promise<Result<StateAnswer>> {
    const stored = this.#context.store.runs.readRun(id);
    if (stored === undefined) return refuseRun(id);
    const { state } = stored.run;
    if (state?.type !== "PAUSED") {
      return accept({
        result: {
          state: null,
          status: "ABORT",
          details: { type: "abort_details", reason: "Cannot resume a flow run that is not paused." },
        },
        was_created: false,
      });
    }
    const proposed: StateCreate =
      state.state_details.pause_reschedule === true
        ? {
            type: "SCHEDULED",
            name: "Resuming",
            state_details: { scheduled_time: formatInstant(this.#context.host.now()) },
          }
        : { type: "RUNNING", name: "Running" };
    const { run } = stored;
    const fault = this.#inputs.findFault(run, run_input ?? {});
    if (fault !== undefined)
      return accept({
        result: { state, status: "REJECT", details: { type: "abort_details", reason: fault } },
        was_created: false,
      });
    const answer = this.propose(stored, proposed, false, null, undefined);
    if (!(answer instanceof Promise) && answer.ok && answer.value.result.status === "ACCEPT")
      this.#inputs.answer(run, run_input ?? {});
    this.#tell(envelope, "resume", run, answer);
    return answer;
  }

  /**
   * Proposes a state. A process that speaks for a run must be its live attempt; others are not bound by a fence. Workers
   * that do not claim take runs by proposing PENDING, long after they have read what is due: only here is it known whether
   * pool and queue still have room. Where the deployment's limit has a say, an intent is written and a later turn decides.
   */
  propose(
    stored: StoredRun,
    proposed: StateCreate,
    is_forced: boolean,
    identity: RunIdentity | null,
    learned: SlotKnowledge | undefined,
  ): Result<StateAnswer> | Promise<Result<StateAnswer>> {
    const { run } = stored;
    if (identity !== null && identity.flow_run_id === run.id && !this.#isLiveAttempt(identity))
      return this.#turnAway(
        stored,
        "This attempt of the flow run has ended; its states are not taken any more.",
        learned,
      );
    const isTaken =
      !is_forced &&
      proposed.type === "PENDING" &&
      // Who waits for its next try counts in no queue.
      (this.#context.store.attempts.readActive(run.id)?.queue_id ?? null) === null;
    const full = isTaken ? findFull(this.#context, run) : undefined;
    if (full !== undefined) return this.#turnAway(stored, full, learned);
    const speaker = identity?.flow_run_id === run.id ? identity : null;
    const outcome = this.decide(stored, proposed, is_forced, learned, speaker);
    if (outcome.kind === "decided") return accept(outcome.answer);
    return new Promise((resolve) => {
      const id = this.#limit.ask(stored, outcome, { kind: "state", proposed, is_forced, identity });
      this.#ears.set(id, resolve);
    });
  }

  /** Nothing changes; what the deployment's limit has granted meanwhile goes back, unless the run has it. */
  #turnAway(
    { run, slot_lease_id }: StoredRun,
    reason: string,
    learned: SlotKnowledge | undefined,
  ): Result<StateAnswer> {
    const kept = [slot_lease_id, run.state?.state_details.deployment_concurrency_lease_id];
    if (learned?.status === "granted" && !kept.includes(learned.lease_id))
      this.#limit.release(learned.lease_id);
    return accept({
      result: { state: run.state, status: "ABORT", details: { type: "abort_details", reason } },
      was_created: false,
    });
  }

  /** Who waited for one intent waits for the one that takes its place. */
  keepEar(request_id: string, ear: (answer: Result<StateAnswer>) => void): void {
    this.#ears.set(request_id, ear);
  }

  /** Takes out the ear of who waits for the answer to this intent. */
  takeEar(request_id: string): ((answer: Result<StateAnswer>) => void) | undefined {
    const ear = this.#ears.get(request_id);
    this.#ears.delete(request_id);
    return ear;
  }

  #isLiveAttempt({ flow_run_id, attempt_id, fence }: RunIdentity): boolean {
    const active = this.#context.store.attempts.readActive(flow_run_id);
    return active?.attempt_id === attempt_id && active.fence === fence;
  }

  #hasAgent(flow_run_id: string): boolean {
    return typeof this.#context.store.attempts.readActive(flow_run_id)?.attempt_id === "string";
  }

  /** Runs the state machine and stores what it decides. `speaker`: which attempt of the run proposes it. */
  decide(
    stored: StoredRun,
    proposed: StateCreate,
    is_forced: boolean,
    learned?: SlotKnowledge,
    speaker: RunIdentity | null = null,
  ):
    | { kind: "decided"; answer: StateAnswer; run: FlowRun }
    | { kind: "needs_slot" }
    | { kind: "needs_renewal"; lease_id: string } {
    const context = this.#context;
    const now = context.host.now();
    const { run } = stored;
    const note = this.#limit.noteOf(run);
    const slot = learned ?? this.#limit.slotOf(stored);
    const decision = orchestrate({
      now,
      run,
      proposed,
      is_forced,
      is_attended: run.state_type === "CANCELLING" && this.#hasAgent(run.id),
      is_repeated: this.#hasMade(run, proposed),
      state_id: mintId(context, "state", now),
      slot,
      policy: {
        collision_strategy: note?.collision_strategy ?? "ENQUEUE",
        grace_period_seconds: note?.grace_period_seconds ?? null,
        slot_wait_seconds: SLOT_WAIT_SECONDS,
      },
    });
    if (decision.kind !== "decided") return decision;
    // A slot that was kept for the run stays kept while the run still waits for a worker.
    const isStillKept =
      decision.released_lease_id !== null &&
      decision.released_lease_id === stored.slot_lease_id &&
      (decision.run ?? run).state_type === "SCHEDULED";
    if (decision.released_lease_id !== null && !isStillKept) {
      if (stored.slot_lease_id === decision.released_lease_id) forgetSlot(stored);
      this.#limit.release(decision.released_lease_id);
    }
    for (const key of decision.stale_inputs) context.store.inputs.deleteInput(run.id, key);
    if (decision.run !== null) {
      const lease_id = decision.run.state?.state_details.deployment_concurrency_lease_id ?? null;
      if (lease_id !== null && lease_id === stored.slot_lease_id) {
        // From now on the lease must last until the process renews it itself.
        forgetSlot(stored);
        this.#limit.renew(run, lease_id);
      }
      stored.run = decision.run;
      this.#records.save(stored, run, speaker);
    }
    return {
      kind: "decided",
      answer: { result: decision.answer, was_created: decision.run !== null },
      run: decision.run ?? run,
    };
  }

  /**
   * What a caller repeats because no answer was heard may arrive twice, the second time after what has come of it. Who
   * repeats that it begins a run which is being cancelled is answered by the rules: its process must not go on.
   */
  #hasMade({ id, state_type }: FlowRun, { state_details }: StateCreate): boolean {
    const transition_id = state_details?.transition_id ?? null;
    return (
      transition_id !== null &&
      state_type !== "CANCELLING" &&
      this.#context.store.states.hasTransition(id, transition_id)
    );
  }

  readStates(flow_run_id: string): State[] {
    return this.#context.store.states.listStates(flow_run_id, STATES_LISTED_MAX);
  }

  readState(id: string): State | undefined {
    return this.#context.store.states.readState(id);
  }

  /** Gives a run back to its queue, at the place in line that it had. */
  requeue(stored: StoredRun, message: string): void {
    const { run } = stored;
    const scheduled_time = run.state?.state_details.scheduled_time ?? formatInstant(this.#context.host.now());
    stored.run = {
      ...run,
      infrastructure_pid: null,
      empirical_policy: { ...run.empirical_policy, retry_type: "reschedule" },
    };
    this.decide(
      stored,
      { type: "SCHEDULED", name: "Scheduled", message, state_details: { scheduled_time } },
      true,
    );
  }

  /** A run that retries "in its process" and has none any more must be handed out again. */
  rescheduleRetry(stored: StoredRun): void {
    const { run } = stored;
    const lease_id = run.state?.state_details.deployment_concurrency_lease_id ?? null;
    if (lease_id !== null) this.#limit.release(lease_id);
    stored.run = {
      ...run,
      infrastructure_pid: null,
      empirical_policy: { ...run.empirical_policy, retry_type: "reschedule" },
      state: run.state && {
        ...run.state,
        state_details: { ...run.state.state_details, deployment_concurrency_lease_id: null },
      },
    };
    this.#records.save(stored, run);
    this.#context.wake("run_ready");
  }

  /**
   * Marks a run Late. Where its deployment cancels what finds no slot, the limit is looked at first; looking takes no slot
   * that another run could have.
   */
  markLate(stored: StoredRun): void {
    const { run } = stored;
    const note = this.#limit.noteOf(run);
    const slot = this.#limit.slotOf(stored);
    if (note?.collision_strategy !== "CANCEL_NEW") this.settleLate(stored, { status: "none" });
    else if (slot.status === "unknown") this.#limit.ask(stored, { kind: "needs_look" }, { kind: "late" });
    else this.settleLate(stored, slot.status === "zero" ? slot : { status: "none" });
  }

  /** Goes on with a late run where it still is one. */
  settleLate(stored: StoredRun, slot: SlotKnowledge): void {
    const { run } = stored;
    const now = this.#context.host.now();
    const { due_at } = placeRun(run, now);
    if (run.state_name !== "Scheduled" || due_at === null || due_at + LATE_AFTER_MS > now) return;
    const scheduled_time = run.next_scheduled_start_time;
    const late: StateCreate = { type: "SCHEDULED", name: "Late", state_details: { scheduled_time } };
    this.decide(stored, late, false, slot);
  }

  /**
   * Gives up a run that said nothing for long, unless the worker that submitted it still lives. While the embedded server
   * was away no heartbeat could be heard, so they are missed from its start on.
   */
  giveUpSilent(stored: StoredRun): void {
    const { store, host } = this.#context;
    const { run } = stored;
    const now = host.now();
    const name = run.labels["prefect.worker.name"];
    const worker = typeof name === "string" ? readWorker(this.#context, name) : undefined;
    const silence = this.#records.silenceOf(run.id);
    const hasHeartbeats = store.heartbeats.silenceOf(run.id) !== undefined;
    const isUnheard = hasHeartbeats && host.expiry_floor > 0 && now < host.expiry_floor + silence;
    const until = isUnheard ? host.expiry_floor + silence : worker === undefined ? 0 : onlineUntil(worker);
    if (now < until) {
      this.#records.watchUntil(run.id, until);
      return;
    }
    const minutes = Math.round(silence / 60_000);
    const message = `Nothing was heard of this run for ${minutes < 120 ? `${minutes} minutes` : `${Math.round(minutes / 60)} hours`}, so it was given up.`;
    this.decide(stored, { type: "CRASHED", name: "Crashed", message }, true);
  }

  /** A pause that nobody ended fails its run. */
  failPause(stored: StoredRun): void {
    const verb = stored.run.state?.state_details.pause_reschedule === true ? "suspended" : "paused";
    this.decide(
      stored,
      { type: "FAILED", name: "Failed", message: `The flow was ${verb} and never resumed.` },
      true,
    );
  }

  /** Nobody confirmed the cancellation in time. */
  forceCancelled(stored: StoredRun, message: string): void {
    if (stored.run.state_type !== null && isTerminal(stored.run.state_type)) return;
    this.decide(stored, { type: "CANCELLED", name: "Cancelled", message }, true);
  }

  /** A run that a process of its own may stop is asked to; one that runs within its parent's is at its end. */
  cancelWithParent(id: string): Result<null> {
    const stored = this.#context.store.runs.readRun(id);
    const type = stored?.run.state_type ?? null;
    if (stored === undefined || type === null || isTerminal(type) || type === "CANCELLING")
      return accept(null);
    const wanted = isWithinParent(stored.run) ? "CANCELLED" : "CANCELLING";
    const message = "The parent flow run was cancelled.";
    this.decide(stored, { type: wanted, name: defaultStateName(wanted), message }, false);
    return accept(null);
  }

  /** A run that ran within its parent's process has gone with it. */
  crashWithParent(id: string): Result<null> {
    const stored = this.#context.store.runs.readRun(id);
    const type = stored?.run.state_type ?? null;
    if (stored === undefined || type === null || isTerminal(type) || !isWithinParent(stored.run))
      return accept(null);
    const message = "The process of the parent flow run is gone.";
    this.decide(stored, { type: "CRASHED", name: "Crashed", message }, false);
    return accept(null);
  }

  /** Forgets who waits: the instance's memory is not to be trusted after a failed turn. */
  forget(): void {
    for (const resolve of this.#ears.values()) resolve(refuse("unavailable"));
    this.#ears.clear();
  }
}

/** A subflow that no worker was asked to start. */
function isWithinParent({ parent_task_run_id, deployment_id, work_pool_id }: FlowRun): boolean {
  return parent_task_run_id !== null && deployment_id === null && work_pool_id === null;
}

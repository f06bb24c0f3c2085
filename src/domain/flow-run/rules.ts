/**
 * The rules that a proposed state of a flow run must pass, in order; the first one that objects decides. Source of the
 * order, the effects and the words: wire §4.1 and §9.
 *
 * A run's state carries a deployment's lease id exactly as long as the run holds that slot. Only the server writes it.
 */
import { formatInstant, instantToMs } from "../../contract/instants.ts";
import type { JsonValue } from "../../contract/wire/common.ts";
import type { EmpiricalPolicy, FlowRun } from "../../contract/wire/flow-runs.ts";
import {
  isTerminal,
  type State,
  type StateCreate,
  type StateDetails,
  type StateType,
} from "../../contract/wire/states.ts";
import type { SlotKnowledge, SlotPolicy } from "./decision.ts";

/** A transition as a rule sees it: what earlier rules changed is already in `details` and `empirical_policy`. */
export interface Transition {
  readonly now: number;
  readonly run: FlowRun;
  readonly from: State | null;
  readonly to: StateCreate;
  readonly is_attended: boolean;
  readonly is_repeated: boolean;
  readonly slot: SlotKnowledge;
  readonly policy: SlotPolicy;
  readonly state_id: string;
  readonly details: StateDetails;
  readonly empirical_policy: EmpiricalPolicy;
}

/** What a rule that does not object may change. */
interface Passed {
  kind: "passed";
  details?: Partial<StateDetails>;
  empirical_policy?: Partial<EmpiricalPolicy>;
  /** Keys of run inputs that belong to an earlier attempt and go. */
  stale_inputs?: readonly string[];
}

/** Why a transition does not happen as proposed. */
export type Objection =
  | {
      kind: "rejected";
      reason: string;
      /** The state that is written instead; null: the run keeps the one it has. */
      state: StateCreate | null;
      empirical_policy?: Partial<EmpiricalPolicy>;
    }
  | { kind: "aborted"; reason: string }
  | { kind: "delayed"; delay_seconds: number; reason: string }
  | { kind: "needs_slot" }
  | { kind: "needs_renewal"; lease_id: string };

export interface Rule {
  readonly name: string;
  readonly judge: (transition: Transition) => Passed | Objection;
}

const PASSED: Passed = { kind: "passed" };
const HOLDING: ReadonlySet<StateType> = new Set(["PENDING", "RUNNING", "CANCELLING"]);

function reject(
  reason: string,
  state: StateCreate | null = null,
  empirical_policy?: Partial<EmpiricalPolicy>,
): Objection {
  return { kind: "rejected", reason, state, ...(empirical_policy !== undefined && { empirical_policy }) };
}

function abort(reason: string): Objection {
  return { kind: "aborted", reason };
}

function isPersisted(data: JsonValue | null | undefined): boolean {
  if (data === null || data === undefined) return false;
  return !(typeof data === "object" && !Array.isArray(data) && data["type"] === "unpersisted");
}

/** The lease id goes with the run as long as it holds the slot; a client cannot bring one of its own. */
const keepLeaseId: Rule = {
  name: "keep lease id",
  judge: ({ from, to }) => ({
    kind: "passed",
    details: {
      deployment_concurrency_lease_id: HOLDING.has(to.type)
        ? (from?.state_details.deployment_concurrency_lease_id ?? null)
        : null,
    },
  }),
};

/** The clients' only protection when an answer is lost. */
const preventSameTransition: Rule = {
  name: "same transition",
  judge: ({ from, to, is_repeated }) => {
    const id = to.state_details?.transition_id ?? null;
    return is_repeated || (id !== null && id === from?.state_details.transition_id)
      ? reject("This run has already made this state transition.")
      : PASSED;
  },
};

/** A result that is stored is not replaced by none. */
const preventResultLoss: Rule = {
  name: "no result-data loss",
  judge: ({ from, to }) =>
    from?.type === "COMPLETED" && to.type === "COMPLETED" && isPersisted(from.data) && !isPersisted(to.data)
      ? reject("Run is already COMPLETED.")
      : PASSED,
};

const leaveTerminalState: Rule = {
  name: "leaving a terminal state",
  judge: ({ from, to, run }) => {
    if (from === null || !isTerminal(from.type)) return PASSED;
    if (to.type === "CANCELLING" || to.type === "PAUSED" || to.type === "CRASHED")
      return abort(`Run is already in terminal state ${from.type}.`);
    if (from.type === "COMPLETED" && !isTerminal(to.type) && isPersisted(from.data))
      return reject("Run is already COMPLETED.");
    if (to.type === "SCHEDULED" && run.deployment_id === null)
      return abort("Cannot reschedule a run without an associated deployment.");
    return {
      kind: "passed",
      empirical_policy: {
        resuming: false,
        pause_keys: [],
        retry_type: to.type === "SCHEDULED" ? "reschedule" : null,
      },
    };
  },
};

/** What is said of a process that does not execute its flow: it has ended, or it only wants to begin. */
const NOT_EXECUTING: ReadonlySet<StateType> = new Set(["RUNNING", "COMPLETED", "FAILED", "CRASHED"]);

/** Prefect's worker stops only a process that runs already; one that it started meanwhile learns here that it must not begin. */
const leaveCancelling: Rule = {
  name: "CANCELLING only to CANCELLED",
  judge: ({ from, to, is_attended }) => {
    if (from?.type !== "CANCELLING" || to.type === "CANCELLED") return PASSED;
    const isOver = !is_attended && NOT_EXECUTING.has(to.type);
    const message = "The run was cancelled; its process had ended or not begun.";
    return reject(
      "Cannot transition flows that are cancelling to a state other than Cancelled.",
      isOver ? { type: "CANCELLED", name: "Cancelled", message } : null,
    );
  },
};

/** Where no process exists there is nobody who would turn CANCELLING into CANCELLED. */
const cancelWithoutProcess: Rule = {
  name: "CANCELLING with nothing to kill",
  judge: ({ from, to, run }) => {
    if (to.type !== "CANCELLING") return PASSED;
    const cancelled: StateCreate = {
      type: "CANCELLED",
      name: "Cancelled",
      message: to.message ?? null,
    };
    if (from?.type === "SCHEDULED" && (run.infrastructure_pid === null || from.name === "Resuming"))
      return reject("Scheduled flow run has no infrastructure to terminate.", cancelled);
    if (from?.type === "PAUSED" && from.state_details.pause_reschedule === true)
      return reject("Suspended flow run has no infrastructure to terminate.", cancelled);
    return PASSED;
  },
};

const UNPENDABLE: ReadonlySet<StateType> = new Set(["PENDING", "RUNNING", "CANCELLING", "CANCELLED"]);

/** The lock against two workers that submit the same run: exactly one of them gets it from SCHEDULED to PENDING. */
const guardPending: Rule = {
  name: "PENDING guard",
  judge: ({ from, to }) => {
    if (to.type !== "PENDING" || from === null || !UNPENDABLE.has(from.type)) return PASSED;
    const name = to.name ?? "Pending";
    if (from.type === "PENDING" && name !== "Pending" && name !== from.name)
      return {
        kind: "passed",
        details: { scheduled_time: from.state_details.scheduled_time ?? null },
      };
    return abort(`This run is in a ${from.type} state and cannot transition to a PENDING state.`);
  },
};

/** Between PENDING and RUNNING nobody but the server keeps the lease alive. */
const keepSlotWhenRunning: Rule = {
  name: "PENDING to RUNNING with a lease",
  judge: (transition) => {
    const { from, to, details, slot } = transition;
    const held = details.deployment_concurrency_lease_id ?? null;
    if (from?.type !== "PENDING" || to.type !== "RUNNING" || held === null) return PASSED;
    return secureSlot(slot, held, () => {
      const message = "Deployment concurrency slot lost during provisioning - no slot is free any more.";
      return reject(message, { type: "CANCELLED", name: "Cancelled", message });
    });
  },
};

const takeDeploymentSlot: Rule = {
  name: "deployment concurrency",
  judge: ({ now, run, from, to, details, slot, policy, empirical_policy }) => {
    if (to.type !== "PENDING" || run.deployment_id === null) return PASSED;
    if (from !== null && HOLDING.has(from.type)) return PASSED;
    // A run that was to retry in its process still holds its slot.
    const held = details.deployment_concurrency_lease_id ?? null;
    return secureSlot(slot, held, () => {
      if (slot.status === "zero") return abort("The deployment's concurrency limit is 0.");
      const reason = "Deployment concurrency limit reached.";
      if (policy.collision_strategy === "CANCEL_NEW")
        return reject(reason, { type: "CANCELLED", name: "Cancelled", message: reason });
      return reject(
        reason,
        {
          type: "SCHEDULED",
          name: "AwaitingConcurrencySlot",
          state_details: { scheduled_time: formatInstant(now + policy.slot_wait_seconds * 1000) },
        },
        // No process waits for it any more, so workers must see it again.
        empirical_policy.retry_type === "in_process" ? { retry_type: "reschedule" } : undefined,
      );
    });
  },
};

function secureSlot(
  slot: SlotKnowledge,
  held: string | null,
  objectWithoutSlot: () => Objection,
): Passed | Objection {
  switch (slot.status) {
    case "none":
      return PASSED;
    case "unknown":
      return held === null ? { kind: "needs_slot" } : { kind: "needs_renewal", lease_id: held };
    case "lost":
      return { kind: "needs_slot" };
    case "granted":
    case "renewed":
      return { kind: "passed", details: { deployment_concurrency_lease_id: slot.lease_id } };
    case "zero":
    case "full":
      return objectWithoutSlot();
  }
}

const markLateOnce: Rule = {
  name: "Late",
  judge: ({ from, to, slot, policy }) => {
    if (to.type !== "SCHEDULED" || to.name !== "Late") return PASSED;
    if (from?.type !== "SCHEDULED") return reject("Only scheduled flow runs can be marked late.");
    if (from.name === "Late") return reject("This run is already marked late.");
    const isFull = slot.status === "full" || slot.status === "zero";
    if (isFull && policy.collision_strategy === "CANCEL_NEW")
      return reject("Deployment concurrency limit is full and uses the CANCEL_NEW strategy.", {
        type: "CANCELLED",
        name: "Cancelled",
        message: "Deployment concurrency limit reached.",
      });
    return PASSED;
  },
};

const enterPause: Rule = {
  name: "to PAUSED",
  judge: ({ from, to, run, state_id, empirical_policy }) => {
    if (to.type !== "PAUSED") return PASSED;
    const isSuspending = to.state_details?.pause_reschedule === true;
    const verb = isSuspending ? "suspend" : "pause";
    if (from === null) return abort(`Cannot ${verb} flows with no state.`);
    if (from.type !== "RUNNING") return reject(`Cannot ${verb} flows that are not currently running.`);
    const keys = empirical_policy.pause_keys ?? [];
    const key = to.state_details?.pause_key ?? state_id;
    if (keys.includes(key)) return reject(`This ${verb} has already fired.`);
    if (isSuspending && run.parent_task_run_id !== null) return abort("Cannot suspend subflows.");
    if (isSuspending && run.deployment_id === null)
      return abort("Cannot suspend flows without a deployment.");
    return {
      kind: "passed",
      empirical_policy: { pause_keys: [...keys, key] },
      // This attempt has not asked yet, so an answer that is there was given to an earlier one (source: Prefect 3.9.1).
      stale_inputs: Object.values(to.state_details?.run_input_keyset ?? {}),
    };
  },
};

/**
 * A pause is resumed in its process; where the run begins anew instead, its pauses ask again (source: Prefect 3.9.1). A
 * suspended run begins anew each time, and passes by what it has asked already.
 */
function goOnAfterPause(isSuspended: boolean, to: StateType): Partial<EmpiricalPolicy> {
  return isSuspended || to !== "SCHEDULED"
    ? { resuming: true }
    : { resuming: false, pause_keys: [], retry_type: "reschedule" };
}

const leavePause: Rule = {
  name: "leaving PAUSED",
  judge: ({ now, from, to, run }) => {
    if (from?.type !== "PAUSED") return PASSED;
    if (to.type === "CANCELLING") return PASSED;
    const canResume = to.type === "RUNNING" || to.type === "SCHEDULED";
    if (!canResume && !isTerminal(to.type))
      return reject(`This run cannot transition to the ${to.type} state from the PAUSED state.`);
    const isSuspended = from.state_details.pause_reschedule === true;
    const [verb, past] = isSuspended ? ["suspend", "suspended"] : ["pause", "paused"];
    if (isSuspended && run.deployment_id === null)
      return reject(`Cannot reschedule a ${past} flow run without a deployment.`);
    const timeout = from.state_details.pause_timeout ?? null;
    if (timeout !== null && instantToMs(timeout) < now) {
      return reject(`The flow run ${verb} has timed out and can no longer resume.`, {
        type: "FAILED",
        name: "Failed",
        message: `The flow was ${past} and never resumed.`,
      });
    }
    return canResume ? { kind: "passed", empirical_policy: goOnAfterPause(isSuspended, to.type) } : PASSED;
  },
};

const copyScheduledTime: Rule = {
  name: "SCHEDULED to PENDING",
  judge: ({ now, run, from, to }) => {
    if (from?.type !== "SCHEDULED" || to.type !== "PENDING") return PASSED;
    const scheduled = from.state_details.scheduled_time ?? null;
    // A run that waited for a slot was to look again later; it has the slot now, and nothing else to wait for.
    const due_at = Math.max(now, instantToMs(run.expected_start_time ?? formatInstant(now)));
    const hasWaited = from.name === "AwaitingConcurrencySlot" && scheduled !== null;
    const scheduled_time = hasWaited && instantToMs(scheduled) > due_at ? formatInstant(due_at) : scheduled;
    return { kind: "passed", details: { scheduled_time } };
  },
};

const waitForScheduledTime: Rule = {
  name: "to RUNNING early",
  judge: ({ now, from, to }) => {
    if (to.type !== "RUNNING" || (from?.type !== "SCHEDULED" && from?.type !== "PENDING")) return PASSED;
    const scheduled = from.state_details.scheduled_time ?? null;
    if (scheduled === null) return PASSED;
    // The wire has whole seconds, and Prefect's server gives the nearest: rounded down, a retry after one second has no delay.
    const delay_seconds = Math.round((instantToMs(scheduled) - now) / 1000);
    return delay_seconds > 0
      ? { kind: "delayed", delay_seconds, reason: "Scheduled time is in the future" }
      : PASSED;
  },
};

const retryFailedRun: Rule = {
  name: "RUNNING to FAILED with retries left",
  judge: ({ now, run, from, to }) => {
    if (from?.type !== "RUNNING" || to.type !== "FAILED") return PASSED;
    const { retries, max_retries, retry_delay, retry_delay_seconds } = run.empirical_policy;
    if (run.run_count > (retries ?? max_retries))
      return { kind: "passed", empirical_policy: { retry_type: null } };
    const delayMs = Math.max(0, (retry_delay ?? retry_delay_seconds) * 1000);
    return reject(
      "Retrying",
      {
        type: "SCHEDULED",
        name: "AwaitingRetry",
        message: to.message ?? null,
        data: to.data ?? null,
        state_details: {
          scheduled_time: formatInstant(now + delayMs),
          // The process goes on and keeps its slot.
          deployment_concurrency_lease_id: from.state_details.deployment_concurrency_lease_id ?? null,
        },
      },
      { retry_type: "in_process", pause_keys: [] },
    );
  },
};

/** Only who has failed in its process waits there for its next try; whatever else brings a run back is for workers. */
const handOutAgain: Rule = {
  name: "back to SCHEDULED",
  judge: ({ from, to, empirical_policy }) =>
    to.type === "SCHEDULED" && from?.type !== "SCHEDULED" && empirical_policy.retry_type === "in_process"
      ? { kind: "passed", empirical_policy: { retry_type: "reschedule" } }
      : PASSED,
};

/** All rules, in the order in which they are asked. */
export const RULES: readonly Rule[] = [
  keepLeaseId,
  preventSameTransition,
  leaveTerminalState,
  preventResultLoss,
  leaveCancelling,
  cancelWithoutProcess,
  guardPending,
  keepSlotWhenRunning,
  takeDeploymentSlot,
  markLateOnce,
  enterPause,
  leavePause,
  copyScheduledTime,
  waitForScheduledTime,
  retryFailedRun,
  handOutAgain,
];

/** What even a forced transition obeys. Telling the world and giving back the slot follow from every write. */
export const FORCED_RULES: readonly Rule[] = [
  keepLeaseId,
  preventResultLoss,
  cancelWithoutProcess,
  handOutAgain,
];

/** The state machine of a flow run: what becomes of a proposed state. */
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import type { OrchestrationResult, State, StateCreate } from "../../contract/wire/states.ts";
import type { Decision, OrchestrateInput } from "./decision.ts";
import { FORCED_RULES, RULES, type Objection, type Transition } from "./rules.ts";
import { writeState } from "./write-state.ts";

export type { Decision, OrchestrateInput, SlotKnowledge, SlotPolicy } from "./decision.ts";

/**
 * Decides what becomes of a proposed state. Where it depends on the deployment's limit and `slot` does not say enough,
 * the answer is what to ask the limit for; the caller then reads the run again and decides anew with what it learned.
 * A slot that was granted in vain comes back as `released_lease_id`.
 */
export function orchestrate(input: OrchestrateInput): Decision {
  const { now, run, proposed, is_attended, is_repeated, state_id, slot, policy } = input;
  let transition: Transition = {
    now,
    run,
    from: run.state,
    to: proposed,
    is_attended,
    is_repeated,
    slot,
    policy,
    state_id,
    details: proposed.state_details ?? {},
    empirical_policy: run.empirical_policy,
  };
  const stale_inputs: string[] = [];
  for (const rule of input.is_forced ? FORCED_RULES : RULES) {
    const verdict = rule.judge(transition);
    if (verdict.kind !== "passed") return decideObjection(input, verdict);
    transition = {
      ...transition,
      details: { ...transition.details, ...verdict.details },
      empirical_policy: { ...transition.empirical_policy, ...verdict.empirical_policy },
    };
    stale_inputs.push(...(verdict.stale_inputs ?? []));
  }
  const { details, empirical_policy } = transition;
  const written = writeState({ now, run, state_id, proposed, details, empirical_policy });
  return decide(input, written, { status: "ACCEPT", details: { type: "accept_details" } }, stale_inputs);
}

function decideObjection(input: OrchestrateInput, objection: Objection): Decision {
  switch (objection.kind) {
    case "needs_slot":
    case "needs_renewal":
      return objection;
    case "rejected": {
      const { reason, state, empirical_policy = {} } = objection;
      const written = state === null ? null : writeInstead(input, state, empirical_policy);
      return decide(input, written, { status: "REJECT", details: { type: "reject_details", reason } });
    }
    case "aborted":
      return decide(input, null, {
        status: "ABORT",
        details: { type: "abort_details", reason: objection.reason },
      });
    case "delayed": {
      const { delay_seconds, reason } = objection;
      return decide(input, null, {
        status: "WAIT",
        details: { type: "wait_details", delay_seconds, reason },
      });
    }
  }
}

function writeInstead(
  { now, run, state_id, proposed }: OrchestrateInput,
  instead: StateCreate,
  empirical_policy: Partial<FlowRun["empirical_policy"]>,
): FlowRun {
  // A proposal that is sent again because its answer was lost finds its own id and changes nothing more.
  const details = { transition_id: proposed.state_details?.transition_id ?? null };
  return writeState({ now, run, state_id, proposed: instead, details, empirical_policy });
}

function decide(
  { run: before, slot }: OrchestrateInput,
  run: FlowRun | null,
  answer: Omit<OrchestrationResult, "state">,
  stale_inputs: readonly string[] = [],
): Decision {
  const state = (run ?? before).state;
  return {
    kind: "decided",
    answer: { state, ...answer },
    run,
    released_lease_id: findReleasedLease(
      before.state,
      state,
      slot.status === "granted" ? slot.lease_id : null,
    ),
    stale_inputs,
  };
}

/** Who no longer needs its lease: a grant that nothing took up, or what the run held and its new state does not. */
function findReleasedLease(before: State | null, after: State | null, granted: string | null): string | null {
  const kept = after?.state_details.deployment_concurrency_lease_id ?? null;
  if (granted !== null && granted !== kept) return granted;
  const held = before?.state_details.deployment_concurrency_lease_id ?? null;
  return held !== null && held !== kept ? held : null;
}

/** Runs and states for the tests of the state machine. */
import { EmpiricalPolicy, type FlowRun } from "../../../src/contract/wire/flow-runs.ts";
import type { State, StateCreate, StateDetails } from "../../../src/contract/wire/states.ts";
import {
  orchestrate,
  type Decision,
  type OrchestrateInput,
} from "../../../src/domain/flow-run/orchestrate.ts";
import { startRun } from "../../../src/domain/flow-run/start-run.ts";
import { placeDraft } from "../../support/run-draft.ts";

export const NOW = Date.parse("2026-11-22T04:08:34.000Z");
export const RUN_ID = "8c21e7ae-9e99-4a1f-905d-e370dddf3a7b";
export const DEPLOYMENT_ID = "8fa238c1-5869-4e2c-a30f-5902b1285ef2";
export const LEASE = "00000000-0000-4000-8000-00000000000a";
export const OTHER_LEASE = "00000000-0000-4000-8000-00000000000b";
export const TRANSITION = "00000000-0000-4000-8000-0000000000aa";

export interface RunSketch {
  /** The state that the run is in; null: it has none. */
  state?: (StateCreate & { state_details?: StateDetails }) | null;
  policy?: Partial<EmpiricalPolicy>;
  more?: Partial<FlowRun>;
}

let states = 0;
export function nextStateId(): string {
  states += 1;
  return `00000000-0000-4000-9000-${String(states).padStart(12, "0")}`;
}

/** Makes a run that has been in `state` for ten seconds. */
export function makeRun({ state, policy, more }: RunSketch = {}): FlowRun {
  const run = startRun({
    now: NOW - 10_000,
    draft: placeDraft({
      id: RUN_ID,
      flow_id: "43dbb5a8-250b-426c-89a8-156bb098caef",
      deployment_id: DEPLOYMENT_ID,
      empirical_policy: EmpiricalPolicy.parse(policy ?? {}),
    }),
    initial: state ?? { type: "SCHEDULED" },
    state_id: nextStateId(),
  });
  if (state === null)
    return { ...run, state: null, state_id: null, state_type: null, state_name: null, ...more };
  // The lease of the state is part of the sketch although no new run may bring one.
  const lease = state?.state_details?.deployment_concurrency_lease_id ?? null;
  const withLease: State = {
    ...run.state!,
    state_details: { ...run.state!.state_details, deployment_concurrency_lease_id: lease },
  };
  return { ...run, state: withLease, ...more };
}

/** Proposes a state to a run, as a client that sends nothing else does. */
export function propose(
  run: FlowRun,
  proposed: StateCreate,
  more: Partial<Omit<OrchestrateInput, "run" | "proposed">> = {},
): Decision {
  return orchestrate({
    now: NOW,
    run,
    proposed,
    is_forced: false,
    is_attended: false,
    is_repeated: false,
    state_id: nextStateId(),
    slot: { status: "none" },
    policy: { collision_strategy: "ENQUEUE", grace_period_seconds: null, slot_wait_seconds: 30 },
    ...more,
  });
}

/** Narrows a decision that needs nothing more from the limit. */
export function decided(decision: Decision): Extract<Decision, { kind: "decided" }> {
  if (decision.kind !== "decided") throw new Error(`Not decided: ${decision.kind}`);
  return decision;
}

/** What goes into the state machine of a flow run and what comes out of it. */
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import type { OrchestrationResult, StateCreate } from "../../contract/wire/states.ts";

/** What the caller knows about the slot of the deployment's limit. */
export type SlotKnowledge =
  /** The deployment has no limit, or the run no deployment. */
  | { status: "none" }
  /** There is a limit and nobody has asked it yet. */
  | { status: "unknown" }
  /** The limit is 0. */
  | { status: "zero" }
  | { status: "granted"; lease_id: string }
  | { status: "full" }
  | { status: "renewed"; lease_id: string }
  /** The lease that the run held has ended. */
  | { status: "lost" };

export interface SlotPolicy {
  collision_strategy: "ENQUEUE" | "CANCEL_NEW";
  /** How long a slot is kept for a run on its way to RUNNING; null: as long as any lease. */
  grace_period_seconds: number | null;
  /** When a run that found no slot is looked at again. */
  slot_wait_seconds: number;
}

export interface OrchestrateInput {
  /** Milliseconds since the epoch. */
  now: number;
  run: FlowRun;
  proposed: StateCreate;
  is_forced: boolean;
  /** Where the run is CANCELLING: an agent of ours has its process and will tell of its end. */
  is_attended: boolean;
  /** The run has made this very transition before, and may have gone on since. */
  is_repeated: boolean;
  /** The id of the state that is written, if one is. */
  state_id: string;
  slot: SlotKnowledge;
  policy: SlotPolicy;
}

export type Decision =
  /** Ask the deployment's limit for a slot, then decide again in a new turn. */
  | { kind: "needs_slot" }
  /** Renew the lease that the run holds, then decide again in a new turn. */
  | { kind: "needs_renewal"; lease_id: string }
  | {
      kind: "decided";
      answer: OrchestrationResult;
      /** The run as it is to be stored; null: nothing is written. */
      run: FlowRun | null;
      /** A lease that nothing holds any more after this decision. */
      released_lease_id: string | null;
      /** Keys of the run's inputs that go with this decision. */
      stale_inputs: readonly string[];
    };

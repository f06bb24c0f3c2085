/** How a flow run begins (source: wire §4.10). */
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import type { StateCreate } from "../../contract/wire/states.ts";
import { formatInstant } from "../../contract/instants.ts";
import { writeState } from "./write-state.ts";

/** The fields of a run that follow from its states; {@link startRun} makes them. */
export type StateFields =
  | "created"
  | "updated"
  | "state"
  | "state_id"
  | "state_type"
  | "state_name"
  | "run_count"
  | "expected_start_time"
  | "next_scheduled_start_time"
  | "start_time"
  | "end_time"
  | "total_run_time"
  | "estimated_run_time"
  | "estimated_start_time_delta";

export interface StartRunInput {
  /** Milliseconds since the epoch. */
  now: number;
  /** The run without what follows from its states. */
  draft: Omit<FlowRun, StateFields>;
  /** The state that the creator asked for. */
  initial: StateCreate;
  state_id: string;
}

/** The state of a new run whose creator named none: due now where a worker is to run it, else about to run. */
export function defaultFirstState(hasDeployment: boolean): StateCreate {
  return hasDeployment ? { type: "SCHEDULED", name: "Scheduled" } : { type: "PENDING", name: "Pending" };
}

/** Makes a new run with its first state, which no rule objects to. */
export function startRun({ now, draft, initial, state_id }: StartRunInput): FlowRun {
  const created = formatInstant(now);
  const run: FlowRun = {
    ...draft,
    created,
    updated: created,
    state: null,
    state_id: null,
    state_type: null,
    state_name: null,
    run_count: 0,
    expected_start_time: null,
    next_scheduled_start_time: null,
    start_time: null,
    end_time: null,
    total_run_time: 0,
    estimated_run_time: 0,
    estimated_start_time_delta: 0,
  };
  return writeState({
    now,
    run,
    state_id,
    proposed: initial,
    // A new run holds no slot, whatever its creator says.
    details: { deployment_concurrency_lease_id: null },
  });
}

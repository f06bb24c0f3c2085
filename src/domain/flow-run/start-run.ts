/** How a flow run begins (source: wire §4.10). */
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import { NO_PROGRESS, type RunProgress } from "../../contract/wire/run-progress.ts";
import type { StateCreate } from "../../contract/wire/states.ts";
import { formatInstant } from "../../contract/instants.ts";
import { writeState } from "./write-state.ts";

export interface StartRunInput {
  /** Milliseconds since the epoch. */
  now: number;
  /** The run without what {@link startRun} makes of it. */
  draft: Omit<FlowRun, "created" | "updated" | keyof RunProgress>;
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
    ...NO_PROGRESS,
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

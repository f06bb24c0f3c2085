/** Finished runs on their way between their pool and their day's journal, and how they are asked for there. */
import type { RunFilter } from "../../contract/wire/filters.ts";
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import type { RunLease } from "../../contract/wire/limits.ts";
import type { RunInput } from "../../contract/wire/run-inputs.ts";
import type { State } from "../../contract/wire/states.ts";
import type { KnownQueue } from "./run-filter.ts";

export interface KeptRun {
  run: FlowRun;
  priority: number;
  /** The fence of its last attempt: the next one's is higher, wherever the run has been. */
  fence: number;
  states: State[];
  /** Absent from pools of the release before. */
  inputs?: RunInput[];
  /** The slots that it has held. Absent from pools and journals of the release before. */
  leases?: RunLease[];
  /** Milliseconds since the epoch at which it left the pool; a later one replaces an earlier one. */
  moved_at: number;
}

/** Which of the kept runs are meant. */
export interface KeptFilter {
  filter: RunFilter;
  /** What the names of queues mean now. */
  queues: KnownQueue[];
  /** Runs of which only their pool knows what became: what is kept of them is on its way. Absent from the release before. */
  except?: string[];
}

/** A finished run on its way between its pool and its day's journal. */
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import type { State } from "../../contract/wire/states.ts";

export interface KeptRun {
  run: FlowRun;
  priority: number;
  /** The fence of its last attempt: the next one's is higher, wherever the run has been. */
  fence: number;
  states: State[];
  /** Milliseconds since the epoch at which it left the pool; a later one replaces an earlier one. */
  moved_at: number;
}

/** The fields of a run that depend on the moment in which it is read. */
import { formatInstant, instantToMs } from "../../contract/instants.ts";
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import { isTerminal } from "../../contract/wire/states.ts";
import { secondsRunning } from "./write-state.ts";

/** What the estimates of a run, of a flow or of a task, are made from. */
type Estimated = Pick<
  FlowRun,
  "state" | "state_type" | "total_run_time" | "expected_start_time" | "start_time"
>;

/** Fills in the run time and the lateness of a run as they are at `now` (milliseconds since the epoch). */
export function withEstimates<Run extends Estimated>(run: Run, now: number): Run {
  return {
    ...run,
    estimated_run_time: run.total_run_time + secondsRunning(run.state, formatInstant(now)),
    estimated_start_time_delta: secondsLate(run, now),
  };
}

function secondsLate(run: Estimated, now: number): number {
  if (run.expected_start_time === null) return 0;
  const expected = instantToMs(run.expected_start_time);
  if (run.start_time !== null) return Math.max(0, (instantToMs(run.start_time) - expected) / 1000);
  const hasEnded = run.state_type !== null && isTerminal(run.state_type);
  return hasEnded ? 0 : Math.max(0, (now - expected) / 1000);
}

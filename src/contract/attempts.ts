/** What agent, process and server must say alike about an attempt; free of imports, for processes that start often. */

/** The first state of an attempt's process: with the attempt's id it is one transition, whoever says it and how often. */
export function runningStateOf(attempt_id: string) {
  return { type: "RUNNING" as const, name: "Running", state_details: { transition_id: attempt_id } };
}

/** A process that no agent of ours has started is one attempt, which has the run's own id. */
export function foreignAttemptOf(flow_run_id: string) {
  return { flow_run_id, attempt_id: flow_run_id, fence: 0 };
}

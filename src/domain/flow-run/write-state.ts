/** What is always done when a flow run gets a state, whoever proposed it (source: wire §4.1). */
import { formatInstant, instantToMs, type Instant } from "../../contract/instants.ts";
import type { EmpiricalPolicy, FlowRun } from "../../contract/wire/flow-runs.ts";
import {
  defaultStateName,
  isTerminal,
  type State,
  type StateCreate,
  type StateDetails,
} from "../../contract/wire/states.ts";

export interface StateWrite {
  /** Milliseconds since the epoch. */
  now: number;
  run: FlowRun;
  state_id: string;
  proposed: StateCreate;
  /** Details that the rules decided; they win over the proposed ones. */
  details?: Partial<StateDetails>;
  /** What the rules change in the run's policy. */
  empirical_policy?: Partial<EmpiricalPolicy>;
}

/** Gives a run its next state and returns the run as it is to be stored. */
export function writeState({ now, run, state_id, proposed, details, empirical_policy }: StateWrite): FlowRun {
  const before = run.state;
  const timestamp = laterThan(before?.timestamp, formatInstant(now));
  const { type } = proposed;
  const state: State = {
    id: state_id,
    type,
    name: proposed.name ?? defaultStateName(type),
    timestamp,
    message: proposed.message ?? null,
    data: proposed.data ?? null,
    state_details: {
      ...proposed.state_details,
      ...details,
      flow_run_id: run.id,
    },
  };
  if (type === "SCHEDULED") state.state_details.scheduled_time ??= timestamp;
  const policy: EmpiricalPolicy = { ...run.empirical_policy, ...empirical_policy };
  const isRunning = type === "RUNNING";
  const isResuming = isRunning && policy.resuming === true;
  if (isRunning) policy.resuming = false;
  const scheduledTime = type === "SCHEDULED" ? (state.state_details.scheduled_time ?? timestamp) : null;
  return {
    ...run,
    updated: timestamp,
    state,
    state_id,
    state_type: type,
    state_name: state.name,
    empirical_policy: policy,
    run_count: run.run_count + (isRunning && !isResuming ? 1 : 0),
    start_time: run.start_time ?? (isRunning ? timestamp : null),
    end_time: isTerminal(type)
      ? before !== null && isTerminal(before.type) && run.end_time !== null
        ? run.end_time
        : timestamp
      : null,
    total_run_time: run.total_run_time + secondsRunning(before, timestamp),
    expected_start_time: run.expected_start_time ?? scheduledTime ?? timestamp,
    next_scheduled_start_time: scheduledTime,
  };
}

/** The seconds that `state` was RUNNING until `until`; 0 for any other state. */
export function secondsRunning(state: State | null, until: Instant): number {
  if (state?.type !== "RUNNING") return 0;
  return Math.max(0, (instantToMs(until) - instantToMs(state.timestamp)) / 1000);
}

/** The timestamps of a run rise strictly: a clock that stands still, or goes back, is passed by one microsecond. */
function laterThan(previous: Instant | undefined, wanted: Instant): Instant {
  if (previous === undefined || wanted > previous) return wanted;
  const micros = Number(previous.slice(20, 26));
  if (micros < 999_999) return `${previous.slice(0, 20)}${String(micros + 1).padStart(6, "0")}Z`;
  return formatInstant(Math.round(instantToMs(`${previous.slice(0, 20)}000000Z`)) + 1000);
}

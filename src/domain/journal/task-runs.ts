/**
 * Task runs out of reports of their states. Reports come out of order and twice, so the history is ordered by the
 * states' own times, each state once, and what is shown is what the latest one says: nothing ever goes back.
 */
import { formatInstant, instantToMs, type Instant } from "../../contract/instants.ts";
import { NO_PROGRESS } from "../../contract/wire/run-progress.ts";
import { defaultStateName, isTerminal, type State, type StateCreate } from "../../contract/wire/states.ts";
import type { TaskRun, TaskRunChange, TaskRunCreate } from "../../contract/wire/task-runs.ts";

export interface StoredTaskRun {
  run: TaskRun;
  /** The history, oldest first. */
  states: State[];
}

/** States that are kept of one task run: the first ones and the latest. */
const STATES_MAX = 100;
/** A row holds 2 MiB; the data of earlier states goes before that. */
const STATES_CHARACTERS_MAX = 400_000;

/** A task run that nobody has reported yet. */
export function createTaskRun(
  of: Pick<TaskRunCreate, "task_key" | "dynamic_key"> & Partial<TaskRunCreate>,
  id: string,
  now: number,
): StoredTaskRun {
  const created = formatInstant(now);
  return {
    states: [],
    run: {
      id,
      created,
      updated: created,
      name: of.name ?? of.task_key,
      flow_run_id: of.flow_run_id ?? null,
      task_key: of.task_key,
      dynamic_key: of.dynamic_key,
      cache_key: of.cache_key ?? null,
      cache_expiration: of.cache_expiration ?? null,
      task_version: of.task_version ?? null,
      empirical_policy: of.empirical_policy ?? {},
      tags: of.tags ?? [],
      labels: of.labels ?? {},
      task_inputs: of.task_inputs ?? {},
      ...NO_PROGRESS,
      flow_run_run_count: 0,
    },
  };
}

/** A proposed state as it is stored. */
export function toTaskState(proposed: StateCreate, id: string, timestamp: Instant): State {
  const { type } = proposed;
  return {
    id,
    type,
    name: proposed.name ?? defaultStateName(type),
    timestamp,
    message: proposed.message ?? null,
    data: proposed.data ?? null,
    state_details: { ...proposed.state_details },
  };
}

/** Takes a report in; undefined when it is known already. */
export function recordChange(
  stored: StoredTaskRun,
  { state, snapshot }: Pick<TaskRunChange, "state" | "snapshot">,
  now: number,
): StoredTaskRun | undefined {
  if (stored.states.some(({ id }) => id === state.id)) return undefined;
  const details = { ...state.state_details, task_run_id: stored.run.id, flow_run_id: stored.run.flow_run_id };
  const reported = { ...state, state_details: details };
  const states = boundStates([...stored.states, reported].sort(compareStates));
  const latest = states.at(-1);
  if (latest === undefined) return undefined;
  const isLatest = latest.id === state.id;
  const described =
    isLatest && snapshot !== undefined ? { ...stored.run, ...pickGiven(snapshot) } : stored.run;
  const run: TaskRun = {
    ...described,
    // An early state that comes late cannot be told from the record any more; the history can.
    ...(snapshot === undefined && deriveTimes(states)),
    id: stored.run.id,
    updated: formatInstant(now),
    state: latest,
    state_id: latest.id,
    state_type: latest.type,
    state_name: latest.name,
  };
  return { run, states };
}

/** By time; at one instant an end comes last. */
function compareStates(left: State, right: State): number {
  if (left.timestamp !== right.timestamp) return left.timestamp < right.timestamp ? -1 : 1;
  return Number(isTerminal(left.type)) - Number(isTerminal(right.type)) || (left.id < right.id ? -1 : 1);
}

function boundStates(states: State[]): State[] {
  const half = STATES_MAX / 2;
  const kept = states.length > STATES_MAX ? [...states.slice(0, half), ...states.slice(-half)] : states;
  if (JSON.stringify(kept).length <= STATES_CHARACTERS_MAX) return kept;
  return kept.map((state, index) => (index === kept.length - 1 ? state : { ...state, data: null }));
}

/** The fields that a snapshot gives; one that is left out, or null where a record has none, stays as it was. */
function pickGiven(snapshot: NonNullable<TaskRunChange["snapshot"]>): Partial<TaskRun> {
  const { empirical_policy, tags, labels, task_inputs, ...rest } = snapshot;
  const nullable = Object.entries(rest).filter(([, value]) => value !== undefined);
  const filled = Object.entries({ empirical_policy, tags, labels, task_inputs }).filter(
    ([, value]) => value !== undefined && value !== null,
  );
  return Object.fromEntries([...nullable, ...filled]) as Partial<TaskRun>;
}

/** What the history says, for task runs whose client keeps no record of them. */
function deriveTimes(states: readonly State[]): Partial<TaskRun> {
  const first = states[0];
  const latest = states.at(-1);
  const running = states.filter(({ type }) => type === "RUNNING");
  let seconds = 0;
  for (const [index, { type, timestamp }] of states.entries()) {
    const next = states[index + 1];
    if (type === "RUNNING" && next !== undefined)
      seconds += (instantToMs(next.timestamp) - instantToMs(timestamp)) / 1000;
  }
  const hasEnded = latest !== undefined && isTerminal(latest.type);
  return {
    run_count: running.length,
    start_time: running[0]?.timestamp ?? null,
    end_time: hasEnded ? latest.timestamp : null,
    total_run_time: Math.max(0, seconds),
    expected_start_time: first?.state_details.scheduled_time ?? first?.timestamp ?? null,
    next_scheduled_start_time:
      latest?.type === "SCHEDULED" ? (latest.state_details.scheduled_time ?? latest.timestamp) : null,
  };
}

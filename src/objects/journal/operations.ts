/** What a RunJournal can be asked: the logs, and the finished runs, of one pool that were expected on one UTC day. */
import type { FlowRunSort, TaskRunFilter } from "../../contract/wire/filters.ts";
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import type { Log, LogCreate, LogFilter } from "../../contract/wire/logs.ts";
import type { OrchestrationResult, State, StateCreate } from "../../contract/wire/states.ts";
import type { TaskRun, TaskRunChange, TaskRunCreate, TaskRunSort } from "../../contract/wire/task-runs.ts";
import type { RunKey } from "../../domain/flow-run/sort-runs.ts";
import type { Intervals, RunSummary } from "../../contract/wire/run-summaries.ts";
import type { LogSort } from "../../domain/journal/read-logs.ts";

import type { ArtifactOperations } from "./artifact-operations.ts";
import type { KeptFilter, KeptRun } from "../shared/kept-run.ts";

export type { LogSort } from "../../domain/journal/read-logs.ts";

/** Which task runs of a journal are meant. */
export interface TaskRunQuestion {
  filter: TaskRunFilter | null;
  /** Only those of these flow runs. */
  flow_run_ids?: string[];
}

export type JournalOperations = ArtifactOperations & {
  /** Idempotent per (attempt, sequence) where the writer numbers its chunks. */
  write_logs: { command: { logs: LogCreate[] }; answer: null };
  /** A page may be shorter than `limit` when its logs are very long; an empty one is the end. */
  filter_logs: {
    command: { filter: LogFilter; sort: LogSort; limit: number; offset: number };
    answer: Log[];
  };
  /** Logs after a place in the journal; held until there is one or `wait_seconds` are over. */
  tail_logs: {
    command: { flow_run_id: string; after: number; limit: number; wait_seconds: number };
    answer: { logs: Log[]; next: number };
  };
  /** Where in a run's logs those begin that may be as young as `since`, for {@link JournalOperations.tail_logs}. */
  find_log_place: { command: { flow_run_id: string; since: string }; answer: { place: number } };
  /** A finished run moves here from its pool; idempotent. */
  keep_run: { command: { kept: KeptRun }; answer: null };
  read_kept_run: { command: { id: string }; answer: KeptRun };
  /** One state of any run that is kept here. */
  read_kept_state: { command: { id: string }; answer: State };
  /** The run went back to its pool. */
  drop_run: { command: { id: string; moved_at: number }; answer: null };
  /** Finished runs in their order. */
  list_run_keys: { command: KeptFilter & { sort: FlowRunSort; limit: number }; answer: RunKey[] };
  /** Those of these runs that are here, in no order. */
  read_kept_runs: { command: { ids: string[] }; answer: FlowRun[] };
  count_runs: { command: KeptFilter; answer: number };
  /** States that task runs came to; idempotent by the states' ids, right in any order. */
  record_task_runs: { command: { changes: TaskRunChange[] }; answer: null };
  /** One with this id, or with these keys in this flow run, is answered as it is. */
  create_task_run: {
    command: { task_run: TaskRunCreate & { id: string } };
    answer: { task_run: TaskRun; was_created: boolean };
  };
  /** The flow run was cancelled: so is what it has started and has not ended. */
  cancel_children: { command: { flow_run_id: string }; answer: null };
  /** The process of the flow run is gone: so are the subflows that ran within it. */
  crash_children: { command: { flow_run_id: string }; answer: null };
  read_task_run: { command: { id: string }; answer: TaskRun };
  rename_task_run: { command: { id: string; name: string | null }; answer: null };
  delete_task_run: { command: { id: string }; answer: null };
  set_task_run_state: {
    command: { id: string; state: StateCreate; is_forced: boolean };
    answer: { result: OrchestrationResult; was_created: boolean };
  };
  read_task_run_states: { command: { id: string }; answer: State[] };
  read_task_run_state: { command: { id: string }; answer: State };
  filter_task_runs: { command: TaskRunQuestion & { sort: TaskRunSort; limit: number }; answer: TaskRun[] };
  count_task_runs: { command: TaskRunQuestion; answer: number };
  /** The ids of the flow runs of such task runs, the youngest first. */
  find_runs_of_task_runs: { command: TaskRunQuestion & { limit: number }; answer: string[] };
  /** Counts by the intervals between `bounds`, by state. */
  summarize_task_runs: { command: TaskRunQuestion & { bounds: string[] }; answer: RunSummary[] };
  summarize_runs: { command: KeptFilter & { intervals: Intervals | null }; answer: RunSummary[] };
  delete_run_logs: { command: { flow_run_id: string }; answer: null };
};

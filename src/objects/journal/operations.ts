/** What a RunJournal can be asked: the logs, and the finished runs, of one pool that were expected on one UTC day. */
import type { FlowRunSort, RunFilter } from "../../contract/wire/filters.ts";
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import type { Log, LogCreate } from "../../contract/wire/logs.ts";
import type { LogFilter, LogSort } from "../../domain/journal/read-logs.ts";

import type { KeptRun } from "../shared/kept-run.ts";
import type { KnownQueue } from "../shared/run-filter.ts";

export type { LogFilter, LogSort } from "../../domain/journal/read-logs.ts";

export type JournalOperations = {
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
  /** A finished run moves here from its pool; idempotent. */
  keep_run: { command: { kept: KeptRun }; answer: null };
  read_kept_run: { command: { id: string }; answer: KeptRun };
  /** The run went back to its pool. */
  drop_run: { command: { id: string; moved_at: number }; answer: null };
  /** Finished runs in their order; `queues` says what the names of queues mean now. */
  filter_runs: {
    command: { filter: RunFilter; queues: KnownQueue[]; sort: FlowRunSort; limit: number };
    answer: FlowRun[];
  };
  count_runs: { command: { filter: RunFilter; queues: KnownQueue[] }; answer: number };
  delete_run_logs: { command: { flow_run_id: string }; answer: null };
};

/** What a RunJournal can be asked: the logs of one pool's runs that were expected on one UTC day. */
import type { Log, LogCreate } from "../../contract/wire/logs.ts";

export interface LogFilter {
  flow_run_ids?: string[];
  task_run_ids?: string[];
  is_task_run_null?: boolean;
  level_ge?: number;
  level_le?: number;
  timestamp_before?: string;
  timestamp_after?: string;
  text?: string;
}

export type JournalOperations = {
  /** Idempotent per (attempt, sequence) where the writer numbers its chunks. */
  write_logs: { command: { logs: LogCreate[] }; answer: null };
  filter_logs: {
    command: { filter: LogFilter; sort: "TIMESTAMP_ASC" | "TIMESTAMP_DESC"; limit: number; offset: number };
    answer: Log[];
  };
  /** Logs after a place in the journal; held until there is one or `wait_seconds` are over. */
  tail_logs: {
    command: { flow_run_id: string; after: number; limit: number; wait_seconds: number };
    answer: { logs: Log[]; next: number };
  };
  delete_run_logs: { command: { flow_run_id: string }; answer: null };
};

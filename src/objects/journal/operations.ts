/** What a RunJournal can be asked: the logs of one pool's runs that were expected on one UTC day. */
import type { Log, LogCreate } from "../../contract/wire/logs.ts";
import type { LogFilter, LogSort } from "../../domain/journal/read-logs.ts";

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
  delete_run_logs: { command: { flow_run_id: string }; answer: null };
};

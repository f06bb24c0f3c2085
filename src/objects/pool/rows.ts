/** What the pool's tables hold, as records. What is filtered or sorted is a column, the rest lies in one JSON text. */
import type { JsonObject } from "../../contract/wire/common.ts";
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import type { LostRunPolicy, WorkPool } from "../../contract/wire/work-pools.ts";
import type { DeadlineKind } from "../../domain/pool/place.ts";

export interface PoolRow {
  id: string;
  name: string;
  created: string;
  updated: string;
  description: string | null;
  type: string;
  base_job_template: JsonObject;
  is_paused: boolean;
  concurrency_limit: number | null;
  default_queue_id: string;
  storage_configuration: WorkPool["storage_configuration"];
  lost_run_policy: LostRunPolicy;
  is_internal: boolean;
  /** Milliseconds since the epoch; the runs of a deleted pool stay readable. */
  deleted_at: number | null;
}

export interface QueueRow {
  id: string;
  name: string;
  created: string;
  updated: string;
  description: string;
  is_paused: boolean;
  concurrency_limit: number | null;
  priority: number;
  last_polled: number | null;
}

/** What an agent says about itself and people want to see. */
export interface Advertised {
  labels: Record<string, string>;
  gpus: { id: string; name: string; memory_mib: number }[];
  work_queue_names: string[];
  version: string | null;
  process?: { host: string; pid: number; started_at: string } | undefined;
}

export interface WorkerRow {
  name: string;
  id: string;
  created: string;
  updated: string;
  last_heartbeat_at: number | null;
  heartbeat_interval_seconds: number | null;
  is_gone: boolean;
  session_id: string | null;
  session_deadline: number | null;
  session_seconds: number | null;
  run_limit: number | null;
  advertised: Advertised;
  /** When the socket of one of our agents was seen to close, milliseconds since the epoch; null since it was heard of again. */
  closed_at: number | null;
}

/** A run as it is stored: its wire record and what the pool alone knows of it. */
export interface StoredRun {
  run: FlowRun;
  /** Lower numbers are claimed first: 0, or less of who was moved to the front of its queue. */
  priority: number;
  /** Fence of the newest attempt; rises with each. */
  fence: number;
  /** Out of the ready index because its deployment's limit has no slot for it. */
  is_parked: boolean;
  /** A slot of the deployment's limit that waits for this run to be claimed. */
  slot_lease_id: string | null;
  slot_expires_at: number | null;
  /** Its place in the line of the deployment's limit. */
  slot_request_id: string | null;
}

/** A run that holds slots of the pool: at most one row per run is promise I3. */
export interface ActiveRow {
  run_id: string;
  queue_id: string | null;
  /** Null for a run that a worker other than ours has submitted. */
  attempt_id: string | null;
  session_id: string | null;
  worker_name: string | null;
  fence: number | null;
  is_started: boolean;
  /** Milliseconds since the epoch at which the attempt is given up; null: the session's deadline stands. */
  deadline_at: number | null;
}

/** A row as it comes out of SQLite. */
export type Row = Record<string, string | number | null>;
/** A record whose booleans are 0 or 1, as SQLite keeps them. */
export type Flags<Of, Names extends keyof Of> = {
  [Name in keyof Of]: Name extends Names ? number : Of[Name];
};

/** Kinds of deadlines, each with a line of its own so that the earliest of each is one seek. */
export const DEADLINE_KINDS: readonly DeadlineKind[] = ["due", "late", "pause", "cancelling", "slot", "move"];

import { WATCH_TABLE } from "../shared/watchers.ts";

/** Append-only: an entry that has shipped is never edited. */
export const migrations: readonly string[] = [
  `CREATE TABLE pool (
    one INTEGER PRIMARY KEY, id TEXT NOT NULL, name TEXT NOT NULL, created TEXT NOT NULL, updated TEXT NOT NULL,
    description TEXT, type TEXT NOT NULL, base_job_template TEXT NOT NULL, is_paused INTEGER NOT NULL,
    concurrency_limit INTEGER, default_queue_id TEXT NOT NULL, storage_configuration TEXT NOT NULL,
    lost_run_policy TEXT NOT NULL, is_internal INTEGER NOT NULL, deleted_at INTEGER);
  CREATE TABLE queue (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, created TEXT NOT NULL, updated TEXT NOT NULL, description TEXT NOT NULL,
    is_paused INTEGER NOT NULL, concurrency_limit INTEGER, priority INTEGER NOT NULL, last_polled INTEGER) WITHOUT ROWID;
  CREATE TABLE worker (
    name TEXT PRIMARY KEY, id TEXT NOT NULL, created TEXT NOT NULL, updated TEXT NOT NULL, last_heartbeat_at INTEGER,
    heartbeat_interval_seconds REAL, is_gone INTEGER NOT NULL, session_id TEXT, session_deadline INTEGER,
    session_seconds REAL, run_limit INTEGER, advertised TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE flow_run (
    id TEXT PRIMARY KEY, flow_id TEXT NOT NULL, deployment_id TEXT, queue_id TEXT, name TEXT NOT NULL,
    state_type TEXT, state_name TEXT, expected_start_time TEXT, next_scheduled_start_time TEXT, start_time TEXT,
    end_time TEXT, priority INTEGER NOT NULL, fence INTEGER NOT NULL, is_parked INTEGER NOT NULL, slot_lease_id TEXT,
    slot_expires_at INTEGER, slot_request_id TEXT, ready_at INTEGER, deadline_at INTEGER, record TEXT NOT NULL) WITHOUT ROWID;
  CREATE INDEX flow_run_by_start ON flow_run (expected_start_time, id);
  CREATE TABLE state (
    flow_run_id TEXT NOT NULL, id TEXT NOT NULL, record TEXT NOT NULL, PRIMARY KEY (flow_run_id, id)) WITHOUT ROWID;
  CREATE TABLE idempotency (
    flow_id TEXT NOT NULL, idempotency_key TEXT NOT NULL, run_id TEXT NOT NULL,
    PRIMARY KEY (flow_id, idempotency_key)) WITHOUT ROWID;
  CREATE TABLE ready (
    queue_id TEXT NOT NULL, priority INTEGER NOT NULL, due_at INTEGER NOT NULL, run_id TEXT NOT NULL,
    PRIMARY KEY (queue_id, priority, due_at, run_id)) WITHOUT ROWID;
  CREATE TABLE deadline (
    at INTEGER NOT NULL, run_id TEXT NOT NULL, kind TEXT NOT NULL, PRIMARY KEY (kind, at, run_id)) WITHOUT ROWID;
  CREATE TABLE active (
    run_id TEXT PRIMARY KEY, queue_id TEXT, attempt_id TEXT, session_id TEXT, worker_name TEXT, fence INTEGER,
    is_started INTEGER NOT NULL, deadline_at INTEGER) WITHOUT ROWID;
  CREATE TABLE ended_attempt (
    attempt_id TEXT PRIMARY KEY, run_id TEXT NOT NULL, ended_at INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE note (
    attempt_id TEXT NOT NULL, limit_key TEXT NOT NULL, PRIMARY KEY (attempt_id, limit_key)) WITHOUT ROWID;
  CREATE TABLE deployment (
    deployment_id TEXT PRIMARY KEY, revision INTEGER NOT NULL, concurrency_limit INTEGER,
    collision_strategy TEXT NOT NULL, grace_period_seconds REAL, is_removed INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE scheduled (
    deployment_id TEXT NOT NULL, run_id TEXT NOT NULL, PRIMARY KEY (deployment_id, run_id)) WITHOUT ROWID;
  CREATE TABLE intent (
    id TEXT PRIMARY KEY, run_id TEXT NOT NULL, body TEXT NOT NULL, created_at INTEGER NOT NULL) WITHOUT ROWID`,
  `CREATE TABLE served (deployment_id TEXT PRIMARY KEY, last_polled INTEGER NOT NULL) WITHOUT ROWID`,
  `CREATE TABLE moved (run_id TEXT PRIMARY KEY) WITHOUT ROWID;
  CREATE TABLE moved_day (day TEXT PRIMARY KEY) WITHOUT ROWID`,
  `CREATE TABLE run_input (
    flow_run_id TEXT NOT NULL, key TEXT NOT NULL, id TEXT NOT NULL, created TEXT NOT NULL, value TEXT NOT NULL,
    sender TEXT, PRIMARY KEY (flow_run_id, key)) WITHOUT ROWID`,
  `CREATE TABLE heartbeat (run_id TEXT PRIMARY KEY, first_at INTEGER NOT NULL, interval_ms INTEGER) WITHOUT ROWID`,
  `CREATE TABLE status (id TEXT PRIMARY KEY, status TEXT NOT NULL) WITHOUT ROWID`,
  WATCH_TABLE,
  `ALTER TABLE worker ADD COLUMN closed_at INTEGER`,
  `CREATE TABLE run_lease (
    flow_run_id TEXT NOT NULL, lease_id TEXT NOT NULL, record TEXT NOT NULL,
    PRIMARY KEY (flow_run_id, lease_id)) WITHOUT ROWID`,
];

import { WATCH_TABLE } from "../shared/watchers.ts";

/** Append-only: an entry that has shipped is never edited. */
export const migrations: readonly string[] = [
  `CREATE TABLE chunk (
  flow_run_id TEXT NOT NULL, place INTEGER NOT NULL, log_count INTEGER NOT NULL, characters INTEGER NOT NULL,
  level_min INTEGER NOT NULL, level_max INTEGER NOT NULL, timestamp_min TEXT NOT NULL, timestamp_max TEXT NOT NULL,
  lines TEXT NOT NULL, PRIMARY KEY (flow_run_id, place)) WITHOUT ROWID;
CREATE TABLE attempt (
  flow_run_id TEXT NOT NULL, attempt_id TEXT NOT NULL, ranges TEXT NOT NULL,
  PRIMARY KEY (flow_run_id, attempt_id)) WITHOUT ROWID;
CREATE TABLE retention (id INTEGER PRIMARY KEY CHECK (id = 1), expires_at INTEGER NOT NULL)`,
  `CREATE TABLE flow_run (
  id TEXT PRIMARY KEY, flow_id TEXT NOT NULL, deployment_id TEXT, queue_id TEXT, name TEXT NOT NULL, state_type TEXT,
  state_name TEXT, expected_start_time TEXT, next_scheduled_start_time TEXT, start_time TEXT, end_time TEXT,
  priority INTEGER NOT NULL, fence INTEGER NOT NULL, moved_at INTEGER NOT NULL, states TEXT NOT NULL,
  record TEXT NOT NULL) WITHOUT ROWID`,
  `ALTER TABLE flow_run ADD COLUMN inputs TEXT NOT NULL DEFAULT '[]'`,
  `CREATE TABLE artifact (
  seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, created TEXT NOT NULL, updated TEXT NOT NULL, key TEXT, type TEXT,
  description TEXT, flow_run_id TEXT, task_run_id TEXT, metadata_ TEXT NOT NULL, data TEXT NOT NULL);
CREATE INDEX artifact_by_flow_run ON artifact (flow_run_id)`,
  `CREATE TABLE task_run (
  id TEXT PRIMARY KEY, flow_run_id TEXT NOT NULL, task_key TEXT NOT NULL, dynamic_key TEXT NOT NULL, name TEXT NOT NULL,
  state_type TEXT, state_name TEXT, expected_start_time TEXT, next_scheduled_start_time TEXT, start_time TEXT,
  end_time TEXT, states TEXT NOT NULL, record TEXT NOT NULL) WITHOUT ROWID;
CREATE UNIQUE INDEX task_run_by_key ON task_run (flow_run_id, task_key, dynamic_key)`,
  WATCH_TABLE,
  `ALTER TABLE flow_run ADD COLUMN leases TEXT NOT NULL DEFAULT '[]'`,
];

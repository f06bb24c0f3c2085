import { WATCH_TABLE } from "../shared/watchers.ts";

/** Append-only: an entry that has shipped is never edited. */
export const migrations: readonly string[] = [
  `CREATE TABLE event (
  occurred TEXT NOT NULL, id TEXT NOT NULL, event TEXT NOT NULL, resource_id TEXT NOT NULL, received TEXT NOT NULL,
  record TEXT NOT NULL, PRIMARY KEY (occurred, id)) WITHOUT ROWID;
CREATE TABLE volume (hour TEXT PRIMARY KEY, characters INTEGER NOT NULL) WITHOUT ROWID`,
  `CREATE TABLE interest (one INTEGER PRIMARY KEY, until INTEGER NOT NULL);
CREATE TABLE source (pool_key TEXT PRIMARY KEY) WITHOUT ROWID`,
  `CREATE TABLE scheduled_task (
  seq INTEGER PRIMARY KEY, task_run_id TEXT NOT NULL UNIQUE, task_key TEXT NOT NULL, scheduled_at INTEGER NOT NULL,
  record TEXT NOT NULL)`,
  WATCH_TABLE,
  `CREATE TABLE taken_task (task_run_id TEXT PRIMARY KEY, state_id TEXT NOT NULL, taken_at INTEGER NOT NULL) WITHOUT ROWID`,
];

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
];

/** Append-only: an entry that has shipped is never edited. */
export const migrations: readonly string[] = [
  `CREATE TABLE directory (
    kind TEXT NOT NULL, name TEXT NOT NULL, id TEXT NOT NULL, key TEXT NOT NULL,
    PRIMARY KEY (kind, name)) WITHOUT ROWID;
  CREATE TABLE flow (
    id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, created TEXT NOT NULL, updated TEXT NOT NULL,
    tags TEXT NOT NULL, labels TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE deployment (
    id TEXT PRIMARY KEY, flow_id TEXT NOT NULL, name TEXT NOT NULL, created TEXT NOT NULL, updated TEXT NOT NULL,
    revision INTEGER NOT NULL, paused INTEGER NOT NULL, work_pool_name TEXT, work_queue_name TEXT, work_queue_id TEXT,
    concurrency_limit INTEGER, tags TEXT NOT NULL, is_moving INTEGER NOT NULL, former_pools TEXT NOT NULL,
    details TEXT NOT NULL,
    UNIQUE (flow_id, name)) WITHOUT ROWID;
  CREATE TABLE schedule (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, deployment_id TEXT NOT NULL, created TEXT NOT NULL,
    updated TEXT NOT NULL, schedule TEXT NOT NULL, active INTEGER NOT NULL, max_scheduled_runs INTEGER,
    parameters TEXT NOT NULL, slug TEXT, materialized_until INTEGER NOT NULL, due_at INTEGER);
  CREATE INDEX schedule_by_deployment ON schedule (deployment_id);
  CREATE INDEX schedule_by_due_at ON schedule (due_at) WHERE due_at IS NOT NULL;
  CREATE TABLE variable (
    id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, created TEXT NOT NULL, updated TEXT NOT NULL,
    value TEXT NOT NULL, tags TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE audit (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, actor TEXT NOT NULL, operation TEXT NOT NULL,
    kind TEXT NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL)`,
];

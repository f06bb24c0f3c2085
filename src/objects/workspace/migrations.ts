import { WATCH_TABLE } from "../shared/watchers.ts";

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
  `CREATE TABLE block_type (
    id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, slug TEXT NOT NULL UNIQUE, created TEXT NOT NULL,
    updated TEXT NOT NULL, logo_url TEXT, documentation_url TEXT, description TEXT, code_example TEXT,
    is_protected INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE block_schema (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, checksum TEXT NOT NULL, version TEXT NOT NULL,
    block_type_id TEXT NOT NULL, created TEXT NOT NULL, updated TEXT NOT NULL, capabilities TEXT NOT NULL,
    fields TEXT NOT NULL, UNIQUE (checksum, version));
  CREATE INDEX block_schema_by_type ON block_schema (block_type_id);
  CREATE TABLE block_document (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, block_type_id TEXT NOT NULL, block_type_name TEXT NOT NULL,
    block_schema_id TEXT NOT NULL, is_anonymous INTEGER NOT NULL, created TEXT NOT NULL, updated TEXT NOT NULL,
    data TEXT NOT NULL, sealed TEXT NOT NULL, UNIQUE (block_type_id, name));
  CREATE TABLE block_reference (
    parent_id TEXT NOT NULL, name TEXT NOT NULL, child_id TEXT NOT NULL, PRIMARY KEY (parent_id, name)) WITHOUT ROWID;
  CREATE INDEX block_reference_by_child ON block_reference (child_id);
  CREATE TABLE default_storage (id INTEGER PRIMARY KEY CHECK (id = 1), block_document_id TEXT NOT NULL)`,
  `CREATE TABLE artifact_journal (journal TEXT PRIMARY KEY) WITHOUT ROWID;
  CREATE TABLE artifact_place (
    artifact_key TEXT NOT NULL, journal TEXT NOT NULL, PRIMARY KEY (artifact_key, journal)) WITHOUT ROWID;
  CREATE TABLE artifact_latest (
    key TEXT PRIMARY KEY, id TEXT NOT NULL, latest_id TEXT NOT NULL, created TEXT NOT NULL, updated TEXT NOT NULL,
    latest_created TEXT NOT NULL, type TEXT, flow_run_id TEXT, task_run_id TEXT, journal TEXT NOT NULL) WITHOUT ROWID`,
  `CREATE TABLE saved_search (
    id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, created TEXT NOT NULL, updated TEXT NOT NULL,
    filters TEXT NOT NULL) WITHOUT ROWID`,
  `CREATE TABLE violation (
    object TEXT NOT NULL, invariant TEXT NOT NULL, operation TEXT NOT NULL, message TEXT NOT NULL,
    count INTEGER NOT NULL, first_at INTEGER NOT NULL, at INTEGER NOT NULL,
    PRIMARY KEY (object, invariant)) WITHOUT ROWID`,
  WATCH_TABLE,
  // The index also finds an act that was told before; an entry of the catalog, which is no effect, has no request id.
  `ALTER TABLE audit ADD COLUMN act TEXT;
  ALTER TABLE audit ADD COLUMN changes TEXT;
  ALTER TABLE audit ADD COLUMN request_id TEXT;
  CREATE UNIQUE INDEX audit_by_target ON audit (id, request_id)`,
];

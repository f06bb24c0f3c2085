import { WATCH_TABLE } from "../shared/watchers.ts";
import { STILL_UNKNOWN } from "./look-store.ts";

/** Append-only: an entry that has shipped is never edited. */
export const migrations: readonly string[] = [
  `CREATE TABLE config (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    id TEXT NOT NULL, name TEXT NOT NULL, "limit" INTEGER NOT NULL, active INTEGER NOT NULL,
    slot_decay_per_second REAL NOT NULL, denied_slots INTEGER NOT NULL, avg_slot_occupancy_seconds REAL NOT NULL,
    slot_names TEXT, bypass_max INTEGER NOT NULL, level REAL NOT NULL, level_at INTEGER NOT NULL,
    incarnation INTEGER NOT NULL, created TEXT NOT NULL, updated TEXT NOT NULL, deleted_at INTEGER,
    fence_ceiling INTEGER NOT NULL);
  CREATE TABLE lease (
    fence INTEGER PRIMARY KEY, tail INTEGER NOT NULL, kind TEXT NOT NULL, request_id TEXT, slots INTEGER NOT NULL,
    slot_names TEXT, lease_seconds REAL NOT NULL, acquired_at INTEGER NOT NULL, expires_at INTEGER NOT NULL,
    joint_id TEXT, home_key TEXT, holder_type TEXT, holder_id TEXT, flow_run_id TEXT, attempt_id TEXT,
    run_fence INTEGER, note TEXT);
  CREATE UNIQUE INDEX lease_by_request ON lease (request_id) WHERE request_id IS NOT NULL;
  CREATE TABLE ended_request (
    request_id TEXT PRIMARY KEY, until INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE ended_attempt (
    attempt_id TEXT PRIMARY KEY, until INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE waiter (
    lane INTEGER NOT NULL, priority INTEGER NOT NULL, seq INTEGER NOT NULL, waiter_key TEXT NOT NULL,
    caller TEXT NOT NULL, request_id TEXT, slots INTEGER NOT NULL, lease_seconds REAL NOT NULL,
    arrived_at INTEGER NOT NULL, present_until INTEGER NOT NULL, retry_at INTEGER NOT NULL, offered_at INTEGER,
    passed INTEGER NOT NULL, pool_key TEXT, holder_type TEXT, holder_id TEXT, flow_run_id TEXT, attempt_id TEXT,
    run_fence INTEGER, note TEXT,
    PRIMARY KEY (lane, priority, seq)) WITHOUT ROWID;
  CREATE UNIQUE INDEX waiter_by_key ON waiter (waiter_key)`,
  `CREATE TABLE joint (
    joint_id TEXT PRIMARY KEY, waiter_key TEXT NOT NULL UNIQUE, due_at INTEGER NOT NULL, record TEXT NOT NULL)
    WITHOUT ROWID`,
  `CREATE TABLE ended (
    slice INTEGER NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL, until INTEGER NOT NULL,
    PRIMARY KEY (slice, kind, id)) WITHOUT ROWID;
  INSERT INTO ended SELECT until / 600000, 'request', request_id, until FROM ended_request;
  INSERT INTO ended SELECT until / 600000, 'attempt', attempt_id, until FROM ended_attempt;
  DROP TABLE ended_request;
  DROP TABLE ended_attempt`,
  WATCH_TABLE,
  `ALTER TABLE ended ADD COLUMN fence INTEGER;
  ALTER TABLE ended ADD COLUMN tail INTEGER;
  ALTER TABLE ended ADD COLUMN slots INTEGER;
  ALTER TABLE ended ADD COLUMN slot_names TEXT;
  ALTER TABLE ended ADD COLUMN arrived_at INTEGER;
  ALTER TABLE ended ADD COLUMN estimated_ms INTEGER;
  ALTER TABLE ended ADD COLUMN acquired_at INTEGER;
  ALTER TABLE ended ADD COLUMN ended_at INTEGER;
  ALTER TABLE ended ADD COLUMN ended_by TEXT;
  ALTER TABLE ended ADD COLUMN holder_type TEXT;
  ALTER TABLE ended ADD COLUMN holder_id TEXT;
  ALTER TABLE ended ADD COLUMN flow_run_id TEXT;
  ALTER TABLE ended ADD COLUMN note TEXT;
  CREATE TABLE look (one INTEGER PRIMARY KEY, looked_at INTEGER NOT NULL, unknown_until INTEGER NOT NULL);
  INSERT INTO look SELECT 1, 0, ${STILL_UNKNOWN} FROM config;
  ALTER TABLE waiter ADD COLUMN estimated_ms INTEGER;
  ALTER TABLE lease ADD COLUMN arrived_at INTEGER;
  ALTER TABLE lease ADD COLUMN estimated_ms INTEGER`,
];

/** What must be true of a pool's tables at any time, whatever happened before. */
import type { Sql } from "../../src/objects/shared/sql.ts";

/** The first thing that is not as it must be; undefined when all is well. */
export function findPoolFault(sql: Sql): { what: string; rows: unknown[] } | undefined {
  for (const [what, statement] of FAULTS) {
    const rows = sql.all(statement);
    if (rows.length > 0) return { what, rows };
  }
  return undefined;
}

const FAULTS: readonly [what: string, statement: string][] = [
  [
    "an attempt that runs two runs",
    "SELECT attempt_id FROM active WHERE attempt_id IS NOT NULL GROUP BY attempt_id HAVING count(*) > 1",
  ],
  [
    "two runs of one idempotency key",
    `SELECT record ->> '$.idempotency_key' FROM flow_run WHERE record ->> '$.idempotency_key' IS NOT NULL
       GROUP BY flow_id, record ->> '$.idempotency_key' HAVING count(*) > 1`,
  ],
  [
    "a run that is ready and does not say so, or says so and is not",
    `SELECT id, ready_at FROM flow_run r
       WHERE (ready_at IS NOT NULL) <> (id IN (SELECT run_id FROM ready))`,
  ],
  ["a ready entry of no run", "SELECT * FROM ready WHERE run_id NOT IN (SELECT id FROM flow_run)"],
  ["a run that is ready and held by an attempt", "SELECT * FROM active JOIN ready USING (run_id)"],
  [
    "a deadline that no run has",
    `SELECT * FROM deadline d
       WHERE NOT EXISTS (SELECT 1 FROM flow_run r WHERE r.id = d.run_id AND r.deadline_at = d.at)`,
  ],
  // Whatever is not at rest has a next step: ready, a deadline, a place in a line, or somebody who lives.
  [
    "a run without a next step",
    `SELECT id, state_type, state_name FROM flow_run r
       WHERE state_type IN ('PENDING', 'RUNNING', 'CANCELLING', 'SCHEDULED')
         AND ready_at IS NULL AND deadline_at IS NULL AND slot_request_id IS NULL AND slot_expires_at IS NULL
         AND NOT EXISTS (SELECT 1 FROM active a WHERE a.run_id = r.id)`,
  ],
];

/** SQL of the slots that runs have held. */
import { RUN_LEASES_MAX } from "../../contract/bounds.ts";
import type { RunLease } from "../../contract/wire/limits.ts";
import type { Sql } from "../shared/sql.ts";

/** One row for each lease of a run; none is changed. */
export class RunLeaseStore {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** Stores a lease once, however often it is told; nothing of a run that is not here, or that has as many as are kept. */
  writeLease(lease: RunLease): void {
    this.#sql.all(
      `INSERT OR IGNORE INTO run_lease (flow_run_id, lease_id, record) SELECT ?1, ?2, ?3
         WHERE EXISTS (SELECT 1 FROM flow_run WHERE id = ?1)
           AND (SELECT count(*) FROM run_lease WHERE flow_run_id = ?1) < ?4`,
      lease.flow_run_id,
      lease.lease_id,
      JSON.stringify(lease),
      RUN_LEASES_MAX,
    );
  }

  /** In the order in which the run got them. */
  listLeases(flow_run_id: string): RunLease[] {
    return this.#sql
      .all<{ record: string }>(
        "SELECT record FROM run_lease WHERE flow_run_id = ? ORDER BY record ->> '$.acquired_at', lease_id",
        flow_run_id,
      )
      .map(({ record }) => JSON.parse(record) as RunLease);
  }
}

/** SQL of the inputs that were sent to runs. */
import type { RunInput } from "../../contract/wire/run-inputs.ts";
import { first, type Sql } from "../shared/sql.ts";

type Row = Omit<RunInput, "updated">;

/** One value for each key of a run; values are never changed. */
export class InputStore {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  readInput(flow_run_id: string, key: string): string | undefined {
    return first<{ value: string }>(
      this.#sql,
      "SELECT value FROM run_input WHERE flow_run_id = ? AND key = ?",
      flow_run_id,
      key,
    )?.value;
  }

  countInputs(flow_run_id: string): number {
    return (
      first<{ count: number }>(
        this.#sql,
        "SELECT count(*) AS count FROM run_input WHERE flow_run_id = ?",
        flow_run_id,
      )?.count ?? 0
    );
  }

  /** Stores an input; false when the key is taken. */
  writeInput({ flow_run_id, key, id, created, value, sender }: Row): boolean {
    return (
      this.#sql.all(
        `INSERT OR IGNORE INTO run_input (flow_run_id, key, id, created, value, sender) VALUES (?, ?, ?, ?, ?, ?)
           RETURNING id`,
        flow_run_id,
        key,
        id,
        created,
        value,
        sender,
      ).length > 0
    );
  }

  /** The oldest inputs whose keys begin with `prefix`, those with the excluded keys left out. */
  listInputs(
    flow_run_id: string,
    prefix: string,
    exclude_keys: readonly string[],
    limit: number,
  ): RunInput[] {
    return this.#sql
      .all<Row>(
        `SELECT * FROM run_input WHERE flow_run_id = ?1 AND substr(key, 1, length(?2)) = ?2
           AND key NOT IN (SELECT value FROM json_each(?3)) ORDER BY created, key LIMIT ?4`,
        flow_run_id,
        prefix,
        JSON.stringify(exclude_keys),
        limit,
      )
      .map((row) => ({ ...row, updated: row.created }));
  }

  /** All inputs of a run. */
  listAll(flow_run_id: string): RunInput[] {
    return this.listInputs(flow_run_id, "", [], -1);
  }

  deleteInput(flow_run_id: string, key: string): boolean {
    return (
      this.#sql.all("DELETE FROM run_input WHERE flow_run_id = ? AND key = ? RETURNING id", flow_run_id, key)
        .length > 0
    );
  }
}

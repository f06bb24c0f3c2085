/** SQL of the artifacts that runs of this day have made. */
import type { Artifact, ArtifactFilter, ArtifactSort } from "../../contract/wire/artifacts.ts";
import type { JsonValue } from "../../contract/wire/common.ts";
import { ARTIFACT_ORDERS, whereArtifacts } from "../shared/artifact-filter.ts";
import { first, type Sql } from "../shared/sql.ts";
import type { ArtifactNote } from "./artifact-operations.ts";

const NOTE = "id, created, updated, key";

export class ArtifactStore {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  read(id: string): Artifact | undefined {
    const row = first<Row>(this.#sql, "SELECT * FROM artifact WHERE id = ?", id);
    return row === undefined ? undefined : toArtifact(row);
  }

  /** Stores an artifact, new or changed. */
  put(artifact: Artifact): void {
    this.#sql.all(
      `INSERT INTO artifact (id, created, updated, key, type, description, flow_run_id, task_run_id, metadata_, data)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET updated = excluded.updated, description = excluded.description,
         metadata_ = excluded.metadata_, data = excluded.data`,
      artifact.id,
      artifact.created,
      artifact.updated,
      artifact.key,
      artifact.type,
      artifact.description,
      artifact.flow_run_id,
      artifact.task_run_id,
      JSON.stringify(artifact.metadata_),
      JSON.stringify(artifact.data),
    );
  }

  delete(id: string): void {
    this.#sql.all("DELETE FROM artifact WHERE id = ?", id);
  }

  /** What is needed to put artifacts of several journals into their order. */
  list(filter: ArtifactFilter, sort: ArtifactSort, limit: number): ArtifactNote[] {
    const { sql, bindings } = whereArtifacts(filter);
    return this.#sql.all<ArtifactNote>(
      `SELECT ${NOTE} FROM artifact WHERE ${sql} ORDER BY ${ARTIFACT_ORDERS[sort]} LIMIT ?`,
      ...bindings,
      limit,
    );
  }

  count(filter: ArtifactFilter): number {
    const { sql, bindings } = whereArtifacts(filter);
    const statement = `SELECT count(*) AS count FROM artifact WHERE ${sql}`;
    return first<{ count: number }>(this.#sql, statement, ...bindings)?.count ?? 0;
  }
}

type Row = Omit<Artifact, "data" | "metadata_"> & { seq: number; data: string; metadata_: string };

function toArtifact({ seq: _seq, data, metadata_, ...row }: Row): Artifact {
  return {
    ...row,
    data: JSON.parse(data) as JsonValue,
    metadata_: JSON.parse(metadata_) as Record<string, string> | null,
  };
}

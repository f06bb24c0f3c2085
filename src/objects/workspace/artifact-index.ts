/** SQL and turns of what the catalog knows of artifacts. The artifacts themselves lie in the journals of their runs. */
import { accept } from "../../contract/errors.ts";
import type { Artifact } from "../../contract/wire/artifacts.ts";
import { relatedOfArtifacts, type ChangeAction } from "../../domain/events/catalog-event.ts";
import type { Handlers } from "../shared/actor.ts";
import { ARTIFACT_ORDERS, whereArtifacts } from "../shared/artifact-filter.ts";
import type { ChangeNews } from "../shared/change-news.ts";
import type { ObjectHost } from "../shared/host.ts";
import { first, type Sql } from "../shared/sql.ts";
import type { ArtifactIndexOperations, ArtifactPointer } from "./artifact-operations.ts";
import { makeUuid } from "../shared/uuid.ts";

const POINTER = "id, created, updated, key, latest_id, type, flow_run_id, task_run_id";
/** A journal's key is a pool's key of ten characters, a dash and the day. */
const LATEST_DAY_FIRST = "substr(journal, 12) DESC, journal";

/** The operations that keep the index of artifacts. */
export function handleArtifactIndex(host: ObjectHost, news: ChangeNews): Handlers<ArtifactIndexOperations> {
  const { sql } = host;
  const announce = (action: ChangeAction, pointer: ArtifactPointer): void =>
    news.note({
      kind: "artifact-collection",
      action,
      entry: { ...pointer, name: pointer.key },
      related: relatedOfArtifacts(pointer),
    });
  return {
    note_artifact: ({ journal, artifact }) => {
      sql.all("INSERT OR IGNORE INTO artifact_journal (journal) VALUES (?)", journal);
      const { key } = artifact;
      if (key === null) return accept(null);
      sql.all("INSERT OR IGNORE INTO artifact_place (artifact_key, journal) VALUES (?, ?)", key, journal);
      const before = readPointer(sql, key);
      const pointer = putPointer(sql, makeUuid(host), journal, { ...artifact, key });
      // A change of the artifact itself is none of its key.
      if (pointer !== undefined && pointer.latest_id !== before?.latest_id)
        announce(before === undefined ? "created" : "updated", pointer);
      return accept(null);
    },
    drop_artifact: ({ id, key, next }) => {
      const dropped = readPointer(sql, key);
      if (dropped?.latest_id !== id) return accept(null);
      sql.all("DELETE FROM artifact_latest WHERE key = ?", key);
      const pointer = next && putPointer(sql, dropped.id, next.journal, { ...next.artifact, key });
      if (pointer) announce("updated", pointer);
      else announce("deleted", dropped);
      return accept(null);
    },
    forget_artifact_journals: ({ journals }) => {
      const gone = "journal IN (SELECT value FROM json_each(?))";
      for (const table of ["artifact_journal", "artifact_place", "artifact_latest"])
        sql.all(`DELETE FROM ${table} WHERE ${gone}`, JSON.stringify(journals));
      return accept(null);
    },
    list_artifact_journals: ({ keys, limit }) => {
      const rows =
        keys === null
          ? sql.all<{ journal: string }>(
              `SELECT journal FROM artifact_journal ORDER BY ${LATEST_DAY_FIRST} LIMIT ?`,
              limit,
            )
          : sql.all<{ journal: string }>(
              `SELECT DISTINCT journal FROM artifact_place
                 WHERE artifact_key IN (SELECT value FROM json_each(?)) ORDER BY ${LATEST_DAY_FIRST} LIMIT ?`,
              JSON.stringify(keys),
              limit,
            );
      return accept(rows.map(({ journal }) => journal));
    },
    list_latest_artifacts: ({ filter, sort, limit, offset }) => {
      const where = whereArtifacts(filter, "latest_id");
      return accept(
        sql.all<ArtifactPointer>(
          `SELECT ${POINTER} FROM artifact_latest WHERE ${where.sql}
             ORDER BY ${ARTIFACT_ORDERS[sort]} LIMIT ? OFFSET ?`,
          ...where.bindings,
          limit,
          offset,
        ),
      );
    },
    count_latest_artifacts: ({ filter }) => {
      const where = whereArtifacts(filter, "latest_id");
      const statement = `SELECT count(*) AS count FROM artifact_latest WHERE ${where.sql}`;
      return accept(first<{ count: number }>(sql, statement, ...where.bindings)?.count ?? 0);
    },
  };
}

function readPointer(sql: Sql, key: string): ArtifactPointer | undefined {
  return first<ArtifactPointer>(sql, `SELECT ${POINTER} FROM artifact_latest WHERE key = ?`, key);
}

/** Points a key to an artifact, unless to a newer one already: then undefined. */
function putPointer(
  sql: Sql,
  id: string,
  journal: string,
  artifact: Omit<Artifact, "data"> & { key: string },
): ArtifactPointer | undefined {
  return first<ArtifactPointer>(
    sql,
    `INSERT INTO artifact_latest (id, key, latest_id, created, updated, latest_created, type, flow_run_id, task_run_id,
       journal) VALUES (?1, ?2, ?3, ?4, ?5, ?4, ?6, ?7, ?8, ?9)
     ON CONFLICT (key) DO UPDATE SET latest_id = excluded.latest_id, updated = excluded.updated,
       latest_created = excluded.latest_created, type = excluded.type, flow_run_id = excluded.flow_run_id,
       task_run_id = excluded.task_run_id, journal = excluded.journal
       WHERE excluded.latest_created >= latest_created
     RETURNING ${POINTER}`,
    id,
    artifact.key,
    artifact.id,
    artifact.created,
    artifact.updated,
    artifact.type,
    artifact.flow_run_id,
    artifact.task_run_id,
    journal,
  );
}

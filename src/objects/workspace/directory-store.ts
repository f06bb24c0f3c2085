/** SQL of the directory: which pools and limits exist, as they themselves report it. */
import type { Sql } from "../shared/sql.ts";
import type { DirectoryEntry } from "./operations.ts";

/** A former pool is a deleted one: nothing lists it, but its runs are still found. */
export type DirectoryKind = "limit" | "pool" | "former_pool";

/** Stores an entry; true when it is new or stands for another incarnation than before. */
export function putEntry(sql: Sql, kind: DirectoryKind, entry: DirectoryEntry): boolean {
  return (
    sql.all(
      `INSERT INTO directory (kind, name, id, key) VALUES (?, ?, ?, ?)
       ON CONFLICT (kind, name) DO UPDATE SET id = excluded.id, key = excluded.key WHERE id <> excluded.id
       RETURNING id`,
      kind,
      entry.name,
      entry.id,
      entry.key,
    ).length > 0
  );
}

/** Takes out an entry of exactly this incarnation; a later one of the same name stays. */
export function deleteEntry(sql: Sql, kind: DirectoryKind, name: string, id: string): boolean {
  return (
    sql.all("DELETE FROM directory WHERE kind = ? AND name = ? AND id = ? RETURNING id", kind, name, id)
      .length > 0
  );
}

/** A page of entries in the order of their names. */
export function listEntries(
  sql: Sql,
  kind: DirectoryKind,
  afterName: string,
  limit: number,
): DirectoryEntry[] {
  return sql.all<DirectoryEntry>(
    "SELECT id, name, key FROM directory WHERE kind = ? AND name > ? ORDER BY name LIMIT ?",
    kind,
    afterName,
    limit,
  );
}

/** The entries of these names, in the order of the names; unknown ones are left out. */
export function findEntries(sql: Sql, kind: DirectoryKind, names: readonly string[]): DirectoryEntry[] {
  return sql.all<DirectoryEntry>(
    `SELECT id, name, key FROM directory
     WHERE kind = ? AND name IN (SELECT value FROM json_each(?)) ORDER BY name`,
    kind,
    JSON.stringify(names),
  );
}

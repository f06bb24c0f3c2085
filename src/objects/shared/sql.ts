/** The narrow port through which every store reaches SQLite: an object's own storage, or `node:sqlite` in tests and simulation. */

export type SqlValue = string | number | null | Uint8Array;
export type SqlRow = Record<string, SqlValue>;

export interface Sql {
  /** Runs one statement with `?` placeholders and returns all its rows. At most 100 bindings, as on the platform. */
  all<Row = SqlRow>(statement: string, ...bindings: SqlValue[]): Row[];
}

/** Runs a statement whose answer has at most one row. */
export function first<Row = SqlRow>(sql: Sql, statement: string, ...bindings: SqlValue[]): Row | undefined {
  return sql.all<Row>(statement, ...bindings)[0];
}

/** Tells whether an object has tables at all; a probe of a name that nobody created must not make any. */
export function hasTable(sql: Sql, table: string): boolean {
  return first(sql, "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", table) !== undefined;
}

/**
 * Brings the tables up to date. `migrations` is append-only: an entry that has shipped is never edited, and each one
 * leaves a schema that the release before it can still read.
 */
export function migrate(sql: Sql, migrations: readonly string[]): void {
  sql.all("CREATE TABLE IF NOT EXISTS migration (version INTEGER PRIMARY KEY)");
  const done =
    first<{ version: number | null }>(sql, "SELECT max(version) AS version FROM migration")?.version ?? 0;
  for (const [index, script] of migrations.entries()) {
    if (index < done) continue;
    for (const statement of script.split(/;\s*(?:\n|$)/)) if (statement.trim() !== "") sql.all(statement);
    sql.all("INSERT INTO migration (version) VALUES (?)", index + 1);
  }
}

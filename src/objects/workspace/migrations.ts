/** Append-only: an entry that has shipped is never edited. */
export const migrations: readonly string[] = [
  `CREATE TABLE directory (
    kind TEXT NOT NULL, name TEXT NOT NULL, id TEXT NOT NULL, key TEXT NOT NULL,
    PRIMARY KEY (kind, name)) WITHOUT ROWID`,
];

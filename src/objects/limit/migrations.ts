/** Append-only: an entry that has shipped is never edited. */
export const migrations: readonly string[] = [];

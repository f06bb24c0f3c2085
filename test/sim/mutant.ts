/** A fault that is put into the code on purpose. */
export interface Mutant {
  name: string;
  changes: readonly Change[];
}

/** What is changed of one file. */
export interface Change {
  /** Relative to the repository's root. */
  file: string;
  /** Each text is in the file exactly once. */
  edits: readonly { find: string; replace: string }[];
}

/** Each edit is what is there and what takes its place. */
export function mutant(name: string, file: string, ...edits: [string, string][]): Mutant {
  return mutantOf(name, [file, ...edits]);
}

/** A fault that needs several files. */
export function mutantOf(name: string, ...changes: [string, ...[string, string][]][]): Mutant {
  return {
    name,
    changes: changes.map(([file, ...edits]) => ({
      file,
      edits: edits.map(([find, replace]) => ({ find, replace })),
    })),
  };
}

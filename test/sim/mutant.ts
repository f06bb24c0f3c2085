/** A fault that is put into the code on purpose. */
export interface Mutant {
  name: string;
  /** Relative to the repository's root. */
  file: string;
  /** Each text is in the file exactly once. */
  edits: readonly { find: string; replace: string }[];
}

/** Each edit is what is there and what takes its place. */
export function mutant(name: string, file: string, ...edits: [string, string][]): Mutant {
  return { name, file, edits: edits.map(([find, replace]) => ({ find, replace })) };
}

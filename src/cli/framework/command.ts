/** The form of one command: one file each, loaded when it is run. */
import type { Cli } from "./cli.ts";
import type { Parameters, ValuesOf } from "./parameters.ts";

export interface Command<P extends Parameters = Parameters> {
  /** More than the one-line summary that the tree has, for `--help`; may be left out. */
  description?: string;
  /** Arguments in the order of their keys, and options. */
  parameters: P;
  /** Whole command lines, shown by `--help`. */
  examples: readonly string[];
  /** Does the work; the number is the exit code, 0 when left out. */
  run(values: ValuesOf<P>, cli: Cli): Promise<number | void>;
}

/** Writes a command, with the values of `run` typed by the parameters. */
export function defineCommand<const P extends Parameters>(command: Command<P>): Command<P> {
  return command;
}

/** A leaf of the tree: known by name and summary, loaded on demand. */
export interface Leaf {
  summary: string;
  aliases?: readonly string[];
  load: () => Promise<{ command: unknown }>;
}

/** A group of commands, at most two levels deep. */
export interface Group {
  summary: string;
  aliases?: readonly string[];
  commands: Readonly<Record<string, Leaf | Group>>;
}

/** Tells a group from a leaf. */
export function isGroup(node: Leaf | Group): node is Group {
  return "commands" in node;
}

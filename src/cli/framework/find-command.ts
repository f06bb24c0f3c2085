/** From the words of a command line to the command that they name. */
import { isGroup, type Group, type Leaf } from "./command.ts";
import { UsageError } from "./errors.ts";
import { findNearest } from "./suggest.ts";

/** Root options that take a value: their values are no command names. */
export const VALUED_ROOT_OPTIONS: ReadonlySet<string> = new Set(["--profile", "--api-url", "-o", "--output"]);

interface Found {
  node: Group | Leaf;
  /** Full names of the path, without aliases. */
  names: string[];
  /** What is left of the command line. */
  rest: string[];
}

/** Walks the tree by the words of the command line; options of the root may stand in between. */
export function findNode(tree: Group, argv: readonly string[]): Found {
  const names: string[] = [];
  const options: string[] = [];
  let node: Group | Leaf = tree;
  let at = 0;
  while (isGroup(node) && at < argv.length) {
    const word = argv[at] ?? "";
    if (word.startsWith("-") && word !== "-") {
      options.push(word);
      at += 1;
      if (VALUED_ROOT_OPTIONS.has(word)) {
        options.push(...argv.slice(at, at + 1));
        at += 1;
      }
      continue;
    }
    if (word === "help" && !("help" in node.commands)) {
      const inner = findNode(node, argv.slice(at + 1));
      return { node: inner.node, names: [...names, ...inner.names], rest: ["--help"] };
    }
    const entry = findEntry(node, word);
    if (entry === undefined) throw new UsageError(explainUnknown(node, names, word));
    names.push(entry.name);
    node = entry.node;
    at += 1;
  }
  return { node, names, rest: [...options, ...argv.slice(at)] };
}

function findEntry(group: Group, word: string): { name: string; node: Group | Leaf } | undefined {
  for (const [name, node] of Object.entries(group.commands))
    if (name === word || node.aliases?.includes(word) === true) return { name, node };
  return undefined;
}

function explainUnknown(group: Group, names: readonly string[], word: string): string {
  const known = Object.entries(group.commands).flatMap(([name, { aliases = [] }]) => [name, ...aliases]);
  const command = ["sluice", ...names].join(" ");
  const nearest = findNearest(word, known);
  const advice =
    nearest === undefined ? `see \`${command} --help\`` : `did you mean \`${command} ${nearest}\`?`;
  return `${command} has no command ${word}; ${advice}${nearest === undefined ? "." : ""}`;
}

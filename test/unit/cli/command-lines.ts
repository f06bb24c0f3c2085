/** Command lines as documents write them. */
import { isGroup, type Group, type Leaf } from "../../../src/cli/framework/command.ts";

/** All commands with their full names. */
export function listLeaves(group: Group, names: string[] = []): [string, Leaf][] {
  return Object.entries(group.commands).flatMap(([name, node]) =>
    isGroup(node)
      ? listLeaves(node, [...names, name])
      : [[[...names, name].join(" "), node] as [string, Leaf]],
  );
}

/** Splits a line as a shell would, as far as our examples go; what follows a redirection is not ours. */
export function splitWords(line: string): string[] {
  const words = [...line.matchAll(/(?:[^\s"'<>()]|"[^"]*"|'[^']*')+|[<>()]/g)].map(([word]) =>
    word.replaceAll(/["']/g, (quote) => (word.includes("{") && quote === '"' ? quote : "")),
  );
  const start = words.indexOf("sluice");
  const end = words.findIndex((word, at) => at > start && /^[<>()]$/.test(word));
  return end === -1 ? words : words.slice(0, end);
}

/** The `sluice` command lines in the shell blocks of a Markdown text, each from the word `sluice` on. */
export function readShellBlocks(markdown: string): string[] {
  return [...markdown.matchAll(/^```(?:sh|bash)\n(.*?)^```/gms)]
    .flatMap(([, block = ""]) => block.split("\n"))
    .flatMap((line) => line.replace(/(^|\s)#.*$/, "").split(/&&|;|\|/))
    .flatMap((part) => /\bsluice .*$/.exec(part.trim().replace(/\)$/, ""))?.[0] ?? []);
}

/** The `sluice` command lines within sentences: they may leave arguments out. */
export function readCodeSpans(markdown: string): string[] {
  const prose = markdown.replaceAll(/^```.*?^```/gms, "");
  return [...prose.matchAll(/`(?:[A-Z_]+=\S+ )?(?:npx )?(sluice [a-z-][^`]*)`/g)].map(
    ([, line = ""]) => line,
  );
}

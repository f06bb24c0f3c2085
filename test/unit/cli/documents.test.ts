/** Every command line that the documents show can be typed. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { isGroup, type Command } from "../../../src/cli/framework/command.ts";
import { findNode } from "../../../src/cli/framework/find-command.ts";
import { runCli } from "../../../src/cli/framework/program.ts";
import { readLine } from "../../../src/cli/framework/read-line.ts";
import { tree } from "../../../src/cli/tree.ts";
import { readCodeSpans, readShellBlocks, splitWords } from "./command-lines.ts";
import { makeSystem } from "./system.ts";

const DOCUMENTS = [
  "README.md",
  "examples/README.md",
  "src/server/README.md",
  "worker-agent/README.md",
  "test/README.md",
];
const readDocument = (name: string): string =>
  readFileSync(new URL(`../../../${name}`, import.meta.url), "utf8");

async function readHelp(names: readonly string[]): Promise<string> {
  const system = makeSystem();
  await runCli([...names, "--help"], tree, system);
  return system.out();
}

describe.each(DOCUMENTS)("%s", (name) => {
  const text = readDocument(name);

  test("its shell blocks", async () => {
    for (const line of readShellBlocks(text)) {
      const { node, names, rest } = findNode(tree, splitWords(line).slice(1));
      if (isGroup(node)) expect.fail(`${line}: names no command`);
      const command = (await node.load()).command as Command;
      await expect(readLine(command, "", names, rest, makeSystem()), line).resolves.toBeDefined();
    }
  });

  test("its sentences", async () => {
    for (const line of readCodeSpans(text)) {
      const words = splitWords(line)
        .slice(1)
        .filter((word) => word !== "…" && word !== "COMMAND");
      const { names } = findNode(tree, words);
      const help = await readHelp(names);
      for (const flag of words.filter((word) => word.startsWith("--") && word !== "--"))
        expect(help, line).toMatch(new RegExp(`${flag.replace(/=.*/, "")}\\b`));
    }
  });
});

test("the README's table of commands", async () => {
  const table = /\| command \|.*?\n\n/s.exec(readDocument("README.md"))?.[0] ?? "";
  const rows = table.split("\n").flatMap((line) => {
    const [, names, does] = line.split("|");
    const wordsOf = (cell = ""): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, word = ""]) => word);
    return wordsOf(names).length === 0 ? [] : [{ names: wordsOf(names), words: wordsOf(does) }];
  });
  expect(rows.length).toBeGreaterThan(5);
  for (const { names, words } of rows) {
    for (const name of names) expect(Object.keys(tree.commands), name).toContain(name);
    let help = (await Promise.all(names.map((name) => readHelp([name])))).join("\n");
    for (const word of words) {
      if (word.startsWith("sluice ") || word === "prefect.yaml") continue;
      const path = word.split(" ").filter((part) => !part.startsWith("-"));
      const groups = names.filter((name) => isGroup(findNode(tree, [name]).node));
      const owners = groups.filter((name) => path.length > 0 && leads([name, ...path]));
      // A flag goes with the command that the row named last.
      if (owners[0] !== undefined) help = await readHelp([owners[0], ...path]);
      else expect(path.length === 0 || names.includes(path[0] ?? "") || leads(path), word).toBe(true);
      for (const flag of word.split(" ").filter((part) => part.startsWith("--")))
        expect(help, word).toContain(flag);
    }
  }
});

function leads(path: readonly string[]): boolean {
  try {
    return findNode(tree, path).names.length === path.length;
  } catch {
    return false;
  }
}

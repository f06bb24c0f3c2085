/** What the shell asks while somebody types: the words that may come next. */
import { Option } from "commander";
import { Cli, type System } from "./cli.ts";
import { isGroup, type Command, type Group } from "./command.ts";
import { findNode } from "./find-command.ts";
import type { CompletionSource, Parameter } from "./parameters.ts";

/** One word that may come next, and what it means. */
export interface Candidate {
  value: string;
  description: string;
}

/** Tells the shell's script to add no names of files. */
const NO_FILES = 4;
const DEFAULT = 0;
/** Nobody waits longer than this for a completion. */
const LIST_TIMEOUT_MS = 1000;

/** Answers the shell's script: one candidate a line, then a directive. Says nothing rather than anything wrong. */
export async function answerCompletion(words: readonly string[], tree: Group, system: System): Promise<void> {
  const { candidates, hasFiles } = await complete(words, tree, system).catch(() => ({
    candidates: [],
    hasFiles: false,
  }));
  for (const { value, description } of candidates) system.stdout.write(`${value}\t${description}\n`);
  system.stdout.write(`:${hasFiles ? DEFAULT : NO_FILES}\n`);
}

/** The words that may stand where the last one is being typed. */
export async function complete(
  words: readonly string[],
  tree: Group,
  system: System,
): Promise<{ candidates: Candidate[]; hasFiles: boolean }> {
  const current = words.at(-1) ?? "";
  const { node, rest } = findNode(tree, words.slice(0, -1));
  const starting = (candidates: Candidate[]): Candidate[] =>
    candidates.filter(({ value }) => value.startsWith(current));
  if (isGroup(node)) {
    const names = Object.entries(node.commands).map(([value, { summary }]) => ({
      value,
      description: summary,
    }));
    return { candidates: starting(names), hasFiles: false };
  }
  const command = (await node.load()).command as Command;
  const parameters = Object.values(command.parameters);
  const options = parameters.flatMap((parameter) =>
    parameter.kind === "option" ? [{ parameter, option: new Option(parameter.flags) }] : [],
  );
  const previous = rest.at(-1) ?? "";
  const asked = options.find(({ option }) => option.long === previous || option.short === previous);
  if (asked !== undefined && asked.parameter.presence !== "flag")
    return {
      candidates: starting(await listValues(asked.parameter, system)),
      hasFiles: asked.parameter.completes === undefined,
    };
  if (current.startsWith("-"))
    return {
      candidates: starting([
        ...options.map(({ option, parameter }) => ({
          value: option.long ?? option.flags,
          description: parameter.description,
        })),
        { value: "--output", description: "text or json" },
        { value: "--help", description: "Show help" },
      ]),
      hasFiles: false,
    };
  const given = countArguments(rest, options);
  const positional = parameters.filter((parameter) => parameter.kind === "argument");
  const next = positional[given] ?? positional.findLast(({ presence }) => presence === "rest");
  return {
    candidates: next === undefined ? [] : starting(await listValues(next, system)),
    hasFiles: next !== undefined && next.completes === undefined,
  };
}

function countArguments(
  rest: readonly string[],
  options: readonly { parameter: { presence: string }; option: Option }[],
): number {
  let count = 0;
  for (let at = 0; at < rest.length; at += 1) {
    const word = rest[at] ?? "";
    if (!word.startsWith("-")) count += 1;
    else if (
      options.some(
        ({ option, parameter }) =>
          parameter.presence !== "flag" && (option.long === word || option.short === word),
      )
    )
      at += 1;
  }
  return count;
}

async function listValues(parameter: Parameter, system: System): Promise<Candidate[]> {
  if (parameter.kind === "option" && parameter.choices !== undefined)
    return parameter.choices.map((value) => ({ value, description: "" }));
  if (parameter.completes === undefined) return [];
  const names = await Promise.race([
    listNames(parameter.completes, system).catch(() => []),
    new Promise<string[]>((resolve) => {
      setTimeout(() => resolve([]), LIST_TIMEOUT_MS).unref();
    }),
  ]);
  return names.map((value) => ({ value, description: "" }));
}

async function listNames(source: CompletionSource, system: System): Promise<string[]> {
  const { locateProfiles, readProfiles, SETTING_NAMES } = await import("../config/profiles.ts");
  if (source === "settings") return [...SETTING_NAMES];
  if (source === "assignments") return SETTING_NAMES.map((name) => `${name}=`);
  if (source === "profiles") return Object.keys((await readProfiles(locateProfiles(system.env))).profiles);
  const api = await new Cli(system, {}).api();
  switch (source) {
    case "limits":
      return (await api.limits.list({ limit: 200 })).map(({ name }) => name);
    case "pools":
      return (await api.workPools.list({ limit: 200 })).map(({ name }) => name);
    case "deployments": {
      const { listDeploymentNames } = await import("../records/deployments.ts");
      return listDeploymentNames(api);
    }
    case "blocks":
      return (await import("../records/blocks.ts")).listBlockNames(api);
    case "block-types":
      return (await import("../records/blocks.ts")).listTypeSlugs(api);
    case "artifacts":
      return (await import("../records/artifacts.ts")).listArtifactKeys(api);
  }
}

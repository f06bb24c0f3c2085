/** Turns a command line into one loaded command and runs it. Commander reads, helps and complains; it knows only the path that was typed. */
import { Command as Commander, CommanderError, Option } from "commander";
import { Cli, type CommonOptions, type System } from "./cli.ts";
import { isGroup, type Command, type Group, type Leaf } from "./command.ts";
import { CommandError, EXIT, UsageError } from "./errors.ts";
import { ValueFault, type OptionSpec } from "./parameters.ts";
import { findNearest } from "./suggest.ts";
import { parseApiUrl } from "./values.ts";

/** Root options that take a value: their values are no command names. */
const VALUED_ROOT_OPTIONS: ReadonlySet<string> = new Set(["--profile", "--api-url", "-o", "--output"]);

/** Runs one command line and gives its exit code. Failures are printed, never thrown. */
export async function runCli(argv: readonly string[], tree: Group, system: System): Promise<number> {
  try {
    if (argv[0] === "complete" && argv[1] === "--") {
      const { answerCompletion } = await import("./complete.ts");
      await answerCompletion(argv.slice(2), tree, system);
      return EXIT.done;
    }
    const { node, names, rest } = findNode(tree, argv);
    if (isGroup(node)) return await runGroup(node, names, rest, system);
    return await runLeaf(node, names, rest, system);
  } catch (error) {
    return reportFailure(error, system);
  }
}

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

async function runGroup(
  group: Group,
  names: readonly string[],
  rest: readonly string[],
  system: System,
): Promise<number> {
  if (names.length === 0 && rest.some((word) => word === "--version" || word === "-v")) {
    const { readVersion } = await import("../version.ts");
    system.stdout.write(`${readVersion()}\n`);
    return EXIT.done;
  }
  const isHelp = rest.includes("--help") || rest.includes("-h");
  const unknown = rest.find((word) => word.startsWith("-") && !["--help", "-h"].includes(word));
  if (!isHelp && unknown !== undefined && !VALUED_ROOT_OPTIONS.has(unknown))
    throw new UsageError(`${["sluice", ...names].join(" ")} has no option ${unknown}.`);
  const program = createCommander(names, group.summary, system);
  program.usage("COMMAND");
  for (const [name, node] of Object.entries(group.commands)) {
    const command = program.command(name).description(node.summary);
    if (node.aliases?.[0] !== undefined) command.alias(node.aliases[0]);
  }
  if (names.length === 0) {
    program.option("-v, --version", "Print the version");
    program.addHelpText("after", ROOT_HELP);
  }
  const text = program.helpInformation() + (names.length === 0 ? `${ROOT_HELP}\n` : "");
  if (isHelp) system.stdout.write(text);
  else system.stderr.write(text);
  return isHelp ? EXIT.done : EXIT.usage;
}

const ROOT_HELP = `
\`sluice COMMAND --help\` shows options and examples. The server is found by --api-url, SLUICE_API_URL,
PREFECT_API_URL, the profile in use (\`sluice config view\`), or at http://127.0.0.1:4200/api.
Exit codes: 0 done, 1 the request failed, 2 wrong usage.`;

async function runLeaf(
  leaf: Leaf,
  names: readonly string[],
  rest: string[],
  system: System,
): Promise<number> {
  const command = (await leaf.load()).command as Command;
  const line = await readLine(command, leaf.summary, names, rest, system);
  if (line === undefined) return EXIT.done;
  const cli = new Cli(system, line.common);
  try {
    return (await command.run(line.values, cli)) ?? EXIT.done;
  } catch (error) {
    const sentence = await cli.explain(error);
    return reportFailure(sentence === undefined ? error : new CommandError(sentence), system);
  } finally {
    await cli.close();
  }
}

/** Reads what was typed after a command's name; undefined when it was `--help`, which is answered at once. */
export async function readLine(
  command: Command,
  summary: string,
  names: readonly string[],
  rest: readonly string[],
  system: System,
): Promise<{ values: Record<string, unknown>; common: CommonOptions } | undefined> {
  const program = createCommander(names, summary, system);
  if (command.description !== undefined) program.description(`${summary}\n\n${command.description}`);
  const keys = declareParameters(program, command);
  addCommonOptions(program);
  const examples = command.examples.map((line) => `  ${line}`).join("\n");
  if (examples !== "") program.addHelpText("after", `\nExamples:\n${examples}`);
  program.action(() => undefined);
  try {
    await program.parseAsync(spellOut(rest, program), { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return undefined;
    throw new UsageError(writeUsage(error.message, names));
  }
  const options = program.opts<CommonOptions & Record<string, unknown>>();
  const values: Record<string, unknown> = {};
  let position = 0;
  for (const [key, parameter] of Object.entries(command.parameters)) {
    if (parameter.kind === "argument") {
      const given: unknown = program.processedArgs[position];
      values[key] = given ?? (parameter.presence === "rest" ? [] : undefined);
      position += 1;
    } else {
      const given = options[keys.get(key) ?? key];
      if (parameter.presence === "flag") values[key] = given === true;
      else values[key] = given ?? (parameter.presence === "repeated" ? [] : undefined);
    }
  }
  return { values, common: options };
}

function createCommander(names: readonly string[], summary: string, system: System): Commander {
  const program = new Commander(["sluice", ...names].join(" "));
  program
    .description(summary)
    .exitOverride()
    .helpCommand(false)
    .helpOption("-h, --help", "Show this help")
    .configureOutput({
      writeOut: (text) => system.stdout.write(text),
      writeErr: () => undefined,
      getOutHelpWidth: () => Math.min(system.stdout.columns ?? 100, 120),
      getErrHelpWidth: () => Math.min(system.stdout.columns ?? 100, 120),
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    });
  return program;
}

/** Tells commander of the parameters; gives the attribute under which it keeps each option. */
function declareParameters(program: Commander, command: Command): Map<string, string> {
  const keys = new Map<string, string>();
  for (const [key, parameter] of Object.entries(command.parameters)) {
    if (parameter.kind === "argument") {
      const form = {
        required: `<${parameter.name}>`,
        optional: `[${parameter.name}]`,
        rest: `[${parameter.name}...]`,
      };
      const parse = (text: string, previous: unknown): unknown => {
        const value = parseValue(parameter.name, parameter.parse, text);
        return parameter.presence === "rest"
          ? [...((previous as unknown[] | undefined) ?? []), value]
          : value;
      };
      program.argument(form[parameter.presence], parameter.description, parse);
      if (parameter.presence === "rest" && parameter.allowsOptions !== true) program.passThroughOptions();
    } else {
      const option = createOption(parameter);
      keys.set(key, option.attributeName());
      program.addOption(option);
    }
  }
  return keys;
}

/** Two-letter flags of Prefect's commands; commander knows single letters only. */
const LONG_FORMS = new Map([
  ["-jv", "--job-variable"],
  ["-cl", "--concurrency-limit"],
]);

function spellOut(words: readonly string[], program: Commander): string[] {
  const end = words.indexOf("--");
  return words.map((word, at) => {
    const long = LONG_FORMS.get(word);
    const isKnown = program.options.some((option) => option.long === long);
    return long !== undefined && isKnown && (end === -1 || at < end) ? long : word;
  });
}

function createOption(parameter: OptionSpec<unknown>): Option {
  const option = new Option(parameter.flags, parameter.description);
  const name = option.long ?? option.flags;
  if (parameter.choices !== undefined) option.description += ` (${parameter.choices.join(", ")})`;
  if (parameter.presence === "required") option.makeOptionMandatory();
  if (parameter.presence === "repeated") {
    option.argParser<unknown[] | undefined>((text, previous) => [
      ...(previous ?? []),
      parseValue(name, parameter.parse, text),
    ]);
    option.description += " (may be repeated)";
  } else if (parameter.presence !== "flag") {
    option.argParser((text) => parseValue(name, parameter.parse, text));
  }
  return option;
}

function parseValue(name: string, parse: (text: string) => unknown, text: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    if (error instanceof ValueFault) throw new UsageError(`${name} wants ${error.message}, not "${text}".`);
    throw error;
  }
}

/** Options that every command has, unless it uses the name itself. */
function addCommonOptions(program: Commander): void {
  const add = (option: Option): void => {
    const isTaken = program.options.some(
      ({ long, short }) => long === option.long || (short === option.short && short !== undefined),
    );
    if (!isTaken) program.addOption(option);
  };
  add(
    new Option("-o, --output <format>", "text or json (the API's own records)").argParser((text) => {
      if (text !== "json" && text !== "text" && text !== "table")
        throw new UsageError(`--output wants text or json, not "${text}".`);
      return text === "json" ? "json" : "text";
    }),
  );
  add(new Option("--json", "The same as --output json"));
  add(
    new Option("--api-url <url>", "Address of the API, for this command only").argParser((text) =>
      parseValue("--api-url", parseApiUrl, text),
    ),
  );
  add(new Option("--profile <name>", "Profile to use, for this command only"));
  add(new Option("-y, --yes", "Answer yes to every question"));
  add(new Option("--no-prompt", "Never ask; without a terminal nothing is asked anyway"));
  add(new Option("--no-color", "Plain text without colours"));
}

/** Puts what commander says into our form of a sentence. */
function writeUsage(message: string, names: readonly string[]): string {
  const [first = "", hint = ""] = message.replace(/^error: /, "").split("\n");
  const suggestion = /Did you mean (.+?)\?/.exec(hint)?.[1];
  const command = ["sluice", ...names].join(" ");
  const sentence = first
    .replace(/^unknown option '(.+)'$/, `${command} has no option $1`)
    .replace(/^missing required argument '(.+)'$/, `${command} wants $1`)
    .replace(/^required option '(.+)' not specified$/, `${command} wants $1`)
    .replace(/^option '(.+)' argument missing$/, `$1 wants a value`)
    .replace(
      /^too many arguments.*Expected (\d+) arguments? but got (\d+).*$/,
      `${command} takes $1 arguments, not $2`,
    )
    .replace(" takes 0 arguments, not ", " takes no arguments, not ");
  return suggestion === undefined
    ? `${sentence}; see \`${command} --help\`.`
    : `${sentence}; did you mean ${suggestion}?`;
}

function reportFailure(error: unknown, system: System): number {
  if (error instanceof CommandError) {
    system.stderr.write(`${error.message}\n`);
    return error.exitCode;
  }
  if (error instanceof Error && error.name === "AbortError") return 130;
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  system.stderr.write(`sluice met a fault of its own; please report it:\n${text}\n`);
  return EXIT.failed;
}

/** Turns a command line into one loaded command and runs it. */
import { Cli, type System } from "./cli.ts";
import { isGroup, type Command, type Group, type Leaf } from "./command.ts";
import { CommandError, EXIT, UsageError } from "./errors.ts";
import { findNode, VALUED_ROOT_OPTIONS } from "./find-command.ts";
import { createCommander, readLine } from "./read-line.ts";

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
    // The plural of a name is taken as well, and needs no words.
    const [alias] = node.aliases ?? [];
    if (alias !== undefined && alias !== `${name}s`) command.alias(alias);
  }
  if (names.length === 0) program.option("-v, --version", "Print the version");
  const text = program.helpInformation() + (names.length === 0 ? `${ROOT_HELP}\n` : "");
  if (isHelp) system.stdout.write(text);
  else system.stderr.write(text);
  return isHelp ? EXIT.done : EXIT.usage;
}

const ROOT_HELP = `
\`sluice COMMAND --help\` shows options and examples. The server is found by --api-url, SLUICE_API_URL,
PREFECT_API_URL, the profile in use (\`sluice config view\`), or at http://127.0.0.1:4200/api.
Exit codes: 0 done, 1 refused or failed, 2 typed wrongly, 130 interrupted; exec gives its command's own.`;

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

/** Reads what was typed for one command. Commander reads, helps and complains; it knows only the path that was typed. */
import { Command as Commander, CommanderError, Option } from "commander";
import type { CommonOptions, System } from "./cli.ts";
import type { Command } from "./command.ts";
import { UsageError } from "./errors.ts";
import { ValueFault, type OptionSpec } from "./parameters.ts";
import { spellOut } from "./prefect-forms.ts";
import { parseApiUrl } from "./values.ts";

/** Reads what was typed after a command's name; undefined when it was `--help`, which is answered at once. */
export async function readLine(
  command: Command,
  summary: string,
  names: readonly string[],
  rest: readonly string[],
  system: System,
): Promise<{ values: Record<string, unknown>; common: CommonOptions } | undefined> {
  const own = Object.values(command.parameters);
  const hasShortHelp = !own.some((one) => one.kind === "option" && one.flags.startsWith("-h,"));
  const program = createCommander(names, summary, system, hasShortHelp);
  if (command.description !== undefined) program.description(`${summary}\n\n${command.description}`);
  const keys = declareParameters(program, command);
  addCommonOptions(program);
  const examples = command.examples.map((line) => `  ${line}`).join("\n");
  if (examples !== "") program.addHelpText("after", `\nExamples:\n${examples}`);
  program.action(() => undefined);
  try {
    // Words behind a command that is to be run are that command's own.
    const isWrapper = own.some(
      (one) => one.kind === "argument" && one.presence === "rest" && one.allowsOptions !== true,
    );
    await program.parseAsync(isWrapper ? rest : spellOut(rest, program.options), { from: "user" });
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
      // Commander keeps `--no-x` as a false x.
      if (parameter.presence === "flag") values[key] = given === !parameter.flags.includes("--no-");
      else values[key] = given ?? (parameter.presence === "repeated" ? [] : undefined);
    }
  }
  return { values, common: options };
}

/** A command of ours as commander knows it: it prints help, and throws instead of ending the process. */
export function createCommander(
  names: readonly string[],
  summary: string,
  system: System,
  hasShortHelp = true,
): Commander {
  const program = new Commander(["sluice", ...names].join(" "));
  program
    .description(summary)
    .exitOverride()
    .helpCommand(false)
    .helpOption(hasShortHelp ? "-h, --help" : "--help", "Show this help")
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

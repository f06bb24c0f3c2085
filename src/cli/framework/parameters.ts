/** What a command takes: positional arguments and options, each with a parser, so that nothing invalid reaches a call. */

/** Thrown by parsers: says what is wanted, as the end of the sentence "--limit wants …". */
export class ValueFault extends Error {}

/** Turns what was typed into a value or throws a {@link ValueFault}. */
export type Parse<Value> = (text: string) => Value;

interface Described {
  description: string;
  /** Names a list that shell completion may offer here. */
  completes?: CompletionSource;
}

/** What completion can ask the server for. */
export type CompletionSource =
  | "limits"
  | "pools"
  | "deployments"
  | "blocks"
  | "block-types"
  | "artifacts"
  | "profiles"
  | "settings"
  | "assignments";

export interface Argument<Value> extends Described {
  kind: "argument";
  /** As shown in usage, in capitals. */
  name: string;
  presence: "required" | "optional" | "rest";
  parse: Parse<unknown>;
  /** Of rest arguments: options may stand between and behind them. Else what begins them ends the options. */
  allowsOptions?: boolean;
  readonly phantom?: Value;
}

export interface OptionSpec<Value> extends Described {
  kind: "option";
  /** As commander reads them: `-l, --limit <n>`. */
  flags: string;
  presence: "required" | "optional" | "repeated" | "flag";
  parse: Parse<unknown>;
  choices?: readonly string[];
  readonly phantom?: Value;
}

export type Parameter<Value = unknown> = Argument<Value> | OptionSpec<Value>;
export type Parameters = Record<string, Parameter>;
/** The values of a command's parameters, by the key of each. */
export type ValuesOf<P extends Parameters> = {
  [Key in keyof P]: P[Key] extends Parameter<infer Value> ? Value : never;
};

interface More {
  completes?: CompletionSource;
}
interface MoreOfRest extends More {
  allowsOptions?: boolean;
}

/** A positional argument that must be there. */
export function argument(name: string, description: string): Argument<string>;
export function argument<Value>(
  name: string,
  description: string,
  parse: Parse<Value>,
  more?: More,
): Argument<Value>;
export function argument(
  name: string,
  description: string,
  parse: Parse<unknown> = parseText,
  more: More = {},
): Argument<unknown> {
  return { kind: "argument", name, description, presence: "required", parse, ...more };
}

/** A positional argument that may be left out. */
export function optionalArgument<Value>(
  name: string,
  description: string,
  parse: Parse<Value>,
  more: More = {},
): Argument<Value | undefined> {
  return { kind: "argument", name, description, presence: "optional", parse, ...more };
}

/** All remaining positional arguments; options of the command end where they begin, unless `allowsOptions` is set. */
export function restArguments<Value>(
  name: string,
  description: string,
  parse: Parse<Value>,
  more: MoreOfRest = {},
): Argument<Value[]> {
  return { kind: "argument", name, description, presence: "rest", parse, ...more };
}

/** An option with a value that may be left out. */
export function option<Value>(
  flags: string,
  description: string,
  parse: Parse<Value>,
  more: More = {},
): OptionSpec<Value | undefined> {
  return { kind: "option", flags, description, presence: "optional", parse, ...more };
}

/** An option with a value that must be there. */
export function requiredOption<Value>(
  flags: string,
  description: string,
  parse: Parse<Value>,
  more: More = {},
): OptionSpec<Value> {
  return { kind: "option", flags, description, presence: "required", parse, ...more };
}

/** An option that may be given several times. */
export function repeatedOption<Value>(
  flags: string,
  description: string,
  parse: Parse<Value>,
  more: More = {},
): OptionSpec<Value[]> {
  return { kind: "option", flags, description, presence: "repeated", parse, ...more };
}

/** A switch: true when given. */
export function flag(flags: string, description: string): OptionSpec<boolean> {
  return { kind: "option", flags, description, presence: "flag", parse: parseText };
}

/** Takes one of a few words. */
export function choiceOption<const Choice extends string>(
  flags: string,
  description: string,
  choices: readonly Choice[],
): OptionSpec<Choice | undefined> {
  return {
    kind: "option",
    flags,
    description,
    presence: "optional",
    choices,
    parse: (text) => {
      const found = choices.find((choice) => choice.toLowerCase() === text.toLowerCase());
      if (found === undefined) throw new ValueFault(`one of ${choices.join(", ")}`);
      return found;
    },
  };
}

/** Takes any text. */
export function parseText(text: string): string {
  return text;
}

/** The arguments of a program that people start by hand: what is not understood is said in one sentence, and ends it. */
import { readFileSync } from "node:fs";
import { parseArgs, type ParseArgsOptionsConfig } from "node:util";

/** Reads the arguments of the program in `file`, whose first comment is its `--help`. */
export function readArguments<const Options extends ParseArgsOptionsConfig>(file: string, options: Options) {
  const config = { options: { ...options, help: { type: "boolean", short: "h" } } } as const;
  try {
    const { values } = parseArgs(config);
    if ((values as { help?: boolean }).help === true) {
      console.log(readHeader(file));
      process.exit(0);
    }
    return values;
  } catch (error) {
    return refuseArguments((error as Error).message);
  }
}

/** Ends the program with what is wrong about its arguments. */
export function refuseArguments(reason: string): never {
  console.error(`${reason} \`--help\` says what there is.`);
  process.exit(2);
}

/** A number from an argument, at least `least`. */
export function readNumber(name: string, text: string, { least = 0, isWhole = true } = {}): number {
  const value = text.trim() === "" ? Number.NaN : Number(text);
  if (Number.isFinite(value) && value >= least && (!isWhole || Number.isSafeInteger(value))) return value;
  const kind = isWhole ? "a whole number below 2^53" : "a number";
  return refuseArguments(`--${name} ${text}: it wants ${kind}, ${least} at least.`);
}

/** Names from an argument, separated by commas, each of which must be `known`. */
export function readNames(name: string, text: string, known: readonly string[]): string[] {
  const names = text.split(",").filter((word) => word !== "");
  const unknown = names.find((word) => !known.includes(word));
  if (names.length === 0)
    return refuseArguments(`--${name}: it names nothing; there are ${known.join(", ")}.`);
  if (unknown === undefined) return names;
  return refuseArguments(`--${name} ${unknown}: there is no such thing; there are ${known.join(", ")}.`);
}

function readHeader(file: string): string {
  const [, comment = ""] = /^\/\*\*(.*?)\*\//s.exec(readFileSync(file, "utf8")) ?? [];
  return comment
    .replaceAll(/^ ?\* ?/gm, "")
    .replaceAll("`", "")
    .trim();
}

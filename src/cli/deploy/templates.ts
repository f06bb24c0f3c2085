/** Fills in `{{ $NAME }}` from the environment and `{{ prefect.variables.NAME }}` from the server, as `prefect deploy` does. */
import { writeCommand } from "../../contract/commands.ts";
import type { JsonObject, JsonValue } from "../../contract/wire/common.ts";

export interface TemplateSources {
  env: Readonly<Record<string, string | undefined>>;
  /** The value of a variable; undefined when there is none. */
  readVariable: (name: string) => Promise<JsonValue | undefined>;
  /** Hears of what the environment does not have; it stands for nothing then, as for `prefect deploy`. */
  onUnset: (name: string) => void;
  /** Steps whose results are not there, for nothing runs them. */
  stepIds?: readonly string[];
}

/** A place that cannot be filled in; the message is a whole sentence. */
export class TemplateFault extends Error {}

const PLACEHOLDER = /\{\{\s*(\$[A-Za-z_]\w*|prefect\.variables\.[A-Za-z_]\w*)\s*\}\}/g;

/**
 * Fills in all texts of a value. A text that is one placeholder takes the value's own type. Placeholders of other
 * kinds stay: job templates and workers have theirs.
 */
export async function fillTemplates<Value extends JsonValue>(
  value: Value,
  sources: TemplateSources,
): Promise<Value> {
  return (await fill(value, sources)) as Value;
}

async function fill(value: JsonValue, sources: TemplateSources): Promise<JsonValue> {
  if (typeof value === "string") return fillText(value, sources);
  if (Array.isArray(value)) return Promise.all(value.map((item) => fill(item, sources)));
  if (typeof value !== "object" || value === null) return value;
  const filled: JsonObject = {};
  for (const [key, item] of Object.entries(value)) filled[key] = await fill(item, sources);
  return filled;
}

/** `{{ build-image.tag }}`: what a step gave. */
const RESULT = /\{\{\s*([\w-]+)\.[\w.-]+\s*\}\}/g;

async function fillText(text: string, sources: TemplateSources): Promise<JsonValue> {
  for (const [placeholder, step = ""] of text.matchAll(RESULT))
    if (sources.stepIds?.includes(step) === true)
      throw new TemplateFault(
        `${placeholder}: sluice deploy runs no steps, so ${step} gives nothing; write the value itself, or {{ $NAME }} to take it from the environment.`,
      );
  const matches = [...text.matchAll(PLACEHOLDER)];
  const [only] = matches;
  if (only !== undefined && only[0] === text.trim()) return resolve(only[1] ?? "", sources);
  let filled = "";
  let end = 0;
  for (const match of matches) {
    const value = await resolve(match[1] ?? "", sources);
    filled += text.slice(end, match.index) + (typeof value === "string" ? value : JSON.stringify(value));
    end = match.index + match[0].length;
  }
  return filled + text.slice(end);
}

async function resolve(name: string, { env, readVariable, onUnset }: TemplateSources): Promise<JsonValue> {
  if (name.startsWith("$")) {
    const value = env[name.slice(1)];
    if (value === undefined) onUnset(name.slice(1));
    return value ?? "";
  }
  const variable = name.replace("prefect.variables.", "");
  const value = await readVariable(variable);
  if (value === undefined)
    throw new TemplateFault(
      `{{ ${name} }}: no variable named ${variable}; create it with \`${writeCommand("variable", "set", variable, "VALUE")}\`.`,
    );
  return value;
}

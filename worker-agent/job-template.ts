/**
 * Rendering of a pool's base job template, with the semantics of Prefect's workers (source: its
 * `utilities/templating` and `workers/base.py`). Pure: `template-references.ts` asks the server.
 */
import type { JsonObject, JsonValue } from "../src/contract/wire/common.ts";

/** `{{ name }}`, the name in the first group. */
export const PLACEHOLDER = /\{\{\s*([\w.\-[\]$]+)\s*\}\}/g;
const BLOCKS = "prefect.blocks.";
const VARIABLES = "prefect.variables.";

/** The template cannot be rendered; the message says what to change. */
export class TemplateError extends Error {}

/** What the process type's own template has (source: wire §3.3), for pools that were made without one. */
const PROCESS_CONFIGURATION: JsonObject = {
  command: "{{ command }}",
  env: "{{ env }}",
  labels: "{{ labels }}",
  name: "{{ name }}",
  stream_output: "{{ stream_output }}",
  working_dir: "{{ working_dir }}",
};

export interface TemplateInput {
  base_job_template: JsonObject;
  deployment_variables: JsonObject | null | undefined;
  run_variables: JsonObject | null | undefined;
}

/**
 * Renders the job configuration of one run, but for what it says of blocks and variables on the server. The run's job
 * variables win over the deployment's, and these over the template's defaults; `env` is merged, everything else replaced.
 */
export function renderJob(input: TemplateInput, env: NodeJS.ProcessEnv): JsonObject {
  const configuration = asObject(input.base_job_template["job_configuration"]) ?? PROCESS_CONFIGURATION;
  const defaults = readDefaults(asObject(input.base_job_template["variables"]));
  const chosen = mergeVariables(input.deployment_variables ?? {}, input.run_variables ?? {});
  const values = { ...defaults, ...nestKeys(chosen) };
  const base: JsonObject = { ...configuration };
  const defaultEnv = asObject(defaults["env"]);
  if (defaultEnv !== undefined && Object.keys(defaultEnv).length > 0)
    base["env"] = { ...asObject(base["env"]), ...defaultEnv };
  const baseEnv = asObject(base["env"]);
  const chosenEnv = asObject(values["env"]);
  if (baseEnv !== undefined && chosenEnv !== undefined) base["env"] = { ...baseEnv, ...chosenEnv };
  return asObject(applyValues(base, values, env)) ?? {};
}

/** Merges the job variables of a run over those of its deployment; `env` key by key. */
export function mergeVariables(deployment: JsonObject, run: JsonObject): JsonObject {
  const env = asObject(deployment["env"]);
  const runEnv = asObject(run["env"]);
  return {
    ...deployment,
    ...run,
    ...(env === undefined || runEnv === undefined ? {} : { env: { ...env, ...runEnv } }),
  };
}

/** Replaces placeholders by values; undefined where a whole value is one placeholder without a value. */
export function applyValues(
  template: JsonValue,
  values: JsonObject,
  env: NodeJS.ProcessEnv,
): JsonValue | undefined {
  if (typeof template === "string") return applyToText(template, values, env);
  if (Array.isArray(template))
    return template.flatMap((item) => {
      const applied = applyValues(item, values, env);
      return applied === undefined ? [] : [applied];
    });
  if (typeof template !== "object" || template === null) return template;
  return mapObject(template, (value) => applyValues(value, values, env));
}

function applyToText(template: string, values: JsonObject, env: NodeJS.ProcessEnv): JsonValue | undefined {
  const whole = wholePlaceholder(template);
  if (whole !== undefined && kindOf(whole) === "standard") return lookUp(values, whole);
  return template.replaceAll(PLACEHOLDER, (text, name: string) => {
    const kind = kindOf(name);
    if (kind === "env") return env[name.replace(/^\$+/, "")] ?? "";
    if (kind !== "standard") return text;
    const value = lookUp(values, name);
    return value === undefined ? "" : writeText(value);
  });
}

/** A key with dots names a place further in (`env.NAME`); what is written out there wins. */
function nestKeys(variables: JsonObject): JsonObject {
  const entries = Object.entries(variables);
  let nested: JsonObject = {};
  for (const [key, value] of entries) if (key.includes(".")) nested = setAt(nested, splitPath(key), value);
  return mergeDeep(nested, Object.fromEntries(entries.filter(([key]) => !key.includes("."))));
}

function setAt(object: JsonObject, [key = "", ...rest]: string[], value: JsonValue): JsonObject {
  return { ...object, [key]: rest.length === 0 ? value : setAt(asObject(object[key]) ?? {}, rest, value) };
}

function mergeDeep(object: JsonObject, over: JsonObject): JsonObject {
  const merged: JsonObject = { ...object };
  for (const [key, value] of Object.entries(over)) {
    const [below, above] = [asObject(merged[key]), asObject(value)];
    merged[key] = below !== undefined && above !== undefined ? mergeDeep(below, above) : value;
  }
  return merged;
}

/** The defaults that are not null: what is not given at all leaves its place out. */
function readDefaults(schema: JsonObject | undefined): JsonObject {
  const properties = asObject(schema?.["properties"]) ?? {};
  return mapObject(properties, (property) => asObject(property)?.["default"] ?? undefined);
}

/** What a placeholder of this name stands for. */
export function kindOf(name: string): "standard" | "variable" | "block" | "env" {
  if (name.startsWith(BLOCKS)) return "block";
  if (name.startsWith(VARIABLES)) return "variable";
  return name.startsWith("$") ? "env" : "standard";
}

/** The name of the placeholder that a text consists of. */
export function wholePlaceholder(template: string): string | undefined {
  return /^\{\{\s*([\w.\-[\]$]+)\s*\}\}$/.exec(template)?.[1];
}

/** Follows `a.b[0]` into a value. */
export function lookUp(root: JsonValue | undefined, path: string): JsonValue | undefined {
  let value = root;
  for (const key of splitPath(path)) {
    if (Array.isArray(value)) value = /^\d+$/.test(key) ? value[Number(key)] : undefined;
    else if (typeof value === "object" && value !== null && Object.hasOwn(value, key)) value = value[key];
    else return undefined;
  }
  return value;
}

function splitPath(path: string): string[] {
  return path.replaceAll("[", ".").replaceAll("]", "").split(".");
}

/** Writes a value inside a text as Python's `str` does for the plain ones, so that templates mean the same. */
export function writeText(value: JsonValue): string {
  if (typeof value === "string") return value;
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  return JSON.stringify(value);
}

function mapObject(object: JsonObject, map: (value: JsonValue) => JsonValue | undefined): JsonObject {
  const mapped: JsonObject = {};
  for (const [key, value] of Object.entries(object)) {
    const result = map(value);
    if (result !== undefined) mapped[key] = result;
  }
  return mapped;
}

/** Replaces every text in a value. */
export async function mapTexts(
  value: JsonValue,
  map: (text: string) => Promise<JsonValue>,
): Promise<JsonValue> {
  if (typeof value === "string") return map(value);
  if (Array.isArray(value)) return Promise.all(value.map((item) => mapTexts(item, map)));
  const object = asObject(value);
  if (object === undefined) return value;
  const entries = Object.entries(object).map(
    async ([key, item]) => [key, await mapTexts(item, map)] as const,
  );
  return Object.fromEntries(await Promise.all(entries));
}

/** Narrows a JSON value to an object. */
export function asObject(value: JsonValue | undefined): JsonObject | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value : undefined;
}

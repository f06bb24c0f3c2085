/**
 * Rendering of a pool's base job template, with the semantics of Prefect's workers (source: its
 * `utilities/templating.py` and `workers/base.py`). Pure, but for the variables that it asks for.
 */
import type { JsonObject, JsonValue } from "../src/contract/wire/common.ts";

const PLACEHOLDER = /\{\{\s*([\w.\-[\]$]+)\s*\}\}/g;
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

/** Asks for the value of a variable by name; undefined when there is none. */
export type ReadVariable = (name: string) => Promise<JsonValue | undefined>;

/**
 * Renders the job configuration of one run. The run's job variables win over the deployment's, and these over the
 * template's defaults; `env` is merged, everything else replaced.
 */
export async function renderJob(
  input: TemplateInput,
  env: NodeJS.ProcessEnv,
  readVariable: ReadVariable,
): Promise<JsonObject> {
  const configuration = asObject(input.base_job_template["job_configuration"]) ?? PROCESS_CONFIGURATION;
  const defaults = readDefaults(asObject(input.base_job_template["variables"]));
  const chosen = mergeVariables(input.deployment_variables ?? {}, input.run_variables ?? {});
  const values = { ...defaults, ...chosen };
  const base: JsonObject = { ...configuration };
  const defaultEnv = asObject(defaults["env"]);
  if (defaultEnv !== undefined && Object.keys(defaultEnv).length > 0) base["env"] = defaultEnv;
  const baseEnv = asObject(base["env"]);
  const chosenEnv = asObject(values["env"]);
  if (baseEnv !== undefined && chosenEnv !== undefined) base["env"] = { ...baseEnv, ...chosenEnv };
  const applied = asObject(applyValues(base, values, env)) ?? {};
  refuseBlocks(applied);
  const resolved = await resolveVariables(applied, readVariable);
  return asObject(resolved) ?? {};
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

function refuseBlocks(template: JsonValue): void {
  const text = JSON.stringify(template);
  const used = [...text.matchAll(PLACEHOLDER)].map(([, name = ""]) => name);
  const block = used.find((name) => name.startsWith(BLOCKS));
  if (block !== undefined)
    throw new TemplateError(
      `The job template uses the block placeholder {{ ${block} }}, which this worker cannot resolve; use a variable ({{ prefect.variables.NAME }}) or the worker's environment ({{ $NAME }}) instead`,
    );
  if (text.includes('"block_document_id"'))
    throw new TemplateError(
      "The job template refers to a block document ($ref), which this worker cannot resolve; put the value there, or use {{ prefect.variables.NAME }}",
    );
}

async function resolveVariables(template: JsonValue, read: ReadVariable): Promise<JsonValue> {
  if (Array.isArray(template)) return Promise.all(template.map((item) => resolveVariables(item, read)));
  if (typeof template === "object" && template !== null) {
    const entries = Object.entries(template).map(
      async ([key, value]) => [key, await resolveVariables(value, read)] as const,
    );
    return Object.fromEntries(await Promise.all(entries));
  }
  if (typeof template !== "string") return template;
  const whole = wholePlaceholder(template);
  if (whole !== undefined && kindOf(whole) === "variable")
    return (await read(whole.slice(VARIABLES.length))) ?? "";
  let text = template;
  for (const [placeholder, name = ""] of template.matchAll(PLACEHOLDER)) {
    if (kindOf(name) !== "variable") continue;
    const value = await read(name.slice(VARIABLES.length));
    text = text.replaceAll(placeholder, () => (value === undefined ? "" : writeText(value)));
  }
  return text;
}

function readDefaults(schema: JsonObject | undefined): JsonObject {
  const properties = asObject(schema?.["properties"]) ?? {};
  return mapObject(properties, (property) => asObject(property)?.["default"]);
}

function kindOf(name: string): "standard" | "variable" | "block" | "env" {
  if (name.startsWith(BLOCKS)) return "block";
  if (name.startsWith(VARIABLES)) return "variable";
  return name.startsWith("$") ? "env" : "standard";
}

function wholePlaceholder(template: string): string | undefined {
  return /^\{\{\s*([\w.\-[\]$]+)\s*\}\}$/.exec(template)?.[1];
}

/** Follows `a.b[0]` into the values. */
function lookUp(values: JsonObject, path: string): JsonValue | undefined {
  let value: JsonValue | undefined = values;
  for (const key of path.replaceAll("[", ".").replaceAll("]", "").split(".")) {
    if (Array.isArray(value)) value = /^\d+$/.test(key) ? value[Number(key)] : undefined;
    else if (typeof value === "object" && value !== null && Object.hasOwn(value, key)) value = value[key];
    else return undefined;
  }
  return value;
}

/** Writes a value inside a text as Python's `str` does for the plain ones, so that templates mean the same. */
function writeText(value: JsonValue): string {
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

/** Narrows a JSON value to an object. */
export function asObject(value: JsonValue | undefined): JsonObject | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value : undefined;
}

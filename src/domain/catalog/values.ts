/** Checks of the values that a deployment gives its runs. What is missing may still come with each run. */
import type { JsonObject, JsonValue } from "../../contract/wire/common.ts";
import { findJobVariablesFault, findParameterFault } from "../pool/schemas.ts";

/** Levels of a schema that are looked at; what lies deeper is left as it is. */
const DEPTH_MAX = 50;

/** Says why default parameters do not fit the flow's schema; undefined when they do. */
export function findDefaultsFault(schema: JsonObject | null, parameters: JsonObject): string | undefined {
  return schema === null ? undefined : findParameterFault(waiveRequired(schema), parameters);
}

/** Says why job variables do not fit the pool's template; undefined when they do. */
export function findVariablesFault(template: JsonObject, job_variables: JsonObject): string | undefined {
  return findJobVariablesFault(waiveRequired(template), job_variables);
}

function waiveRequired(schema: JsonObject): JsonObject {
  return waive(schema, DEPTH_MAX) as JsonObject;
}

function waive(value: JsonValue, depth: number): JsonValue {
  if (depth === 0 || typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => waive(item, depth - 1));
  // Only a list is the keyword; a property may have that name too.
  const kept = Object.entries(value).filter(([key, part]) => key !== "required" || !Array.isArray(part));
  return Object.fromEntries(kept.map(([key, part]) => [key, waive(part, depth - 1)]));
}

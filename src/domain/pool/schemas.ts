/** Checks of values against the JSON schemas that users give: parameters of flows, job variables of pools. */
import { Validator } from "@cfworker/json-schema";
import type { JsonObject, JsonValue } from "../../contract/wire/common.ts";
import { boundSchema } from "./schema-budget.ts";

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Says what is wrong with a value by a schema; undefined when nothing is, or when the schema itself cannot be used or
 * would take too long.
 */
function findFault(schema: JsonObject, value: JsonValue): string | undefined {
  let result;
  try {
    result = new Validator(boundSchema(schema, value), "2020-12", false).validate(value);
  } catch {
    return undefined;
  }
  if (result.valid) return undefined;
  // The last one is the most exact: the others say that what contains it does not match.
  const fault = result.errors.at(-1);
  if (fault === undefined) return "Validation failed.";
  const field = fault.instanceLocation.replace(/^#\/?/, "");
  return field === ""
    ? `Validation failed. Failure reason: ${fault.error}`
    : `Validation failed for field '${field.replaceAll("/", ".")}'. Failure reason: ${fault.error}`;
}

/** Says why the parameters of a run do not fit its flow's schema; undefined when they do. */
export function findParameterFault(schema: JsonObject | null, parameters: JsonObject): string | undefined {
  if (schema === null || Object.keys(schema).length === 0) return undefined;
  return findFault(schema, parameters);
}

/**
 * Says why job variables do not fit the pool's template; undefined when they do. A value that is still a template
 * itself (`{{ … }}`) is only known to the worker. A declared default stands in for what is missing.
 */
export function findJobVariablesFault(template: JsonObject, job_variables: JsonObject): string | undefined {
  const { variables } = template;
  if (!isObject(variables)) return undefined;
  const properties = isObject(variables["properties"]) ? variables["properties"] : {};
  const known: JsonObject = {};
  for (const [name, value] of Object.entries(job_variables))
    if (!JSON.stringify(value).includes("{{")) known[name] = value;
  const deferred = Object.keys(job_variables).filter((name) => !Object.hasOwn(known, name));
  const required = (Array.isArray(variables["required"]) ? variables["required"] : []).filter((name) => {
    const property = typeof name === "string" ? properties[name] : undefined;
    const hasDefault = isObject(property) && Object.hasOwn(property, "default");
    return !hasDefault && !(typeof name === "string" && deferred.includes(name));
  });
  return findFault({ ...variables, required }, known);
}

/** Checks of values against the JSON schemas that users give: parameters of flows, job variables of pools. */
import { Validator, type OutputUnit } from "@cfworker/json-schema";
import type { JsonObject, JsonValue } from "../../contract/wire/common.ts";
import { boundSchema } from "./schema-budget.ts";

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** All that is wrong with a value by a schema; undefined when the schema cannot be used or would take too long. */
export function listFaults(schema: JsonObject, value: JsonValue): OutputUnit[] | undefined {
  try {
    return new Validator(boundSchema(schema, value), "2020-12", false).validate(value).errors;
  } catch {
    return undefined;
  }
}

/**
 * Says what is wrong with a value by a schema; undefined when nothing is, or when the schema itself cannot be used or
 * would take too long.
 */
function findFault(schema: JsonObject, value: JsonValue): string | undefined {
  // The last one is the most exact: the others say that what contains it does not match.
  const fault = listFaults(schema, value)?.at(-1);
  if (fault === undefined) return undefined;
  const field = fault.instanceLocation.replace(/^#\/?/, "");
  return field === ""
    ? `Validation failed. Failure reason: ${fault.error}`
    : `Validation failed for field '${field.replaceAll("/", ".")}'. Failure reason: ${fault.error}`;
}

/**
 * A flow's schema as Prefect's server reads it (source: `preprocess_schema` in its `utilities/schema_tools/validation.py`):
 * what need not be given and has no default may be null, a list of `items` is one schema for each place, and a block may
 * be named by `$ref` instead of being spelt out.
 */
export function readFlowSchema(schema: JsonObject): JsonObject {
  const { definitions } = schema;
  if (!isObject(definitions)) return readProperties(schema);
  const read = Object.entries(definitions).map(([name, definition]): [string, JsonValue] => {
    if (!isObject(definition)) return [name, definition];
    const itself = readProperties(definition);
    return [
      name,
      definition["block_type_slug"] === undefined ? itself : { anyOf: [itself, BLOCK_REFERENCE] },
    ];
  });
  return { ...readProperties(schema), definitions: Object.fromEntries(read) };
}

/** The id of a block document, or what else it may be found by. */
const BLOCK_REFERENCE: JsonObject = {
  type: "object",
  properties: {
    $ref: {
      anyOf: [
        { type: "string", format: "uuid" },
        { type: "object", additionalProperties: { type: "string" }, minProperties: 1 },
      ],
    },
  },
  required: ["$ref"],
};

function readProperties(schema: JsonObject): JsonObject {
  const { properties, required } = schema;
  if (!isObject(properties)) return schema;
  const names = Array.isArray(required) ? required : [];
  const read = Object.entries(properties).map(([name, property]): [string, JsonValue] => {
    if (!isObject(property)) return [name, property];
    const { items, prefixItems, ...rest } = readProperties(property);
    const { type } = rest;
    const isNullable = typeof type === "string" && !names.includes(name) && !Object.hasOwn(rest, "default");
    return [
      name,
      {
        ...rest,
        ...(isNullable && { type: [type, "null"] }),
        ...(prefixItems !== undefined && { prefixItems }),
        ...(items !== undefined &&
          (Array.isArray(items) && prefixItems === undefined ? { prefixItems: items } : { items })),
      },
    ];
  });
  return { ...schema, properties: Object.fromEntries(read) };
}

/** Says why the parameters of a run do not fit its flow's schema; undefined when they do. */
export function findParameterFault(schema: JsonObject | null, parameters: JsonObject): string | undefined {
  if (schema === null || Object.keys(schema).length === 0) return undefined;
  return findFault(readFlowSchema(schema), parameters);
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

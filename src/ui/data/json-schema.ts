/** JSON schemas as far as forms read them: references followed, `null` taken out of choices, single parts merged. */
import type { JsonObject, JsonValue } from "../../contract/wire/common.ts";

/** References that lead to references; a schema may refer to itself. */
const STEPS_MAX = 20;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export interface Resolved {
  schema: JsonObject;
  isNullable: boolean;
}

/** What a part of a schema comes to; what is said nearer to its use counts more. */
export function resolveSchema(part: JsonValue | undefined, root: JsonObject): Resolved {
  let schema = isObject(part) ? part : {};
  let isNullable = false;
  for (let step = 0; step < STEPS_MAX; step += 1) {
    const { $ref, allOf, anyOf, oneOf, type, ...own } = schema;
    if (typeof $ref === "string") {
      schema = { ...follow($ref, root), ...own };
      continue;
    }
    if (Array.isArray(type) && type.includes("null")) {
      const types = type.filter((name) => name !== "null");
      isNullable = true;
      schema = { ...schema, type: types.length === 1 ? (types[0] ?? null) : types };
      continue;
    }
    const choices = [allOf, anyOf, oneOf].find(Array.isArray) ?? [];
    const others = choices.filter((choice) => !isObject(choice) || choice["type"] !== "null");
    isNullable ||= others.length < choices.length;
    const [only] = others;
    if (others.length !== 1 || !isObject(only)) break;
    schema = { ...only, ...own };
  }
  return { schema, isNullable };
}

/** `#/definitions/Model` */
function follow(reference: string, root: JsonObject): JsonObject {
  if (!reference.startsWith("#")) return {};
  let at: JsonValue | undefined = root;
  for (const step of reference.slice(1).split("/").slice(1))
    at = isObject(at) ? at[step.replaceAll("~1", "/").replaceAll("~0", "~")] : undefined;
  return isObject(at) ? at : {};
}

/** What a schema wants, in a few words: `a list of integers`, `one of "a", "b"`. */
export function describeSchema(part: JsonValue | undefined, root: JsonObject, depth = 0): string {
  const { schema, isNullable } = resolveSchema(part, root);
  const words = describeResolved(schema, root, depth);
  return isNullable ? `${words} or null` : words;
}

const DEPTH_MAX = 2;

function describeResolved(schema: JsonObject, root: JsonObject, depth: number): string {
  const { type, format, anyOf, oneOf, items, properties, title } = schema;
  const choices = listChoices(schema);
  if (choices !== undefined) return `one of ${choices.map((choice) => JSON.stringify(choice)).join(", ")}`;
  const several = Array.isArray(anyOf) ? anyOf : Array.isArray(oneOf) ? oneOf : undefined;
  if (several !== undefined && depth < DEPTH_MAX)
    return [...new Set(several.map((each) => describeSchema(each, root, depth + 1)))].join(" or ");
  if (type === "array") {
    if (depth === DEPTH_MAX || !isObject(items)) return "list";
    return `list of ${describeSchema(items, root, depth + 1)}`;
  }
  if (isObject(properties) && depth < DEPTH_MAX) {
    const fields = Object.entries(properties).map(
      ([name, property]) => `${name}: ${describeSchema(property, root, depth + 1)}`,
    );
    return `{ ${fields.join(", ")} }`;
  }
  if (type === "string" && typeof format === "string") return format;
  if (typeof type === "string") return type === "string" ? "text" : type;
  return typeof title === "string" && depth > 0 ? title : "any JSON value";
}

/** The values that a schema allows, where it lists them. */
export function listChoices({ enum: values, const: only }: JsonObject): JsonValue[] | undefined {
  if (Array.isArray(values)) return values;
  return only === undefined ? undefined : [only];
}

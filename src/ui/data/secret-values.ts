/** Values as whoever looks at a page may see them: what a schema says is secret stands there as dots. */
import type { JsonObject, JsonValue } from "../../contract/wire/common.ts";
import { isObject, resolveSchema } from "./json-schema.ts";

const DOTS = "•••";
/** Deeper than that a schema that refers to itself is not followed, and so all that is there is hidden. */
const DEPTH_MAX = 10;

/** As pydantic writes `SecretStr`. */
export function isSecret({ format, writeOnly }: JsonObject): boolean {
  return format === "password" || writeOnly === true;
}

/** The value without what is secret in it by this part of a schema. */
export function hideSecrets(
  value: JsonValue,
  part: JsonValue | undefined,
  root: JsonObject,
  depth = 0,
): JsonValue {
  if (value === null || part === undefined) return value;
  const { schema } = resolveSchema(part, root);
  if (isSecret(schema) || depth > DEPTH_MAX) return DOTS;
  const hide = (inner: JsonValue, of: JsonValue | undefined): JsonValue =>
    hideSecrets(inner, of, root, depth + 1);
  const { allOf, anyOf, oneOf, items, prefixItems, properties, additionalProperties } = schema;
  // Which of several it is meant as is not known: what may be secret counts as that.
  const seen = [allOf, anyOf, oneOf]
    .flatMap((parts) => (Array.isArray(parts) ? parts : []))
    .reduce(hide, value);
  if (Array.isArray(seen)) {
    const first = Array.isArray(prefixItems) ? prefixItems : [];
    return seen.map((item, index) => hide(item, first[index] ?? items));
  }
  if (!isObject(seen)) return seen;
  const named = isObject(properties) ? properties : {};
  return Object.fromEntries(
    Object.entries(seen).map(([name, inner]) => [
      name,
      hide(inner, Object.hasOwn(named, name) ? named[name] : additionalProperties),
    ]),
  );
}

/** The same of all parameters of a run or schedule, by the schema of its deployment. */
export function hideSecretParameters(parameters: JsonObject, schema: JsonObject | null): JsonValue {
  return schema === null ? parameters : hideSecrets(parameters, schema, schema);
}

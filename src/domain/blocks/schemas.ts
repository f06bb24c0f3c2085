/** What registering a block's schema makes: the schema itself and those of the blocks nested in it. */
import { refuse, type Result } from "../../contract/errors.ts";
import type { JsonObject } from "../../contract/wire/common.ts";
import {
  collectReferences,
  computeChecksum,
  isObject,
  keyOfDefinition,
  toPlain,
  type SentJson,
  type SentObject,
} from "./checksum.ts";

/** Schemas that one registration may bring along, and how long they may be together: each has the definitions it needs. */
const NESTED_MAX = 200;
const NESTED_CHARACTERS_MAX = 4_000_000;

/** A nested block as its parent names it. */
export interface SchemaReference {
  block_type_slug: string;
  checksum: string;
  /** The definition that its schema can be made from, null where the parent has none. */
  definition: string | null;
}

/** A schema that is not stored yet. */
export interface SchemaDraft {
  checksum: string;
  fields: JsonObject;
  references: SchemaReference[];
}

/** A schema and, by the names of their definitions, those that may have to be made before it. */
export interface SchemaPlan {
  root: SchemaDraft;
  nested: Record<string, SchemaDraft>;
}

/** Reads a sent schema; refuses one whose nested blocks cannot be told apart or are too many. */
export function planSchema(fields: SentObject): Result<SchemaPlan> {
  const given = fields["definitions"];
  const definitions = isObject(given) ? given : {};
  const nested = new Map<string, SchemaDraft>();
  const root = draft(fields, definitions);
  const open = [...root.references];
  let characters = 0;
  for (let reference = open.pop(); reference !== undefined; reference = open.pop()) {
    const key = reference.definition;
    if (key === null || nested.has(key)) continue;
    const definition = definitions[key];
    if (!isObject(definition)) continue;
    if (nested.size === NESTED_MAX) return refuse("invalid", `A block may nest ${NESTED_MAX} others.`);
    const needed = listNeeded(definition, definitions);
    const made = draft({ ...definition, ...(needed !== null && { definitions: needed }) }, definitions);
    characters += JSON.stringify(made.fields).length;
    if (characters > NESTED_CHARACTERS_MAX)
      return refuse("invalid", "The schemas of the blocks nested in this one are too long together.");
    nested.set(key, made);
    open.push(...made.references);
  }
  return { ok: true, value: { root, nested: Object.fromEntries(nested) } };
}

function draft(fields: SentObject, definitions: SentObject): SchemaDraft {
  return {
    checksum: computeChecksum(fields),
    fields: toPlain(fields) as JsonObject,
    references: listReferences(fields, definitions),
  };
}

/** The definitions that one refers to, itself or through others; null where it refers to none. */
function listNeeded(definition: SentObject, definitions: SentObject): SentObject | null {
  const needed = new Map<string, SentJson>();
  const open = collectReferences(definition);
  for (let reference = open.pop(); reference !== undefined; reference = open.pop()) {
    const key = keyOfDefinition(reference);
    const found = Object.hasOwn(definitions, key) ? definitions[key] : undefined;
    if (found === undefined || needed.has(key)) continue;
    needed.set(key, found);
    open.push(...collectReferences(found));
  }
  return needed.size === 0 ? null : Object.fromEntries(needed);
}

/** The blocks that a schema's fields hold, a field of several kinds each of them. */
function listReferences(fields: SentObject, definitions: SentObject): SchemaReference[] {
  const { block_schema_references: named, properties } = fields;
  if (!isObject(named)) return [];
  return Object.entries(named).flatMap(([name, kinds]) => {
    const property = isObject(properties) && Object.hasOwn(properties, name) ? properties[name] : undefined;
    return (Array.isArray(kinds) ? kinds : [kinds]).filter(isReference).map((kind) => ({
      block_type_slug: kind.block_type_slug,
      checksum: kind.block_schema_checksum,
      definition: findDefinition(property ?? null, kind.block_type_slug, definitions),
    }));
  });
}

function isReference(
  kind: SentJson,
): kind is SentObject & { block_type_slug: string; block_schema_checksum: string } {
  return (
    isObject(kind) &&
    typeof kind["block_type_slug"] === "string" &&
    typeof kind["block_schema_checksum"] === "string"
  );
}

/** The definition of a field's block; where the field allows several, the one that names the type. */
function findDefinition(property: SentJson, slug: string, definitions: SentObject): string | null {
  const keys = collectReferences(property)
    .map(keyOfDefinition)
    .filter((key) => Object.hasOwn(definitions, key));
  const [only, ...others] = keys;
  if (only !== undefined && others.length === 0) return only;
  return (
    keys.find((key) => {
      const definition = definitions[key];
      return isObject(definition) && definition["block_type_slug"] === slug;
    }) ?? null
  );
}

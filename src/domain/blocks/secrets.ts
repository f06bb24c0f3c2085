/**
 * Which values of a block are secret, and how a document is stored without them. A stored document shows `********`
 * where a secret is; the sealed value lies beside it under its path. Whoever opens a secret has the key, the object that
 * stores it has not.
 */
import type { JsonObject, JsonValue } from "../../contract/wire/common.ts";

/** What stands where a secret is (source: Prefect's `utilities/names.py`). */
const OBFUSCATED = "********";

/** The keys that lead to a value, outermost first. */
export type Path = readonly string[];

/** A value and where it lies. */
export interface Placed<Value> {
  path: Path;
  value: Value;
}

/** A document's data as stored. */
export interface SealedData {
  /** With `********` where a secret is. */
  data: JsonObject;
  sealed: Placed<string>[];
}

/** Data divided by what may be shown. */
export interface DividedData {
  data: JsonObject;
  secrets: Placed<JsonValue>[];
  /** Secret places that were sent obfuscated: what is stored there stays. */
  kept: Path[];
}

/** A place that a schema calls secret: the value there, or with `isBelow` every value below it. */
interface SecretPlace {
  path: Path;
  isBelow: boolean;
}

/** Reads the secret places off a schema's fields: `value`, `headers.*` (source: Prefect's `secret_fields`). */
function placesOf(fields: JsonObject): SecretPlace[] {
  const named = fields["secret_fields"];
  const places = (Array.isArray(named) ? named : []).filter((place) => typeof place === "string");
  return [...new Set(places)].map((place) => {
    const path = place.split(".");
    const wildcard = path.indexOf("*");
    return wildcard === -1 ? { path, isBelow: false } : { path: path.slice(0, wildcard), isBelow: true };
  });
}

/** Takes the secrets out of data by the schema of its block. */
export function divideSecrets(data: JsonObject, fields: JsonObject): DividedData {
  const divided: DividedData = { data, secrets: [], kept: [] };
  const take = (path: Path, value: JsonValue): JsonValue => {
    if (value === null) return null;
    if (value === OBFUSCATED) divided.kept.push(path);
    else divided.secrets.push({ path, value });
    return OBFUSCATED;
  };
  const takeAll = (path: Path, value: JsonValue): JsonValue =>
    isObject(value) && Object.keys(value).length > 0
      ? mapEntries(value, (key, item) => takeAll([...path, key], item))
      : take(path, value);
  for (const { path, isBelow } of placesOf(fields))
    divided.data = replaceAt(divided.data, path, (value) => (isBelow ? takeAll : take)(path, value));
  return divided;
}

/** Puts secrets back in their places. */
export function layOver(data: JsonObject, secrets: readonly Placed<JsonValue>[]): JsonObject {
  let whole = data;
  for (const { path, value } of secrets) whole = replaceAt(whole, path, () => value);
  return whole;
}

/** What is sent to change stored data. */
export interface DataChange extends SealedData {
  kept: readonly Path[];
  /** The fields that become references to other documents. */
  references: Readonly<Record<string, string>>;
  /** Whether fields that are not sent stay. */
  is_merging: boolean;
}

/** Changes stored data as Prefect's `PATCH` does. */
export function changeData(current: SealedData, change: DataChange): SealedData {
  const kept = new Set(change.kept.map((path) => JSON.stringify(path)));
  const isSent = (field: string) =>
    Object.hasOwn(change.data, field) || Object.hasOwn(change.references, field);
  const staying = Object.entries(current.data).filter(([field]) => change.is_merging && !isSent(field));
  return {
    data: { ...Object.fromEntries(staying), ...change.data },
    sealed: [
      ...current.sealed.filter(
        ({ path }) => kept.has(JSON.stringify(path)) || (change.is_merging && !isSent(path[0] ?? "")),
      ),
      ...change.sealed,
    ],
  };
}

/** Divides data into what it holds itself and, by the names of their fields, the ids of the documents it refers to. */
export function divideReferences(data: JsonObject): { own: JsonObject; references: Map<string, JsonValue> } {
  const references = new Map<string, JsonValue>();
  const own = Object.entries(data).filter(([name, value]) => {
    if (!isObject(value) || !Object.hasOwn(value, "$ref")) return true;
    const target = value["$ref"] ?? null;
    references.set(name, isObject(target) ? (target["block_document_id"] ?? null) : null);
    return false;
  });
  return { own: Object.fromEntries(own), references };
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function mapEntries(object: JsonObject, change: (key: string, value: JsonValue) => JsonValue): JsonObject {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, change(key, value)]));
}

/** Replaces the value at a path, where there is one. */
function replaceAt(data: JsonObject, path: Path, change: (value: JsonValue) => JsonValue): JsonObject {
  const [head, ...rest] = path;
  if (head === undefined || !Object.hasOwn(data, head)) return data;
  return mapEntries(data, (key, value) => {
    if (key !== head) return value;
    if (rest.length === 0) return change(value);
    return isObject(value) ? replaceAt(value, rest, change) : value;
  });
}

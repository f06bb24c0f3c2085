/**
 * The checksum by which Prefect's clients find the schema of a block class. It is the digest of the schema as Python
 * writes JSON (source: Prefect's `blocks/core.py` and `utilities/hashing.py`), so numbers keep the form in which they
 * were sent: `5.0` and `5` are one number here and two texts there.
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";

/** A number with the text that it was sent as. */
export class SentNumber {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

export type SentJson = string | boolean | null | SentNumber | SentJson[] | SentObject;
export type SentObject = { [key: string]: SentJson };

/** Parses JSON without losing the form of its numbers. Throws a SyntaxError for anything else. */
export function parseSent(text: string): SentJson {
  const keepForm = (_key: string, value: unknown, { source }: { source?: string } = {}): unknown =>
    typeof value === "number" ? new SentNumber(source ?? String(value)) : value;
  return JSON.parse(text, keepForm) as SentJson;
}

/** Tells an object from the other kinds of values. */
export function isObject(value: SentJson | undefined): value is SentObject {
  return (
    typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof SentNumber)
  );
}

/** Turns numbers into numbers again, for storing. */
export function toPlain(value: SentJson): unknown {
  if (value instanceof SentNumber) return Number(value.text);
  if (Array.isArray(value)) return value.map(toPlain);
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, toPlain(item)]));
}

/** The checksum of a schema's fields; `definitions` that no `$ref` outside of other blocks leads to do not count. */
export function computeChecksum(fields: SentObject): string {
  const counted = dropSecretFields(fields) as SentObject;
  const { definitions, ...rest } = counted;
  const own = isObject(definitions) ? ownDefinitions(counted, definitions) : {};
  const isKept = !isObject(definitions) || Object.keys(definitions).length === 0;
  const hashed = {
    ...rest,
    ...(isKept
      ? definitions !== undefined && { definitions }
      : Object.keys(own).length > 0 && { definitions: own }),
  };
  return `sha256:${bytesToHex(sha256(utf8ToBytes(`[[${writePython(hashed)}], {}]`)))}`;
}

/** The definitions that an object refers to, itself or through one of them, without those of other blocks. */
function ownDefinitions(of: SentJson, definitions: SentObject): SentObject {
  const own = new Map<string, SentObject>();
  const visit = (value: SentJson): void => {
    for (const reference of collectReferences(value)) {
      const key = keyOfDefinition(reference);
      const definition = Object.hasOwn(definitions, key) ? definitions[key] : undefined;
      if (!isObject(definition) || Object.keys(definition).length === 0) continue;
      if ((definition["block_type_slug"] ?? null) !== null || own.has(key)) continue;
      own.set(key, definition);
      visit(definition);
    }
  };
  visit(of);
  return Object.fromEntries(own);
}

/** The name of the definition that a `$ref` means. */
export function keyOfDefinition(reference: string): string {
  return reference.replaceAll("#/definitions/", "");
}

/** All texts of `$ref` in a value. */
export function collectReferences(value: SentJson): string[] {
  if (Array.isArray(value)) return value.flatMap(collectReferences);
  if (!isObject(value)) return [];
  const { $ref: own } = value;
  return [
    ...(typeof own === "string" && own !== "" ? [own] : []),
    ...Object.values(value).flatMap(collectReferences),
  ];
}

function dropSecretFields(value: SentJson): SentJson {
  if (Array.isArray(value)) return value.map(dropSecretFields);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => key !== "secret_fields")
      .map(([key, item]) => [key, dropSecretFields(item)]),
  );
}

/** Writes JSON as Python's `json.dumps(…, sort_keys=True)` does: in ASCII, with a blank after each separator. */
function writePython(value: SentJson): string {
  if (value instanceof SentNumber) return value.text;
  if (typeof value === "string") return writeText(value);
  if (Array.isArray(value)) return `[${value.map(writePython).join(", ")}]`;
  if (!isObject(value)) return String(value);
  const items = Object.entries(value)
    .toSorted(([left], [right]) => compareByCodePoints(left, right))
    .map(([key, item]) => `${writeText(key)}: ${writePython(item)}`);
  return `{${items.join(", ")}}`;
}

function writeText(text: string): string {
  return JSON.stringify(text).replaceAll(
    /[\u007f-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** Python orders texts by code points, JavaScript by UTF-16 units. */
function compareByCodePoints(left: string, right: string): number {
  const rights = right[Symbol.iterator]();
  for (const character of left) {
    const other = rights.next();
    if (other.done) return 1;
    const difference = (character.codePointAt(0) ?? 0) - (other.value.codePointAt(0) ?? 0);
    if (difference !== 0) return difference;
  }
  return rights.next().done ? 0 : -1;
}

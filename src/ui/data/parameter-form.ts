/**
 * The parameters of a deployment as fields of a form, and what is typed there as values. Simple ones have a field of their
 * kind; lists, objects and what may be several things are typed as JSON. What a value must be in full is the server's to
 * say: it knows the whole schema.
 *
 * No library does this here: those that make forms of JSON schemas are made of React or Svelte (`@rjsf/core`, `@sjsf/form`)
 * or follow no `$ref` (`@remoteoss/json-schema-form`), which every enum and model of Prefect's schemas is.
 */
import type { JsonObject, JsonValue } from "../../contract/wire/common.ts";
import { describeSchema, isObject, listChoices, resolveSchema } from "./json-schema.ts";
import { hideSecrets, isSecret } from "./secret-values.ts";

export type FieldKind =
  | "text"
  | "secret"
  | "integer"
  | "number"
  | "boolean"
  | "choice"
  | "date"
  | "date-time"
  | "json";

export interface Field {
  name: string;
  title: string;
  description: string;
  kind: FieldKind;
  /** What the value must be, in a few words. */
  wanted: string;
  isRequired: boolean;
  isNullable: boolean;
  choices: JsonValue[];
  /** What the run gets where nothing is said; undefined where that is nothing. */
  known: JsonValue | undefined;
  /** The same as JSON that anybody may read: what is secret in it is hidden. */
  usual: string | undefined;
}

/** What a field says. */
export type Reading = { is: "absent" } | { is: "value"; value: JsonValue } | { is: "fault"; fault: string };

/** The parameters in their order; `given` are those of the deployment, which count more than the schema's defaults. */
export function readFields(schema: JsonObject | null, given: JsonObject): Field[] {
  const root = schema ?? {};
  const { properties, required } = root;
  const parts = isObject(properties) ? properties : {};
  const names = Array.isArray(required) ? required : [];
  const fields = Object.entries(parts).map(([name, part]) =>
    readField(name, part, root, { isRequired: names.includes(name), given: ownValue(given, name) }),
  );
  // What only the deployment knows can be changed, too.
  const others = Object.keys(given).filter((name) => !Object.hasOwn(parts, name));
  const places = new Map(
    Object.entries(parts).map(([name, part]) => [name, isObject(part) ? Number(part["position"] ?? 0) : 0]),
  );
  return [
    ...fields.toSorted((left, right) => (places.get(left.name) ?? 0) - (places.get(right.name) ?? 0)),
    ...others.map((name) => readField(name, {}, root, { isRequired: false, given: ownValue(given, name) })),
  ];
}

/** A parameter may be called as something that every object has, such as `constructor`. */
function ownValue(given: JsonObject, name: string): JsonValue | undefined {
  return Object.hasOwn(given, name) ? given[name] : undefined;
}

function readField(
  name: string,
  part: JsonValue,
  root: JsonObject,
  { isRequired, given }: { isRequired: boolean; given: JsonValue | undefined },
): Field {
  const { schema, isNullable } = resolveSchema(part, root);
  const { description, default: usual } = schema;
  // A type that several parameters share has a title too, by which they could not be told apart.
  const title = isObject(part) ? part["title"] : undefined;
  const choices = listChoices(schema);
  // A deployment that gives null means it: it is no less a value than others.
  const known = given === undefined ? usual : given;
  return {
    name,
    title: typeof title === "string" && title !== "" ? title : name,
    description: typeof description === "string" ? description : "",
    kind: kindOf(schema, choices),
    wanted: describeSchema(part, root),
    isRequired,
    isNullable: isNullable || choices?.includes(null) === true,
    choices: choices?.filter((choice) => choice !== null) ?? [],
    known,
    usual: known === undefined ? undefined : JSON.stringify(hideSecrets(known, part, root)),
  };
}

function kindOf(schema: JsonObject, choices: JsonValue[] | undefined): FieldKind {
  const { type, format } = schema;
  if (choices !== undefined) return "choice";
  if (type === "integer" || type === "number" || type === "boolean") return type;
  if (type !== "string") return "json";
  if (isSecret(schema)) return "secret";
  return format === "date" || format === "date-time" ? format : "text";
}

/** Nobody knows what it is to be, and it must be something. */
export function isNeeded({ known, isRequired, isNullable }: Field): boolean {
  return known === undefined && isRequired && !isNullable;
}

/** Left empty, the run gets null, which is not what it gets where nothing is known and nothing needed. */
export function isNullWhenEmpty({ known, isRequired, isNullable }: Field): boolean {
  return known === null || (isNullable && (isRequired || known !== undefined));
}

/** What stands in a field at first. */
export function writeText({ kind, known, isNullable }: Field): string {
  if (known === undefined || (known === null && (isNullable || kind !== "json"))) return "";
  if (kind === "choice") return JSON.stringify(known);
  if (kind === "json" || typeof known === "object") return JSON.stringify(known, null, 2);
  return kind === "date-time" ? toLocal(String(known)) : String(known).replaceAll(LINE_END, "\n");
}

/** Controls have one kind of it only, `\n`; the value keeps its own. */
const LINE_END = /\r\n?|\n/g;

function readLines(text: string, known: JsonValue | undefined): string {
  const [end = "\n"] = (typeof known === "string" ? known.match(LINE_END) : null) ?? [];
  return text.replaceAll("\n", end);
}

/** What is typed in a field; `absent` where the run shall get what it gets anyway. */
export function readText(field: Field, text: string): Reading {
  const { kind, known } = field;
  const isWords = kind === "text" || kind === "secret";
  if (text === writeText(field) && known !== undefined) return { is: "absent" };
  // Blanks are no less words than others.
  if (text === "" || (!isWords && text.trim() === "")) {
    if (isNullWhenEmpty(field)) return { is: "value", value: null };
    if (isNeeded(field)) return { is: "fault", fault: "This is needed." };
    return isWords && known !== undefined ? { is: "value", value: "" } : { is: "absent" };
  }
  switch (kind) {
    case "integer":
      return readInteger(text.trim());
    case "number":
      return readNumber(text.trim());
    case "boolean":
      return { is: "value", value: text === "true" };
    case "date-time":
      return { is: "value", value: new Date(text).toISOString() };
    case "choice":
    case "json":
      return readJson(text);
    case "text":
    case "secret":
      return { is: "value", value: readLines(text, known) };
    default:
      return { is: "value", value: text };
  }
}

function readInteger(text: string): Reading {
  if (!/^[+-]?\d+$/.test(text)) return { is: "fault", fault: "This must be a whole number." };
  const value = Number(text);
  return Number.isSafeInteger(value) ? { is: "value", value } : { is: "fault", fault: TOO_LARGE };
}

/** In JavaScript's doubles, and so in what the server keeps, larger ones lose digits. */
const TOO_LARGE = `Whole numbers beyond ${Number.MAX_SAFE_INTEGER} cannot be kept exactly.`;

/** JavaScript would take `0x10` and `Infinity`, too. */
function readNumber(text: string): Reading {
  const value = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : Infinity;
  return Number.isFinite(value)
    ? { is: "value", value }
    : { is: "fault", fault: "This must be a number, such as 12, 0.5 or 1e-3." };
}

function readJson(text: string): Reading {
  try {
    return { is: "value", value: JSON.parse(text) as JsonValue };
  } catch (error) {
    return { is: "fault", fault: `This is not JSON: ${(error as Error).message}` };
  }
}

/** An instant as a field for dates and times has it: in the viewer's zone, without saying so. */
function toLocal(instant: string): string {
  const date = new Date(instant);
  if (Number.isNaN(date.getTime())) return "";
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}

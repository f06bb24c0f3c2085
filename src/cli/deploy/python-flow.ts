/** Reads a Prefect flow out of its Python file without running it: name, description and parameters. */
import type { JsonObject, JsonValue } from "../../contract/wire/common.ts";
import { tokenizePython, type Token } from "./python-tokens.ts";

export interface PythonFlow {
  name: string;
  description: string | null;
  parameter_openapi_schema: JsonObject;
}

/** The file does not hold what the entrypoint says; the message is the end of a sentence that begins with the entrypoint. */
export class EntrypointFault extends Error {}

/** Splits `path/to/file.py:function`. */
export function splitEntrypoint(entrypoint: string): { file: string; target: string } {
  const colon = entrypoint.lastIndexOf(":");
  if (colon <= 0 || colon === entrypoint.length - 1)
    throw new EntrypointFault("must have the form path/to/file.py:function");
  return { file: entrypoint.slice(0, colon), target: entrypoint.slice(colon + 1) };
}

/** The name of a flow that is given none. */
export function nameOfFunction(name: string): string {
  return name.replaceAll("_", "-");
}

/** Finds the flow that a function (or `Class.method`) is; `givenName` is its name whatever the file says. */
export function readPythonFlow(source: string, target: string, givenName?: string): PythonFlow {
  const tokens = tokenizePython(source);
  const parts = target.split(".");
  const functionName = parts.at(-1) ?? target;
  const definitions = findDefinitions(tokens, functionName);
  const [definition] = definitions.filter(({ decorator }) => decorator !== undefined).slice(-1);
  if (definition === undefined) {
    const flows = listFlows(tokens);
    if (definitions.length > 0)
      throw new EntrypointFault(`names ${functionName}, which is a function but no flow; put @flow above it`);
    throw new EntrypointFault(
      flows.length === 0
        ? `names ${functionName}, but the file has no flow`
        : `names ${functionName}, but the file's flows are ${flows.join(", ")}`,
    );
  }
  const { args, parameters, docstring } = definition;
  const named = givenName ?? readKeyword(args, "name");
  if (named === COMPUTED)
    throw new EntrypointFault(
      `names ${functionName}, whose flow name is computed; write it as flow_name in the deployment`,
    );
  const described = readKeyword(args, "description");
  return {
    name: named ?? nameOfFunction(functionName),
    description: (described === COMPUTED ? undefined : described) ?? docstring ?? null,
    parameter_openapi_schema: buildSchema(parameters, parts.length > 1),
  };
}

interface Definition {
  decorator: string | undefined;
  /** Tokens between the parentheses of the decorator. */
  args: Token[];
  /** Tokens between the parentheses of the function. */
  parameters: Token[];
  docstring: string | undefined;
}

function findDefinitions(tokens: readonly Token[], name: string): Definition[] {
  const found: Definition[] = [];
  let decorator: string | undefined;
  let args: Token[] = [];
  for (let at = 0; at < tokens.length; at += 1) {
    const token = tokens[at];
    if (token === undefined || token.kind === "newline") continue;
    if (token.text === "@" && isLineStart(tokens, at)) {
      const end = findLineEnd(tokens, at);
      const call = tokens.slice(at + 1, end);
      const open = call.findIndex(({ text }) => text === "(");
      const dotted = call
        .slice(0, open === -1 ? undefined : open)
        .map(({ text }) => text)
        .join("");
      if (dotted === "flow" || dotted.endsWith(".flow")) {
        decorator = dotted;
        args = open === -1 ? [] : call.slice(open + 1, -1);
      }
      at = end;
    } else if (token.text === "def" && tokens[at + 1]?.kind === "name") {
      if (tokens[at + 1]?.text === name) found.push(readDefinition(tokens, at + 2, decorator, args));
      decorator = undefined;
      args = [];
    } else if (token.text !== "async" && isLineStart(tokens, at)) {
      decorator = undefined;
      args = [];
    }
  }
  return found;
}

/** Names of all flows of the file, for people. */
function listFlows(tokens: readonly Token[]): string[] {
  const names = tokens.flatMap((token, at) =>
    token.text === "def" && tokens[at + 1]?.kind === "name" ? [tokens[at + 1]?.text ?? ""] : [],
  );
  return [...new Set(names)].filter((name) =>
    findDefinitions(tokens, name).some(({ decorator }) => decorator !== undefined),
  );
}

function readDefinition(
  tokens: readonly Token[],
  start: number,
  decorator: string | undefined,
  args: Token[],
): Definition {
  const open = tokens.findIndex(({ text }, at) => at >= start && text === "(");
  const close = findClosing(tokens, open);
  let at = close + 1;
  while (at < tokens.length && !(tokens[at]?.text === ":" || tokens[at]?.kind === "newline")) {
    at = "([{".includes(tokens[at]?.text ?? " ") ? findClosing(tokens, at) + 1 : at + 1;
  }
  at += 1;
  while (tokens[at]?.kind === "newline") at += 1;
  const first = tokens[at];
  const docstring = first?.kind === "string" ? cleanDocstring(first.value) : undefined;
  return { decorator, args, parameters: tokens.slice(open + 1, close), docstring };
}

function isLineStart(tokens: readonly Token[], at: number): boolean {
  return at === 0 || tokens[at - 1]?.kind === "newline";
}

function findLineEnd(tokens: readonly Token[], start: number): number {
  const end = tokens.findIndex(({ kind }, at) => at > start && kind === "newline");
  return end === -1 ? tokens.length : end;
}

/** The bracket that closes the one at `open`. */
function findClosing(tokens: readonly Token[], open: number): number {
  let depth = 0;
  for (let at = open; at < tokens.length; at += 1) {
    const { kind, text } = tokens[at] ?? { kind: "newline", text: "" };
    if (kind !== "operator") continue;
    if ("([{".includes(text)) depth += 1;
    else if (")]}".includes(text)) {
      depth -= 1;
      if (depth === 0) return at;
    }
  }
  return tokens.length;
}

/** Splits tokens at commas that are in no inner bracket. */
function splitAtCommas(tokens: readonly Token[]): Token[][] {
  const parts: Token[][] = [[]];
  let depth = 0;
  for (const token of tokens) {
    if (token.kind === "operator" && "([{".includes(token.text)) depth += 1;
    if (token.kind === "operator" && ")]}".includes(token.text)) depth -= 1;
    if (depth === 0 && token.text === "," && token.kind === "operator") parts.push([]);
    else parts.at(-1)?.push(token);
  }
  return parts.filter((part) => part.length > 0);
}

const COMPUTED = Symbol("computed");

/** Reads `name="…"` out of a call; {@link COMPUTED} when its value is no plain literal, undefined when it is not given or None. */
function readKeyword(args: readonly Token[], keyword: string): string | typeof COMPUTED | undefined {
  for (const part of splitAtCommas(args)) {
    if (part[0]?.text !== keyword || part[1]?.text !== "=") continue;
    const value = part.slice(2).filter(({ text }) => text !== "(" && text !== ")");
    if (value.length === 1 && value[0]?.text === "None") return undefined;
    return value.every(({ kind, value: text }) => kind === "string" && text !== undefined)
      ? value.map(({ value: text }) => text ?? "").join("")
      : COMPUTED;
  }
  return undefined;
}

function buildSchema(tokens: readonly Token[], isMethod: boolean): JsonObject {
  const properties: JsonObject = {};
  const required: string[] = [];
  let takesMore = false;
  let position = 0;
  for (const [index, part] of splitAtCommas(tokens).entries()) {
    const [first, second] = part;
    if (first?.text === "**") takesMore = true;
    if (first?.kind !== "name") continue;
    if (isMethod && index === 0 && (first.text === "self" || first.text === "cls")) continue;
    const equals = findEquals(part);
    const annotation = second?.text === ":" ? part.slice(2, equals === -1 ? undefined : equals) : [];
    const property: JsonObject = { title: first.text, position, ...describeType(annotation) };
    if (equals === -1) required.push(first.text);
    else {
      const value = readLiteral(part.slice(equals + 1));
      if (value !== undefined) property["default"] = value;
      // A default of None says that None is a value, whatever the annotation says.
      if (value === null && property["type"] !== undefined) {
        property["anyOf"] = [{ type: property["type"] }, { type: "null" }];
        delete property["type"];
      }
    }
    properties[first.text] = property;
    position += 1;
  }
  return {
    title: "Parameters",
    type: "object",
    properties,
    ...(required.length > 0 && { required }),
    definitions: {},
    ...(takesMore && { additionalProperties: true }),
  };
}

function findEquals(part: readonly Token[]): number {
  let depth = 0;
  for (const [at, { kind, text }] of part.entries()) {
    if (kind !== "operator") continue;
    if ("([{".includes(text)) depth += 1;
    else if (")]}".includes(text)) depth -= 1;
    else if (text === "=" && depth === 0) return at;
  }
  return -1;
}

const TYPES: Record<string, string> = {
  int: "integer",
  float: "number",
  str: "string",
  bool: "boolean",
  list: "array",
  List: "array",
  set: "array",
  tuple: "array",
  dict: "object",
  Dict: "object",
  None: "null",
};

/** The JSON type of an annotation; nothing for what only running the file would tell, so that any value passes. */
function describeType(annotation: readonly Token[]): JsonObject {
  const text = annotation.map((token) => token.text).join("");
  const optional = /^(?:typing\.)?Optional\[(.*)\]$/.exec(text)?.[1];
  const alternatives = (optional === undefined ? text : `${optional}|None`).split("|");
  if (/\[.*\|.*\]/.test(optional ?? text)) return {};
  const types = alternatives.map((alternative) => TYPES[alternative.replace(/\[.*\]$/, "")]);
  if (types.includes(undefined)) return {};
  const [first = ""] = types;
  return types.length === 1 ? { type: first } : { anyOf: types.map((type) => ({ type: type ?? "null" })) };
}

/** The value of a literal; undefined for everything that would have to be run. */
function readLiteral(tokens: readonly Token[]): JsonValue | undefined {
  const [first, second] = tokens;
  if (first === undefined) return undefined;
  if (tokens.every(({ kind, value }) => kind === "string" && value !== undefined))
    return tokens.map(({ value }) => value ?? "").join("");
  if (first.text === "-" && second?.kind === "number" && tokens.length === 2) {
    const value = readNumber(second.text);
    return value === undefined ? undefined : -value;
  }
  if (first.text === "[" && tokens.at(-1)?.text === "]") {
    const items = splitAtCommas(tokens.slice(1, -1)).map(readLiteral);
    return items.includes(undefined) ? undefined : (items as JsonValue[]);
  }
  if (first.text === "{" && second?.text === "}" && tokens.length === 2) return {};
  if (tokens.length > 1) return undefined;
  if (first.kind === "number") return readNumber(first.text);
  return { True: true, False: false, None: null }[first.text];
}

function readNumber(text: string): number | undefined {
  const value = Number(text.replaceAll("_", ""));
  return Number.isFinite(value) ? value : undefined;
}

/** Takes the common indentation off, as `inspect.getdoc` does. */
function cleanDocstring(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const [first = "", ...rest] = text.split("\n");
  const indents = rest
    .filter((line) => line.trim() !== "")
    .map((line) => line.length - line.trimStart().length);
  const indent = indents.length === 0 ? 0 : Math.min(...indents);
  return [first.trim(), ...rest.map((line) => line.slice(indent).trimEnd())].join("\n").trim();
}

/** The form of a deployment's parameters, from the schemas that Prefect makes of Python functions. */
import { expect, test } from "vitest";
import { describeSchema } from "../../../src/ui/data/json-schema.ts";
import {
  isNeeded,
  isNullWhenEmpty,
  readFields,
  readText,
  writeText,
  type Field,
} from "../../../src/ui/data/parameter-form.ts";
import { byField, readRefusal } from "../../../src/ui/data/parameter-faults.ts";
import type { JsonObject, JsonValue } from "../../../src/contract/wire/common.ts";
import { ApiError } from "../../../src/ui/data/http.ts";

/** As pydantic writes them, definitions and all. */
const SCHEMA = {
  title: "Parameters",
  type: "object",
  required: ["image", "model"],
  properties: {
    steps: { title: "steps", type: "integer", default: 20, position: 2 },
    image: { title: "image", type: "string", position: 0, description: "Where it lies" },
    model: { allOf: [{ $ref: "#/definitions/Model" }], title: "model", position: 1 },
    strength: { title: "strength", type: "number", position: 3 },
    is_dry: { type: "boolean", default: false, position: 4 },
    seed: { anyOf: [{ type: "integer" }, { type: "null" }], default: null, position: 5 },
    since: { anyOf: [{ type: "string", format: "date-time" }, { type: "null" }], position: 6 },
    token: { type: "string", format: "password", writeOnly: true, position: 7 },
    either: { anyOf: [{ type: "integer" }, { type: "string" }], position: 8 },
    labels: { type: "array", items: { type: "string" }, position: 9 },
    options: { $ref: "#/definitions/Options", position: 10 },
    tree: { $ref: "#/definitions/Tree", position: 11 },
  },
  definitions: {
    Model: { title: "Model", enum: ["small", "large"], type: "string", description: "Which one" },
    Options: { type: "object", properties: { depth: { type: "integer" } }, required: ["depth"] },
    Tree: { type: "object", properties: { left: { $ref: "#/definitions/Tree" } } },
  },
};
const fields = readFields(SCHEMA, { image: "a.png", more: [1] });
const fieldOf = (name: string): Field => {
  const field = fields.find((each) => each.name === name);
  if (field === undefined) throw new Error(`no field ${name}`);
  return field;
};
const read = (name: string, text: string) => readText(fieldOf(name), text);

test("each parameter has a field of its kind, in its place; what only the deployment has comes last", () => {
  expect(fields.map(({ name, kind }) => [name, kind])).toEqual([
    ["image", "text"],
    ["model", "choice"],
    ["steps", "integer"],
    ["strength", "number"],
    ["is_dry", "boolean"],
    ["seed", "integer"],
    ["since", "date-time"],
    ["token", "secret"],
    ["either", "json"],
    ["labels", "json"],
    ["options", "json"],
    ["tree", "json"],
    ["more", "json"],
  ]);
  expect(fieldOf("model")).toMatchObject({
    choices: ["small", "large"],
    title: "model",
    description: "Which one",
  });
  expect(fieldOf("seed").isNullable).toBe(true);
  expect(fieldOf("image")).toMatchObject({ isRequired: true, known: "a.png" });
});

test("it says what each must be, however it is nested", () => {
  const wanted = Object.fromEntries(fields.map((field) => [field.name, field.wanted]));
  expect(wanted).toMatchObject({
    image: "text",
    model: 'one of "small", "large"',
    seed: "integer or null",
    since: "date-time or null",
    either: "integer or text",
    labels: "list of text",
    options: "{ depth: integer }",
    more: "any JSON value",
  });
  const endless = { definitions: { A: { $ref: "#/definitions/A" } } };
  expect(describeSchema({ $ref: "#/definitions/A" }, endless)).toBe("any JSON value");
});

test("what nobody changed is not sent, so that it stays the deployment's", () => {
  for (const field of fields.filter(({ name }) => name !== "model"))
    expect(readText(field, writeText(field))).toEqual({ is: "absent" });
  expect(read("model", "")).toMatchObject({ is: "fault" });
});

test("what is typed becomes a value of its kind, or a fault that says why not", () => {
  expect(read("image", "b.png")).toEqual({ is: "value", value: "b.png" });
  expect(read("image", "")).toEqual({ is: "value", value: "" });
  expect(read("model", '"large"')).toEqual({ is: "value", value: "large" });
  expect(read("steps", "7")).toEqual({ is: "value", value: 7 });
  expect(read("steps", "")).toEqual({ is: "absent" });
  expect(read("steps", "7.5")).toMatchObject({ is: "fault" });
  expect(read("steps", "-9007199254740991")).toEqual({ is: "value", value: -9007199254740991 });
  expect(read("steps", "9007199254740993")).toEqual({
    is: "fault",
    fault: "Whole numbers beyond 9007199254740991 cannot be kept exactly.",
  });
  expect(read("strength", "1e-3")).toEqual({ is: "value", value: 0.001 });
  expect(read("strength", " -.5 ")).toEqual({ is: "value", value: -0.5 });
  for (const text of ["0x10", "0b1", "Infinity", "1e999", "1,5"])
    expect(read("strength", text)).toMatchObject({
      is: "fault",
      fault: expect.stringContaining("number, such as"),
    });
  expect(read("strength", "a lot")).toMatchObject({ is: "fault" });
  expect(read("is_dry", "true")).toEqual({ is: "value", value: true });
  expect(read("since", "2026-01-02T03:04")).toMatchObject({
    value: expect.stringMatching(/^2026-01-0\dT.*Z$/),
  });
  expect(read("labels", '["a"]')).toEqual({ is: "value", value: ["a"] });
  expect(read("labels", "[a]")).toMatchObject({
    is: "fault",
    fault: expect.stringContaining("not JSON"),
  });
  const [nullable] = readFields({ properties: { seed: { type: ["integer", "null"], default: 3 } } }, {}) as [
    Field,
  ];
  expect(readText(nullable, "")).toEqual({ is: "value", value: null });
});

test("null is a value: what the deployment gives is shown, and what may be null is null where it is left empty", () => {
  const mode = { anyOf: [{ type: "string" }, { type: "null" }], default: "usual" };
  const [given] = readFields({ properties: { mode } }, { mode: null }) as [Field];
  expect([given.known, writeText(given)]).toEqual([null, ""]);
  expect(readText(given, "")).toEqual({ is: "absent" });
  expect(readText(given, "usual")).toEqual({ is: "value", value: "usual" });

  const parts = [{ type: "integer" }, { type: "boolean" }, { type: "string" }, { enum: ["a", "b"] }];
  for (const schema of [
    ...parts.map((part) => ({ anyOf: [part, { type: "null" }] })),
    { enum: ["a", null] },
  ]) {
    const [needed] = readFields({ required: ["level"], properties: { level: schema } }, {}) as [Field];
    expect([isNeeded(needed), isNullWhenEmpty(needed)]).toEqual([false, true]);
    expect(readText(needed, "")).toEqual({ is: "value", value: null });
    // What need not be said at all is not said.
    const [other] = readFields({ properties: { level: schema } }, {}) as [Field];
    expect([isNeeded(other), isNullWhenEmpty(other)]).toEqual([false, false]);
    expect(readText(other, "")).toEqual({ is: "absent" });
  }
});

test("words keep their lines, the ends of them, and their blanks", () => {
  const field = (known: string, more: JsonObject = {}) =>
    readFields({ properties: { words: { type: "string", default: known, ...more } } }, {})[0] as Field;
  for (const end of ["\n", "\r\n", "\r"]) {
    const lines = field(`one${end}two${end}`);
    expect(writeText(lines)).toBe("one\ntwo\n");
    expect(readText(lines, "one\ntwo\n")).toEqual({ is: "absent" });
    expect(readText(lines, "1\ntwo\n")).toEqual({ is: "value", value: `1${end}two${end}` });
  }
  expect(readText(field("one"), "one\ntwo")).toEqual({ is: "value", value: "one\ntwo" });
  expect(readText(field("one"), "  ")).toEqual({ is: "value", value: "  " });
  // A secret that was taken away is not sent after all.
  expect(readText(field("one", { format: "password" }), "")).toEqual({ is: "value", value: "" });
});

test("a parameter may be called as what every object has", () => {
  const properties = { constructor: { type: "string", default: "a" }, toString: { type: "integer" } };
  expect(readFields({ properties }, {}).map(({ name, known }) => [name, known])).toEqual([
    ["constructor", "a"],
    ["toString", undefined],
  ]);
});

test("without a schema the deployment's parameters can be changed as JSON", () => {
  expect(readFields(null, { a: { b: 1 } }).map(({ name, kind }) => [name, kind])).toEqual([["a", "json"]]);
  expect(readFields({}, {})).toEqual([]);
});

test("what the server has against it is said at its field", () => {
  const faults = byField([
    { property: "model", errors: ['Instance does not have required property "model".'] },
    { property: "options", errors: [{ property: "depth", errors: ["no integer"] }] },
    { property: "labels", errors: [{ index: 0, errors: ["no text", "too long"] }] },
  ]);
  expect(Object.fromEntries(faults)).toEqual({
    model: "This is needed.",
    options: "depth: no integer",
    labels: "0: no text",
  });
  const refused = "Error creating flow run: Validation failed for field 'options.depth'. Failure reason: no";
  expect([...readRefusal(new ApiError(409, refused))]).toEqual([["options", "depth: no"]]);
  const invalid = new ApiError(422, "…", [{ loc: ["body", "name"], msg: "too long" }]);
  expect([...readRefusal(invalid)]).toEqual([["run.name", "too long"]]);
  expect([...readRefusal(new ApiError(409, "no such queue"))]).toEqual([["", "no such queue"]]);
});

test("of what is known anybody may read all but what is secret, however deep it is", () => {
  const secret = { type: "string", format: "password" };
  const hidden = (part: JsonObject, value: JsonValue, definitions: JsonObject = {}) =>
    readFields({ properties: { value: part }, definitions }, { value })[0]?.usual;
  expect(hidden(secret, "a")).toBe('"•••"');
  expect(hidden({ type: "integer", writeOnly: true }, 1)).toBe('"•••"');
  expect(hidden({ anyOf: [secret, { type: "null" }] }, null)).toBe("null");
  expect(hidden({ anyOf: [{ type: "integer" }, secret] }, "a")).toBe('"•••"');
  expect(hidden({ items: secret }, ["a", "b"])).toBe('["•••","•••"]');
  expect(hidden({ prefixItems: [{ type: "string" }, secret] }, ["a", "b"])).toBe('["a","•••"]');
  expect(hidden({ additionalProperties: secret }, { constructor: "a" })).toBe('{"constructor":"•••"}');
  expect(hidden({ properties: { toString: secret } }, { other: "a" })).toBe('{"other":"a"}');
  const Node = {
    properties: { key: secret, next: { $ref: "#/definitions/Node" }, size: { type: "integer" } },
  };
  const chain = { key: "a", size: 1, next: { key: "b", size: 2 } };
  expect(hidden({ $ref: "#/definitions/Node" }, chain, { Node })).toBe(
    '{"key":"•••","size":1,"next":{"key":"•••","size":2}}',
  );
  const Endless = { anyOf: [{ $ref: "#/definitions/Endless" }, { $ref: "#/definitions/Endless" }] };
  expect(hidden({ $ref: "#/definitions/Endless" }, "a", { Endless })).toBe('"•••"');
});

test("parameters that share a type are told apart by their names", () => {
  const schema: JsonObject = {
    type: "object",
    properties: { front: { $ref: "#/definitions/Color" }, back: { $ref: "#/definitions/Color" } },
    definitions: { Color: { title: "Color", enum: ["red", "green"] } },
  };
  expect(readFields(schema, {}).map(({ title }) => title)).toEqual(["front", "back"]);
});

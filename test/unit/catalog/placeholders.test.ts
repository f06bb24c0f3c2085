import { describe, expect, test } from "vitest";
import type { JsonObject, JsonValue } from "../../../src/contract/wire/common.ts";
import { listFormFaults } from "../../../src/domain/catalog/form-faults.ts";
import { hydrate } from "../../../src/domain/catalog/placeholders.ts";

const variables: Record<string, JsonValue> = { size: { width: 2 }, empty: null };
const readVariable = (name: string) => (Object.hasOwn(variables, name) ? variables[name] : undefined);
const json = (value: JsonValue) => ({ __prefect_kind: "json", value });
const variable = (variable_name: JsonValue) => ({ __prefect_kind: "workspace_variable", variable_name });

describe("values that say how they are meant", () => {
  test.each<[string, JsonValue, JsonValue | undefined]>([
    ["a text of JSON", json('{"b": [1, null]}'), { b: [1, null] }],
    ["a text of null", json("null"), null],
    ["JSON that is no text", json([json("1")]), [json("1")]],
    ["nothing: left out", [1, { __prefect_kind: "json" }, { __prefect_kind: "workspace_variable" }], [1]],
    ["a variable", { deep: [variable("size")] }, { deep: [{ width: 2 }] }],
    ["a variable that is null", variable("empty"), null],
    ["a variable whose name is such a value", variable(json('"size"')), { width: 2 }],
    ["what is passed on and holds more", { __prefect_kind: "none", value: [json("2")] }, [2]],
    ["a template of plain text", { __prefect_kind: "jinja", template: "plain" }, "plain"],
    ["a kind that is not known", { __prefect_kind: "later", value: 3 }, 3],
    ["nothing special", { a: [1, { b: null }] }, { a: [1, { b: null }] }],
  ])("%s", (_, sent, value) => {
    expect(hydrate(sent, readVariable)).toEqual({ value, faults: [] });
  });

  test.each<[string, JsonValue, string | undefined]>([
    ["a text that is no JSON", json("{"), "Invalid JSON"],
    ["JSON that nests too deep", json("[".repeat(200) + "]".repeat(200)), "Invalid JSON"],
    ["an unknown variable", variable("none"), "Variable 'none' not found in workspace."],
    ["a variable whose name cannot be read", variable(json("{")), "Invalid JSON"],
    ["nothing to pass on", { __prefect_kind: "none" }, "Missing 'value' key in __prefect object"],
    ["no template", { __prefect_kind: "jinja" }, "Missing 'template' key in __prefect object"],
    ["a template", { __prefect_kind: "jinja", template: "{{ 1 }}" }, undefined],
  ])("not to be had: %s", (_, sent, reason) => {
    expect(hydrate({ a: [json("1"), sent] }, readVariable)).toEqual({
      value: { a: [1, null] },
      faults: [{ path: ["a", 1], ...(reason !== undefined && { reason }) }],
    });
  });
});

describe("what is wrong with a form", () => {
  const schema: JsonObject = {
    type: "object",
    required: ["name"],
    properties: {
      name: { type: "string" },
      sizes: { type: "array", items: { type: "integer" } },
      "a/b": { anyOf: [{ type: "integer" }, { type: "boolean" }] },
      part: { $ref: "#/definitions/Part" },
    },
    definitions: { Part: { type: "object", required: ["x"], properties: { x: { type: "integer" } } } },
  };

  test("stands at its place, each once", () => {
    const values = { sizes: [1, "2"], "a/b": "x", part: {} };
    expect(listFormFaults(schema, values, [])).toEqual([
      { property: "name", errors: [expect.stringContaining("required")] },
      { property: "sizes", errors: [{ index: 1, errors: [expect.stringContaining('"integer"')] }] },
      { property: "a/b", errors: [expect.any(String)] },
      { property: "part", errors: [{ property: "x", errors: [expect.stringContaining("required")] }] },
    ]);
    expect(listFormFaults(schema, { name: "n", sizes: null }, [])).toEqual([]);
    expect(listFormFaults({ $ref: "#/nowhere" }, {}, [])).toBeUndefined();
  });

  test("is what could not be had rather than what the schema says of it; templates are not judged", () => {
    const unread = [{ path: ["name"], reason: "Invalid JSON" }, { path: ["sizes", 0] }];
    expect(listFormFaults(schema, { name: null, sizes: [null] }, unread)).toEqual([
      { property: "name", errors: ["Invalid JSON"] },
    ]);
  });
});

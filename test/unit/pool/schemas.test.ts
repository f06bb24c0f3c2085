import { describe, expect, test } from "vitest";
import type { JsonObject } from "../../../src/contract/wire/common.ts";
import { findParameterFault } from "../../../src/domain/pool/schemas.ts";

const property = (schema: JsonObject): JsonObject => ({
  type: "object",
  properties: { a: schema, n: { type: "integer" } },
});

describe("schemas that people write", () => {
  test.each<[string, JsonObject, JsonObject]>([
    ["a slug", { pattern: "^[a-z]+(?:-[a-z]+)*$" }, { a: "No Slug" }],
    ["a decimal, as pydantic says it", { pattern: "^(?!^[-+.]*$)[+-]?0*\\d*\\.?\\d*$" }, { a: "1.x" }],
    ["a prefix, of a long text", { pattern: "^abc" }, { a: "x".repeat(100_000) }],
    ["items that are alike", { uniqueItems: true }, { a: [1, 2, 1] }],
    ["a reference", { $ref: "#/properties/n" }, { a: "x" }],
  ])("find %s", (_, schema, parameters) => {
    expect(findParameterFault(property(schema), parameters)).toMatch(/^Validation failed/);
  });
});

describe("schemas as Prefect's server reads them", () => {
  const block: JsonObject = {
    ...property({ $ref: "#/definitions/Key" }),
    definitions: {
      Key: {
        title: "Key",
        type: "object",
        block_type_slug: "key",
        properties: { value: { type: "string" } },
        required: ["value"],
      },
    },
  };
  test.each<[string, JsonObject, JsonObject]>([
    ["null where nothing need be", property({ type: "string" }), { a: null, n: null }],
    [
      "a tuple",
      property({ type: "array", items: [{ type: "string" }, { type: "integer" }] }),
      { a: ["x", 1] },
    ],
    ["a block spelt out", block, { a: { value: "x" } }],
    ["a block by its id", block, { a: { $ref: "0196f4d2-3d3f-7d4e-9a53-1f9d6c7e2b10" } }],
    ["a block by its name", block, { a: { $ref: { block_document_slug: "key/mine" } } }],
  ])("let %s through", (_, schema, parameters) => {
    expect(findParameterFault(schema, parameters)).toBeUndefined();
  });

  test.each<[string, JsonObject, JsonObject]>([
    ["null in place of a default", property({ type: "string", default: "x" }), { a: null }],
    ["null where something must be", { ...property({ type: "string" }), required: ["a"] }, { a: null }],
    ["a wrong item of a tuple", property({ items: [{ type: "string" }] }), { a: [1] }],
    ["a block by nothing", block, { a: { $ref: {} } }],
  ])("find %s", (_, schema, parameters) => {
    expect(findParameterFault(schema, parameters)).toMatch(/^Validation failed for field 'a/);
  });
});

describe("schemas that would take for ever", () => {
  const text = `${"a".repeat(40)}!`;
  const fan: JsonObject = Object.fromEntries(
    Array.from({ length: 40 }, (_, level) => [
      `s${level}`,
      { allOf: [{ $ref: `#/$defs/s${level + 1}` }, { $ref: `#/$defs/s${level + 1}` }] },
    ]),
  );
  test.each<[string, JsonObject, JsonObject]>([
    ["a nested repetition", property({ pattern: "^(a+)+$" }), { a: text }],
    ["alternatives that overlap", property({ pattern: "^(a|a)*$" }), { a: text }],
    ["many repetitions", property({ pattern: "a*a*a*a*a*a*b" }), { a: "a".repeat(2000) }],
    ["names", { patternProperties: { "^(a+)+$": {} } }, { [text]: 1 }],
    ["a negation", property({ not: { pattern: "^(a+)+$" } }), { a: text }],
    ["references that fan out", { $ref: "#/$defs/s0", $defs: { ...fan, s40: {} } }, {}],
    ["a long list", property({ uniqueItems: true }), { a: Array.from({ length: 50_000 }, (_, i) => [i]) }],
  ])("%s: let the value through at once", (_, schema, parameters) => {
    expect(findParameterFault(schema, parameters)).toBeUndefined();
  });

  test("and what else the schema says is still checked", () => {
    expect(findParameterFault(property({ pattern: "^(a+)+$" }), { a: text, n: "x" })).toContain("'n'");
  });
});

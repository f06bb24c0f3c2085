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

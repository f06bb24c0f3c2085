import { expect, test } from "vitest";
import { changeData, divideReferences, divideSecrets, layOver } from "../../../src/domain/blocks/secrets.ts";

const FIELDS = { secret_fields: ["value", "headers.*", "inner.password", "value"] };

test("secrets are taken out by the schema and can be laid back", () => {
  const data = {
    value: { user: "u", password: "p" },
    headers: { a: "1", nested: { b: "2", empty: {} }, none: null },
    inner: { password: "x", user: "y" },
    open: "z",
  };
  const { data: shown, secrets, kept } = divideSecrets(data, FIELDS);
  expect(shown).toEqual({
    value: "********",
    headers: { a: "********", nested: { b: "********", empty: "********" }, none: null },
    inner: { password: "********", user: "y" },
    open: "z",
  });
  expect(kept).toEqual([]);
  expect(layOver(shown, secrets)).toEqual(data);
});

test("what is sent obfuscated is kept, what is missing or null is no secret", () => {
  expect(divideSecrets({ value: "********", inner: { password: null } }, FIELDS)).toEqual({
    data: { value: "********", inner: { password: null } },
    secrets: [],
    kept: [["value"]],
  });
});

const CURRENT = {
  data: { value: "********", a: 1, b: 2 },
  sealed: [{ path: ["value"], value: "sealed" }],
};
const CHANGE = { data: {}, sealed: [], kept: [], references: {}, is_merging: true };

test.for([
  ["merging leaves what is not sent", { data: { a: 3 } }, { value: "********", a: 3, b: 2 }, ["sealed"]],
  ["replacing leaves nothing", { data: { a: 3 }, is_merging: false }, { a: 3 }, []],
  [
    "an obfuscated secret stays also when all is replaced",
    { data: { value: "********" }, kept: [["value"]], is_merging: false },
    { value: "********" },
    ["sealed"],
  ],
  [
    "a new secret takes the place of the old one",
    { data: { value: "********" }, sealed: [{ path: ["value"], value: "new" }] },
    { value: "********", a: 1, b: 2 },
    ["new"],
  ],
  [
    "a field that becomes a reference holds nothing itself",
    { references: { value: "id" } },
    { a: 1, b: 2 },
    [],
  ],
] as const)("%s", ([_what, change, data, sealed]) => {
  const changed = changeData(CURRENT, { ...CHANGE, ...(change as object) });
  expect(changed.data).toEqual(data);
  expect(changed.sealed.map(({ value }) => value)).toEqual(sealed);
});

test("references are told from data, also those without an id", () => {
  const { own, references } = divideReferences({
    a: { $ref: { block_document_id: "x" } },
    b: { $ref: null },
    c: { ref: 1 },
  });
  expect(own).toEqual({ c: { ref: 1 } });
  expect([...references]).toEqual([
    ["a", "x"],
    ["b", null],
  ]);
});

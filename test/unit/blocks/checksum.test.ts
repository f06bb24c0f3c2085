import { expect, test } from "vitest";
import { computeChecksum, isObject, parseSent } from "../../../src/domain/blocks/checksum.ts";
import { planSchema } from "../../../src/domain/blocks/schemas.ts";

/** Schemas as Prefect 3.8.8 sends them, with the checksums that it computes for them itself. */
const SECRET = `{"block_schema_references":{},"block_type_slug":"secret","description":"A block that represents a secret value. The value stored in this block will be obfuscated when this block is viewed or edited in the UI.","properties":{"value":{"anyOf":[{"format":"password","type":"string","writeOnly":true},{"title":"string","type":"string"},{"$ref":"#/definitions/JsonValue","title":"JSON"}],"description":"A value that should be kept secret.","examples":["sk-1234567890",{"password":"s3cr3t","username":"johndoe"}],"format":"password","title":"Value","writeOnly":true,"position":0}},"required":["value"],"secret_fields":["value","value"],"title":"Secret","type":"object","definitions":{"JsonValue":{}}}`;
const PARTS = `{"block_schema_references":{},"block_type_slug":"part","description":"Ein Teil für 🚀 und .","properties":{"pw":{"format":"password","title":"Pw","type":"string","writeOnly":true,"position":0},"seconds":{"default":5.0,"minimum":0.5,"title":"Seconds","type":"number","position":1},"tuning":{"anyOf":[{"$ref":"#/definitions/Tuning"},{"type":"null"}],"default":null,"position":2}},"required":["pw"],"secret_fields":["pw"],"title":"Part","type":"object","definitions":{"Mode":{"enum":["fast","slow"],"title":"Mode","type":"string"},"Tuning":{"properties":{"rate":{"default":1e-07,"title":"Rate","type":"number"},"mode":{"$ref":"#/definitions/Mode","default":"fast"}},"title":"Tuning","type":"object"}}}`;
const WHOLE = `{"block_schema_references":{"part":{"block_schema_checksum":"sha256:524651ce573252dd64e6dc1bcb1294b9217830563d5f76567d20fa5e8a30af96","block_type_slug":"part"}},"block_type_slug":"whole","properties":{"part":{"$ref":"#/definitions/Part","position":0},"n":{"default":3,"title":"N","type":"integer","position":1}},"required":["part"],"secret_fields":["part.pw"],"title":"Whole","type":"object","definitions":{"Mode":{"enum":["fast","slow"],"title":"Mode","type":"string"},"Part":{"block_schema_references":{},"block_type_slug":"part","description":"Ein Teil für 🚀 und .","properties":{"pw":{"format":"password","title":"Pw","type":"string","writeOnly":true,"position":0},"seconds":{"default":5.0,"minimum":0.5,"title":"Seconds","type":"number","position":1},"tuning":{"anyOf":[{"$ref":"#/definitions/Tuning"},{"type":"null"}],"default":null,"position":2}},"required":["pw"],"secret_fields":["pw"],"title":"Part","type":"object"},"Tuning":{"properties":{"rate":{"default":1e-07,"title":"Rate","type":"number"},"mode":{"$ref":"#/definitions/Mode","default":"fast"}},"title":"Tuning","type":"object"}}}`;

function parse(text: string) {
  const fields = parseSent(text);
  if (!isObject(fields)) throw new Error("no object");
  return fields;
}

test.for([
  ["a secret", SECRET, "sha256:c078ed9c1e813e224c0b353d7ad4564a11d51d3198d9ac0686478165a1911c78"],
  [
    "floats, texts beyond ASCII and definitions of its own",
    PARTS,
    "sha256:524651ce573252dd64e6dc1bcb1294b9217830563d5f76567d20fa5e8a30af96",
  ],
  ["another block in it", WHOLE, "sha256:defa5c6f0feb0f6f80f71b79303fa9f3a1a7eaabbe70b213d2302c49802babd2"],
] as const)("the checksum of a schema with %s is the one that its client looks for", ([_what, text, sum]) => {
  expect(computeChecksum(parse(text))).toBe(sum);
});

test("the form of a number counts", () => {
  const sums = ["5.0", "5", "1e-07", "0.0000001"].map((number) =>
    computeChecksum(parse(`{"default":${number}}`)),
  );
  expect(new Set(sums).size).toBe(4);
});

test("a nested block's schema is made from its parent's definitions, under the checksum that the parent names", () => {
  const plan = planSchema(parse(WHOLE));
  if (!plan.ok) throw new Error(plan.error.detail);
  const [reference] = plan.value.root.references;
  const nested = plan.value.nested[reference?.definition ?? ""];
  expect(reference).toMatchObject({
    block_type_slug: "part",
    checksum: "sha256:524651ce573252dd64e6dc1bcb1294b9217830563d5f76567d20fa5e8a30af96",
  });
  expect(nested?.checksum).toBe(reference?.checksum);
  // Of its parent's definitions it has those that it needs.
  expect(Object.keys(nested?.fields["definitions"] ?? {}).toSorted()).toEqual(["Mode", "Tuning"]);
});

test("a schema that would bring along too much is refused", () => {
  const kinds = Array.from({ length: 100 }, (_, index) => `K${index}`);
  const properties = Object.fromEntries(kinds.map((kind) => [kind, { $ref: `#/definitions/${kind}` }]));
  const block_schema_references = Object.fromEntries(
    kinds.map((kind) => [kind, { block_type_slug: kind, block_schema_checksum: "x" }]),
  );
  const definitions = Object.fromEntries(
    kinds.map((kind) => [kind, { block_type_slug: kind, properties, description: "x".repeat(1000) }]),
  );
  const plan = planSchema(parse(JSON.stringify({ properties, block_schema_references, definitions })));
  expect(plan).toMatchObject({ ok: false, error: { code: "invalid" } });
});

test("blocks that nest each other for ever are planned once", () => {
  const plan = planSchema(
    parse(`{"block_schema_references":{"a":{"block_type_slug":"a","block_schema_checksum":"x"}},
      "properties":{"a":{"$ref":"#/definitions/A"}},
      "definitions":{"A":{"block_type_slug":"a","properties":{"a":{"$ref":"#/definitions/A"}},
        "block_schema_references":{"a":{"block_type_slug":"a","block_schema_checksum":"x"}}}}}`),
  );
  if (!plan.ok) throw new Error(plan.error.detail);
  expect(Object.keys(plan.value.nested)).toEqual(["A"]);
});

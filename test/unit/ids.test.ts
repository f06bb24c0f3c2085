import fc from "fast-check";
import { expect, test } from "vitest";
import {
  deriveShardKey,
  formatId,
  ID_LAYOUT,
  isUuid,
  parseId,
  type IdLayout,
} from "../../src/contract/ids.ts";

const parts = fc.record({
  layout: fc.constantFrom(...(Object.keys(ID_LAYOUT) as IdLayout[])),
  key: fc.string({ unit: fc.constantFrom(..."0123456789abcdef"), minLength: 10, maxLength: 10 }),
  head: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
  version: fc.constantFrom(7 as const, 8 as const),
  tail: fc.integer({ min: 0, max: 2 ** 22 - 1 }),
});

test("an id reads back as the parts it was made of, and is a UUID", () => {
  fc.assert(
    fc.property(parts, (given) => {
      const id = formatId(given);
      expect(isUuid(id)).toBe(true);
      expect(parseId(id)).toEqual(given);
    }),
  );
});

test("a single wrong bit makes an id unknown or another thing, never the same", () => {
  fc.assert(
    fc.property(
      parts,
      fc.integer({ min: 0, max: 31 }),
      fc.integer({ min: 1, max: 15 }),
      (given, place, flip) => {
        const hex = formatId(given).replaceAll("-", "");
        const digit = (Number.parseInt(hex[place] ?? "0", 16) ^ flip).toString(16);
        const bent = hex.slice(0, place) + digit + hex.slice(place + 1);
        const id = bent.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
        expect(parseId(id)).toBeUndefined();
      },
    ),
  );
});

test("a random UUID is practically never one of ours", () => {
  let taken = 0;
  for (let index = 0; index < 20_000; index += 1) if (parseId(crypto.randomUUID()) !== undefined) taken += 1;
  expect(taken).toBe(0);
});

test("the shard key follows the published derivation", () => {
  expect(deriveShardKey("limit", "default", "gpu:gpu-1")).toMatch(/^[0-9a-f]{10}$/);
  expect(deriveShardKey("limit", "default", "gpu:gpu-1")).not.toBe(
    deriveShardKey("pool", "default", "gpu:gpu-1"),
  );
});

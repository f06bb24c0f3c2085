/** Tables as Prefect's clients leave them. */
import { expect, test } from "vitest";
import { readTable } from "../../../src/ui/data/artifact-table.ts";

const texts = (data: Parameters<typeof readTable>[0]) => {
  const table = readTable(data);
  return table && [table.heads, ...table.rows.map((row) => row.map(({ text }) => text))];
};

test("records, lists and columns are tables, also as JSON in a text; nothing else is", () => {
  const records = [{ a: 1 }, { a: null, b: "x" }];
  const wanted = [
    ["a", "b"],
    ["1", ""],
    ["", "x"],
  ];
  expect(texts(records)).toEqual(wanted);
  expect(texts(JSON.stringify(records))).toEqual(wanted);
  expect(texts({ a: [1, null], b: [null, "x"] })).toEqual(wanted);
  expect(texts([["a", "b"], [1], [{}, true]])).toEqual([["a", "b"], ["1"], ["{}", "true"]]);
  for (const other of [null, 5, "text", "[", {}, [], [1, 2], { a: 1 }])
    expect([other, texts(other)]).toEqual([
      other,
      other !== null && JSON.stringify(other) === "{}" ? [[]] : undefined,
    ]);
});

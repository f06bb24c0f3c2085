/** Tables as Prefect's clients leave them. */
import { expect, test } from "vitest";
import { readTable } from "../../../src/ui/data/artifact-table.ts";

const cells = (data: Parameters<typeof readTable>[0]) => {
  const table = readTable(data);
  return table && [table.heads, ...table.rows];
};

test("records, lists and columns are tables, also as JSON in a text; nothing else is", () => {
  const records = [{ a: 1 }, { a: null, b: "x" }];
  const wanted = [
    ["a", "b"],
    [1, null],
    [null, "x"],
  ];
  expect(cells(records)).toEqual(wanted);
  expect(cells(JSON.stringify(records))).toEqual(wanted);
  expect(cells({ a: [1, null], b: [null, "x"] })).toEqual(wanted);
  expect(cells([["a", "b"], [1], [{}, true]])).toEqual([["a", "b"], [1], ["{}", "true"]]);
  for (const other of [null, 5, "text", "[", {}, [], [1, 2], { a: 1 }])
    expect([other, cells(other)]).toEqual([
      other,
      other !== null && JSON.stringify(other) === "{}" ? [[]] : undefined,
    ]);
});

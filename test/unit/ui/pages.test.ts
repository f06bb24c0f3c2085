/** Lists that are read page after page. */
import { expect, test } from "vitest";
import { countPages, joinPages } from "../../../src/ui/data/pages.ts";

const page = (from: number, count: number) =>
  Array.from({ length: count }, (_, index) => ({ id: String(from + index) }));

test("behind a full page there is another to ask for, until one is not full or there are too many", () => {
  expect(countPages([undefined])).toBe(1);
  expect(countPages([page(0, 3)])).toBe(1);
  expect(countPages([page(0, 200)])).toBe(2);
  expect(countPages([page(0, 200), undefined])).toBe(2);
  expect(countPages([page(0, 200), page(200, 200)])).toBe(3);
  // What was deleted meanwhile leaves pages behind that nobody needs.
  expect(countPages([page(0, 200), page(200, 1), page(400, 0)])).toBe(2);
  expect(countPages(Array.from({ length: 20 }, () => page(0, 200)))).toBe(20);
});

test("what is on two pages is shown once", () => {
  expect(joinPages([page(0, 2), undefined, page(1, 2)]).map(({ id }) => id)).toEqual(["0", "1", "2"]);
});

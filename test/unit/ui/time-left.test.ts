/** Estimates that are shown run down, each from when it came. */
import { expect, test } from "vitest";
import { timeLeft } from "../../../src/ui/data/time-left.ts";

test("an estimate runs down, and is not shown any more when it has run out", () => {
  const record = { estimated_seconds: 10 };
  const left = [0, 1000, 9000, 10_000, 780_000].map((now) => timeLeft(record, now));
  expect(left).toEqual([10, 9, 1, undefined, undefined]);
  // The next answer is a record of its own.
  expect(timeLeft({ estimated_seconds: 10 }, 780_000)).toBe(10);
});

test("of nothing nothing is left", () => {
  expect(timeLeft({ estimated_seconds: null }, 0)).toBeUndefined();
});

/** Where a timeline draws what. */
import { expect, test } from "vitest";
import { placeLanes, scaleTimes, WINDOW_SECONDS } from "../../../src/ui/parts/timeline-scales.ts";
import { shorten, shortenDevice } from "../../../src/ui/parts/timeline-texts.ts";

test("now is at the right edge, the window's beginning at the left one, and what comes later behind", () => {
  const now = Date.parse("2026-01-01T12:00:00Z");
  const x = scaleTimes(now, 450);
  expect([x(now - WINDOW_SECONDS * 1000), x(now), x(now + 60_000)]).toEqual([0, 450, 480]);
});

test.each([
  [1, 22],
  [4, 22],
  [5, 16],
  [9, 9],
])("%i lanes are %i pixels high each, with a gap below; the next has no place", (count, height) => {
  const y = placeLanes(count);
  expect(y.bandwidth()).toBeCloseTo(height);
  expect(y(count - 1)).toBeCloseTo(1 + (count - 1) * (height + 3));
  expect(y(count)).toBeUndefined();
  expect(y.range()).toEqual([0, count * (height + 3)]);
});

test("a name is cut at its end or left out, and a device's in its middle", () => {
  expect(["a-long-name", "short"].map((name) => shorten(name, 49))).toEqual(["a-long…", "short"]);
  expect(shorten("a-long-name", 35)).toBe("");
  expect(shortenDevice("GPU-1234-5678-aaaa", 70)).toBe("GPU-…-aaaa");
});

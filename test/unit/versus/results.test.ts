import { expect, test } from "vitest";
import { mergeResults, type Outcome } from "../../../bench/versus/results.ts";

const outcome = (key: string, contender: string, value: number): Outcome => ({
  key,
  contender,
  figures: [{ name: "figure", unit: "s", value }],
  measured_on: "2026-11-29",
  command: "npm run versus",
  cores: 2,
  versions: { Node: "24.21.0" },
});
const redis = { name: "Redis", unit: "/s", value: 1 } as const;

test("one experiment that is measured again on one contender leaves all others as they were", () => {
  const known = {
    outcomes: [outcome("a", "x", 1), outcome("a", "y", 2), outcome("f", "x", 3)],
    neighbours: [redis],
  };
  const merged = mergeResults(known, { outcomes: [outcome("a", "y", 9)], neighbours: [] });
  expect(merged.outcomes.map(({ key, contender, figures }) => [key, contender, figures[0]?.value])).toEqual([
    ["a", "x", 1],
    ["f", "x", 3],
    ["a", "y", 9],
  ]);
  expect(merged.neighbours).toEqual([redis]);
});

test("neighbours that are measured again take the place of the known ones", () => {
  const fresh = { outcomes: [], neighbours: [{ ...redis, value: 2 }] };
  expect(mergeResults({ outcomes: [], neighbours: [redis] }, fresh).neighbours).toEqual(fresh.neighbours);
});

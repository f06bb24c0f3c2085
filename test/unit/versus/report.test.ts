import { expect, test } from "vitest";
import type { Experiment } from "../../../bench/versus/experiment.ts";
import { drawPicture } from "../../../bench/versus/picture.ts";
import { writeReport } from "../../../bench/versus/report.ts";
import type { Results } from "../../../bench/versus/results.ts";
import type { Taking } from "../../../bench/versus/taking.ts";

const experiment = (key: string): Experiment => ({
  key,
  title: `Title ${key}`,
  method: "How.",
  run: () => Promise.resolve([]),
});
const figures = [{ name: "figure", unit: "s" as const, value: 1, isHeadline: true as const }];
const taking: Taking = {
  measured_on: "2026-11-30",
  command: "npm run versus -- --only f",
  cores: 2,
  versions: { Sluice: "0.1.0 (694fe1f)", Node: "24.21.0" },
};
const redis = { name: "Redis: pairs", unit: "/s" as const, value: 502 };
const results: Results = {
  outcomes: [
    { key: "a", contender: "Sluice", figures, measured_on: "2026-11-29", command: "npm run versus" },
    { key: "f", contender: "Sluice", figures, ...taking },
    { key: "g", contender: "Sluice", figures, ...taking },
  ],
  neighbours: [
    redis,
    { ...redis, ...taking, name: "BullMQ: jobs", versions: { Redis: "7.0.15", BullMQ: "6.7.0" } },
  ],
};
const all = ["a", "f", "g"].map(experiment);

test("the report says of each figure when and of what it was measured, and nothing of what was not noted then", () => {
  const report = writeReport(results, all, ["Sluice"]);
  expect(report).toContain("| a | Sluice | 2026-11-29 |  |  | `npm run versus` |");
  expect(report).toContain(
    "| f, g | Sluice | 2026-11-30 | 2 | Sluice 0.1.0 (694fe1f), Node 24.21.0 | `npm run versus -- --only f` |",
  );
  expect(report).toContain("- Redis: pairs: 502 /s\n");
  expect(report).toContain(
    "- BullMQ: jobs: 502 /s (2026-11-30, 2 cores, Redis 7.0.15, BullMQ 6.7.0, `npm run versus -- --only f`)",
  );
});

test("the picture says when and of which versions, also of the neighbours", () => {
  const picture = drawPicture(results, all, ["Sluice"]);
  expect(picture).toContain(
    "Sluice: 2026-11-29 to 2026-11-30, 2 cores, Sluice 0.1.0 (694fe1f), Node 24.21.0",
  );
  expect(picture).toContain("For scale, Redis: pairs: 502 /s<");
  expect(picture).toContain(
    "For scale, BullMQ: jobs: 502 /s, 2026-11-30, 2 cores, Redis 7.0.15, BullMQ 6.7.0",
  );
});

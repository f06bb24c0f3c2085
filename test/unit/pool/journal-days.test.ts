import { expect, test } from "vitest";
import { formatId } from "../../../src/contract/ids.ts";
import type { FlowRunFilter } from "../../../src/contract/wire/filters.ts";
import { chooseDays } from "../../../src/domain/pool/journal-days.ts";

const NOW = Date.parse("2026-11-22T12:00:00Z");
/** Every day of October and November 2026. */
const KNOWN = [
  ...Array.from({ length: 31 }, (_, index) => `202610${String(index + 1).padStart(2, "0")}`),
  ...Array.from({ length: 22 }, (_, index) => `202611${String(index + 1).padStart(2, "0")}`),
];
const runOf = (day: string) =>
  formatId({ layout: "flow_run", key: "0123456789", version: 7, head: Date.parse(day), tail: 0 });

test.each<[string, FlowRunFilter, { count: number; newest?: string; oldest?: string }]>([
  ["without a time, the last seven days and today", {}, { count: 8, newest: "20261122", oldest: "20261115" }],
  [
    "the days of the ids",
    { id: { any_: [runOf("2026-10-03"), runOf("2026-10-03"), runOf("2025-01-01")] } },
    { count: 1, newest: "20261003" },
  ],
  [
    "from a start time on, and a little earlier: a run may start later than it was expected",
    { start_time: { after_: "2026-11-10T00:00:00.000000Z" } },
    { count: 15, oldest: "20261108" },
  ],
  [
    "a week up to an end",
    { end_time: { before_: "2026-10-20T10:00:00.000000Z" } },
    { count: 8, newest: "20261020", oldest: "20261013" },
  ],
  [
    "at most a month",
    { start_time: { after_: "2026-10-01T00:00:00.000000Z" } },
    { count: 31, newest: "20261122" },
  ],
  ["none for runs that have not finished", { state: { type: { any_: ["RUNNING"] } } }, { count: 0 }],
  [
    "not fewer where one of several conditions is enough",
    { operator: "or_", id: { any_: [] }, state: { type: { any_: ["RUNNING"] } } },
    { count: 8 },
  ],
])("a question about runs asks %s", (_, flow_runs, { count, newest, oldest }) => {
  const days = chooseDays(KNOWN, { flow_runs }, NOW);
  expect(days).toHaveLength(count);
  if (newest !== undefined) expect(days[0]).toBe(newest);
  if (oldest !== undefined) expect(days.at(-1)).toBe(oldest);
});

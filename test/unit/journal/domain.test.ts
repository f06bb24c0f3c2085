import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatId } from "../../../src/contract/ids.ts";
import { formatInstant } from "../../../src/contract/instants.ts";
import {
  journalOfLog,
  journalOfRun,
  journalsOfTaskRun,
  journalsWithoutRun,
  NO_POOL_KEY,
} from "../../../src/contract/journals.ts";
import { decodeLine, encodeLine, truncateMessage } from "../../../src/domain/journal/log-line.ts";
import { addSequences, hasSequence, type Ranges } from "../../../src/domain/journal/sequences.ts";
import { matchesText, parseTextQuery } from "../../../src/domain/journal/text-query.ts";

const NOW = Date.parse("2026-11-22T10:00:00.000Z");
const KEY = "0123456789";

/** Half of a pair of surrogates, too. fast-check's own `binary` takes seconds to make its tables. */
const anyCodeUnit = fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit));

describe("the journal of a log", () => {
  const run = formatId({
    layout: "flow_run",
    key: KEY,
    head: Date.parse("2026-11-20T23:59:59Z"),
    version: 7,
    tail: 1,
  });

  test("is that of its run, by the run's own day", () => {
    const log = { flow_run_id: run.toUpperCase(), timestamp: "2026-11-22T10:00:00.000000Z" };
    expect(journalOfLog("w", log, NOW)).toEqual({ workspace: "w", kind: "journal", key: `${KEY}-20261120` });
    expect(journalOfRun("w", run)?.key).toBe(`${KEY}-20261120`);
  });

  test.each([
    ["no run", null, "2026-11-21T10:00:00.000000Z", "20261121"],
    [
      "a run of another server",
      "8c21e7ae-9e99-4a1f-905d-e370dddf3a7b",
      "2026-11-22T01:00:00.000000Z",
      "20261122",
    ],
    ["a time long ago", null, "1999-01-01T00:00:00.000000Z", "20261122"],
    ["a time far ahead", null, "2999-01-01T00:00:00.000000Z", "20261122"],
  ])("without a run of ours is that of its day: %s", (_, flow_run_id, timestamp, day) => {
    expect(journalOfLog("w", { flow_run_id, timestamp }, NOW).key).toBe(`${NO_POOL_KEY}-${day}`);
  });

  test("is found again among the last days", () => {
    fc.assert(
      fc.property(fc.integer({ min: -9 * 86_400_000, max: 9 * 86_400_000 }), (distance) => {
        const timestamp = formatInstant(NOW + distance);
        const { key } = journalOfLog("w", { timestamp }, NOW);
        const isNear = distance > -7 * 86_400_000 && distance < 86_400_000;
        const day = isNear ? timestamp.slice(0, 10) : "2026-11-22";
        expect(key).toBe(`${NO_POOL_KEY}-${day.replaceAll("-", "")}`);
        expect(journalsWithoutRun("w", NOW).map((address) => address.key)).toContain(key);
      }),
    );
  });
});

test("the logs of a task run are looked for on its day and the day before, in every pool", () => {
  const made = formatId({ layout: "task_run", key: KEY, head: NOW - 5 * 86_400_000, version: 7, tail: 1 });
  const keys = (id: string) => journalsOfTaskRun("w", id, ["aaaaaaaaaa", KEY], NOW).map(({ key }) => key);
  expect(keys(made)).toEqual([
    "aaaaaaaaaa-20261117",
    `${KEY}-20261117`,
    "aaaaaaaaaa-20261116",
    `${KEY}-20261116`,
  ]);
  const today = ["aaaaaaaaaa-20261122", `${KEY}-20261122`, "aaaaaaaaaa-20261121", `${KEY}-20261121`];
  expect(keys("8c21e7ae-9e99-4a1f-905d-e370dddf3a7b")).toEqual(today);
  expect(keys("ffffffff-ffff-7a1f-905d-e370dddf3a7b")).toEqual(today);
});

describe("a line", () => {
  test("gives back what was written, whatever is in it", () => {
    fc.assert(
      fc.property(fc.string({ unit: anyCodeUnit }), fc.string(), fc.integer(), (message, name, level) => {
        const line = encodeLine({ name, level, message, timestamp: "2026-11-22T10:00:00.000000Z" }, NOW, 7);
        expect(line).not.toContain("\n");
        expect(decodeLine(line, KEY, null)).toMatchObject({ name, level, message, flow_run_id: null });
      }),
    );
  });

  test.each([
    ["plain text", "a".repeat(3_000_000)],
    ["control characters", "\u0001".repeat(1_000_000)],
    ["lone surrogates", "\ud800".repeat(1_000_000)],
    ["four-byte characters", "😀".repeat(700_000)],
  ])("of %s that is too long is cut and says so", (_, message) => {
    const cut = truncateMessage(message);
    expect(cut.length).toBeLessThan(message.length);
    expect(cut).toMatch(/\[The log message was cut here: \d+ of its \d+ characters are missing\.\]$/);
    const line = encodeLine(
      { name: "n", level: 20, message, timestamp: "2026-11-22T10:00:00.000000Z" },
      NOW,
      0,
    );
    expect(new TextEncoder().encode(line).length).toBeLessThan(1_700_000);
  });

  test("of a megabyte is kept whole", () => {
    const message = "é\n".repeat(349_000);
    expect(truncateMessage(message)).toBe(message);
  });
});

test("a sequence is seen exactly if it was added, while the gaps are few", () => {
  fc.assert(
    fc.property(fc.array(fc.array(fc.nat(60), { maxLength: 8 }), { maxLength: 12 }), (batches) => {
      let ranges: Ranges = [];
      const seen = new Set<number>();
      for (const batch of batches) {
        ranges = addSequences(ranges, batch);
        for (const sequence of batch) seen.add(sequence);
      }
      for (let sequence = 0; sequence <= 61; sequence += 1)
        expect(hasSequence(ranges, sequence)).toBe(seen.has(sequence));
      for (const [index, [first, last]] of ranges.entries()) {
        expect(first).toBeLessThanOrEqual(last);
        if (index > 0) expect(first).toBeGreaterThan((ranges[index - 1]?.[1] ?? 0) + 1);
      }
    }),
  );
  const sparse = addSequences(
    [],
    Array.from({ length: 1000 }, (_, index) => index * 2),
  );
  expect(sparse.length).toBeLessThanOrEqual(200);
  expect(hasSequence(sparse, 1998)).toBe(true);
  expect(hasSequence(sparse, 1997)).toBe(false);
});

describe("a text query", () => {
  test.each([
    ["", "anything", true],
    ["error warning", "a Warning", true],
    ["error warning", "fine", false],
    ["+disk +full", "the disk is full", true],
    ["+disk +full", "the disk is fine", false],
    ["error -retry", "error, will retry", false],
    ["error !retry", "error", true],
    ['"out of memory"', "Out of memory!", true],
    ['"out of memory"', "memory out of reach", false],
    ['-"out of memory" cuda', "cuda out of memory", false],
    ['"', 'a "quote"', true],
  ])("%s on %s", (query, text, expected) => {
    expect(matchesText(parseTextQuery(query), text)).toBe(expected);
  });
});

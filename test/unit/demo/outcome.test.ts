import { stripVTControlCharacters } from "node:util";
import { expect, test } from "vitest";
import type { DemoOptions } from "../../../examples/demo/options.ts";
import { readOptions } from "../../../examples/demo/options.ts";
import { countConcurrent, judge, type RunRecord } from "../../../examples/demo/outcome.ts";
import { drawOutcome } from "../../../examples/demo/picture.ts";

const options: DemoOptions = {
  ...readOptions([]),
  runs: 4,
  downloadSeconds: 1,
  inferSeconds: 2,
  saveSeconds: 0,
};
const started = 1_000_000;

/** A run that inferred from one second to another. */
function record(image_id: number, worker_id: string, from: number, until: number): RunRecord {
  const result = { worker_id, held_from: started + from * 1000, held_until: started + until * 1000 };
  return { image_id, state: "COMPLETED", log_lines: 4, result };
}

const good = [
  record(1, "gpu-1", 1, 3),
  record(2, "gpu-1", 1, 3),
  record(3, "gpu-2", 1, 3),
  record(4, "gpu-2", 1, 3),
];
const judgeAll = (records: RunRecord[], seconds = 3) =>
  judge(options, records, { startedAt: started, endedAt: started + seconds * 1000 });

test("a job that went as it should", () => {
  expect(judgeAll(good)).toMatchObject({ is_ok: true, problems: [], ideal_seconds: 3, ratio: 1 });
});

test("one holder too many is found, whatever the row; a slot that goes on in the same instant is none", () => {
  const exceeded = judgeAll([...good.slice(0, 2), record(3, "gpu-1", 2.9, 3.5), record(4, "gpu-2", 1, 3)]);
  expect(exceeded.is_ok).toBe(false);
  expect(exceeded.problems).toEqual(["gpu:gpu-1 was exceeded: 3 held it at once, of 2."]);
  expect(drawOutcome(exceeded, { hasColor: false })).toContain("gpu-1 too many");
  expect(
    countConcurrent([
      { from_seconds: 0, until_seconds: 1 },
      { from_seconds: 1, until_seconds: 2 },
    ]),
  ).toBe(1);
});

test("lost runs, results and logs are found, and too long a makespan", () => {
  const [first, second, third] = good as [RunRecord, RunRecord, RunRecord];
  const outcome = judgeAll(
    [
      { ...first, state: "CRASHED" },
      { ...second, result: undefined },
      { ...third, log_lines: 3 },
    ],
    4,
  );
  expect(outcome.problems).toEqual([
    "1 of 4 runs are not known to the server.",
    "The run of image 1 is CRASHED, not COMPLETED.",
    "The run of image 2 has no result.",
    "The run of image 3 has 3 lines of log, not 4.",
    "It took 1.33 times the ideal; at most 1.3 is allowed.",
  ]);
  expect(outcome.is_ok).toBe(false);
});

test("the picture fits 80 columns, in colour and without, whatever the numbers", () => {
  const many = Array.from({ length: 60 }, (_, index) =>
    record(
      index + 1,
      index % 2 === 0 ? "gpu-1" : "gpu-2",
      Math.floor(index / 4),
      Math.floor(index / 4) + 0.9,
    ),
  );
  const outcome = judge(
    { ...options, runs: 60 },
    many.map((run) => ({ ...run, log_lines: 0 })),
    { startedAt: started, endedAt: started + 1_234_567 },
  );
  for (const hasColor of [true, false]) {
    const lines = stripVTControlCharacters(drawOutcome(outcome, { hasColor })).split("\n");
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
  }
});

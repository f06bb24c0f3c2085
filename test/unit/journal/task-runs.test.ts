import fc from "fast-check";
import { expect, test } from "vitest";
import { formatInstant } from "../../../src/contract/instants.ts";
import { isTerminal, STATE_TYPES } from "../../../src/contract/wire/states.ts";
import type { TaskRunChange } from "../../../src/contract/wire/task-runs.ts";
import { createTaskRun, recordChange, toTaskState } from "../../../src/domain/journal/task-runs.ts";

const START = Date.parse("2026-11-22T10:00:00.000Z");
const ID = "01a20173-04a0-7780-bf39-ca88bc31f383";
const idOf = (index: number) => `01a20173-04a0-7780-bf39-${String(index).padStart(12, "0")}`;

const reports = fc
  .array(fc.record({ type: fc.constantFrom(...STATE_TYPES), at: fc.nat(20) }), {
    minLength: 1,
    maxLength: 12,
  })
  .map((found) =>
    found.map(({ type, at }, index): Pick<TaskRunChange, "state" | "snapshot"> => {
      const timestamp = formatInstant(START + at * 1000);
      const snapshot = { task_key: "t", dynamic_key: "0", name: `as of ${index}`, run_count: index };
      return { state: toTaskState({ type }, idOf(index), timestamp), snapshot };
    }),
  );
const record = (changes: readonly Pick<TaskRunChange, "state" | "snapshot">[]) => {
  let stored = createTaskRun({ task_key: "t", dynamic_key: "0" }, ID, START);
  for (const change of changes) stored = recordChange(stored, change, START) ?? stored;
  return stored;
};

test("reports in any order, some of them twice, make the same history and the same present", () => {
  fc.assert(
    fc.property(
      reports.chain((given) =>
        fc.tuple(
          fc.constant(given),
          fc.shuffledSubarray([...given, ...given], { minLength: given.length * 2 }),
        ),
      ),
      ([given, shuffled]) => {
        const [expected, found] = [record(given), record(shuffled)];
        expect(found.states).toEqual(expected.states);
        expect(found.run).toMatchObject({
          state: expected.run.state,
          state_id: expected.run.state_id,
          name: `as of ${given.findIndex(({ state }) => state.id === found.run.state_id)}`,
        });
      },
    ),
  );
});

test("the present is never older than what was shown before", () => {
  fc.assert(
    fc.property(reports, (given) => {
      let shown = "";
      for (let count = 1; count <= given.length; count += 1) {
        const { state } = record(given.slice(0, count)).run;
        expect((state?.timestamp ?? "") >= shown).toBe(true);
        shown = state?.timestamp ?? "";
      }
    }),
  );
});

test("without a record of the client's, times come from the history, however late its parts come", () => {
  const state = (type: (typeof STATE_TYPES)[number], at: number) => ({
    state: toTaskState({ type }, idOf(at), formatInstant(START + at * 1000)),
  });
  const { run } = record([state("COMPLETED", 9), state("RUNNING", 2), state("PENDING", 0)]);
  expect(run).toMatchObject({
    run_count: 1,
    expected_start_time: formatInstant(START),
    start_time: formatInstant(START + 2000),
    end_time: formatInstant(START + 9000),
    total_run_time: 7,
  });
});

test("a history stays bounded; its beginning and its end are kept", () => {
  const changes = Array.from({ length: 250 }, (_, index) => ({
    state: toTaskState(
      { type: "RUNNING", data: "x".repeat(10_000) },
      idOf(index),
      formatInstant(START + index),
    ),
  }));
  const { states, run } = record(changes);
  expect(states.length).toBe(100);
  expect([states[0]?.id, run.state_id]).toEqual([idOf(0), idOf(249)]);
  expect(JSON.stringify(states).length).toBeLessThan(500_000);
  expect(run.state?.data).toHaveLength(10_000);
  expect(states.every(({ type }) => !isTerminal(type))).toBe(true);
});

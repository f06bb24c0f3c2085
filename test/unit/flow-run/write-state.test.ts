import { expect, test } from "vitest";
import type { FlowRun } from "../../../src/contract/wire/flow-runs.ts";
import type { StateCreate } from "../../../src/contract/wire/states.ts";
import { withEstimates } from "../../../src/domain/flow-run/estimates.ts";
import { inventRunName } from "../../../src/domain/flow-run/run-name.ts";
import { defaultFirstState } from "../../../src/domain/flow-run/start-run.ts";
import { decided, makeRun, NOW, propose } from "./fixtures.ts";

/** Proposes states at given seconds; each must be written. */
function play(run: FlowRun, ...steps: [seconds: number, state: StateCreate][]): FlowRun {
  let current = run;
  for (const [seconds, state] of steps) {
    const next = decided(propose(current, state, { now: NOW + seconds * 1000 })).run;
    if (next === null) throw new Error(`${state.type} was not written`);
    current = next;
  }
  return current;
}

test("a run has start, end, count and the time in RUNNING", () => {
  const run = play(
    makeRun(),
    [0, { type: "PENDING" }],
    [1, { type: "RUNNING" }],
    [4.5, { type: "COMPLETED" }],
  );
  expect(run).toMatchObject({
    start_time: "2026-11-22T04:08:35.000000Z",
    end_time: "2026-11-22T04:08:38.500000Z",
    total_run_time: 3.5,
    run_count: 1,
    next_scheduled_start_time: null,
    expected_start_time: "2026-11-22T04:08:24.000000Z",
    state_type: "COMPLETED",
    state_name: "Completed",
    updated: "2026-11-22T04:08:38.500000Z",
  });
  expect(run.state?.state_details.flow_run_id).toBe(run.id);
  expect(run.state_id).toBe(run.state?.id);
});

test("a retried run keeps its first start, adds up its time and loses its end", () => {
  const ended = play(makeRun(), [0, { type: "RUNNING" }], [2, { type: "FAILED" }]);
  const retried = play(ended, [5, { type: "SCHEDULED" }]);
  expect(retried.end_time).toBeNull();
  expect(retried.next_scheduled_start_time).toBe("2026-11-22T04:08:39.000000Z");
  const again = play(retried, [6, { type: "RUNNING" }], [9, { type: "COMPLETED" }]);
  expect(again).toMatchObject({ run_count: 2, total_run_time: 5, start_time: ended.start_time });
});

test("a terminal state that follows a terminal one keeps the end", () => {
  const ended = play(makeRun(), [0, { type: "RUNNING" }], [2, { type: "FAILED" }]);
  expect(play(ended, [8, { type: "COMPLETED" }]).end_time).toBe(ended.end_time);
});

test("a resumed run is not counted again", () => {
  const run = play(makeRun(), [0, { type: "RUNNING" }], [1, { type: "PAUSED" }], [2, { type: "RUNNING" }]);
  expect(run.run_count).toBe(1);
  expect(run.empirical_policy.resuming).toBe(false);
});

test("timestamps rise although the clock stands still or goes back", () => {
  const run = play(makeRun(), [0, { type: "PENDING" }]);
  const running = play(run, [0, { type: "RUNNING" }]);
  expect(running.state?.timestamp).toBe("2026-11-22T04:08:34.000001Z");
  expect(play(running, [-60, { type: "COMPLETED" }]).state?.timestamp).toBe("2026-11-22T04:08:34.000002Z");
});

test("a timestamp carries over a full second", () => {
  const run = makeRun();
  const state = run.state;
  if (state === null) throw new Error("no state");
  const late = { ...run, state: { ...state, timestamp: "2026-11-22T04:08:59.999999Z" } };
  expect(play(late, [0, { type: "PENDING" }]).state?.timestamp).toBe("2026-11-22T04:09:00.000000Z");
});

test("estimates grow with the moment of reading", () => {
  const waiting = makeRun();
  expect(withEstimates(waiting, NOW)).toMatchObject({
    estimated_start_time_delta: 10,
    estimated_run_time: 0,
  });
  const running = play(waiting, [2, { type: "RUNNING" }]);
  expect(withEstimates(running, NOW + 5000)).toMatchObject({
    estimated_start_time_delta: 12,
    estimated_run_time: 3,
    total_run_time: 0,
  });
  const cancelled = play(waiting, [3, { type: "CANCELLED" }]);
  expect(withEstimates(cancelled, NOW + 9000).estimated_start_time_delta).toBe(0);
});

test("a run with a deployment begins SCHEDULED, any other PENDING", () => {
  expect(defaultFirstState(true).type).toBe("SCHEDULED");
  expect(defaultFirstState(false).type).toBe("PENDING");
});

test("names have two words and differ", () => {
  const names = new Set(Array.from({ length: 1000 }, (_, index) => inventRunName(index)));
  expect(names.size).toBe(1000);
  for (const name of names) expect(name).toMatch(/^[a-z]+-[a-z]+$/);
  expect(inventRunName(2 ** 48 - 1)).toMatch(/^[a-z]+-[a-z]+$/);
});

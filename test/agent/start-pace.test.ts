import { availableParallelism } from "node:os";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { StartPace } from "../../worker-agent/start-pace.ts";

const CORES = availableParallelism();

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** Asks for so many turns; `started` is whose turn has come, in that order. */
function ask(pace: StartPace, count: number, signal = new AbortController().signal) {
  const started: { index: number; ended: () => void }[] = [];
  for (let index = 0; index < count; index += 1)
    void pace.turn(signal).then(({ ended }) => started.push({ index, ended }));
  return started;
}
const indices = (started: readonly { index: number }[]) => started.map(({ index }) => index);
const upTo = (count: number) => Array.from({ length: count }, (_, index) => index);

test("as many processes as there are processors start at once, the others in turn", async () => {
  const started = ask(new StartPace(), 3 * CORES);
  await vi.advanceTimersByTimeAsync(0);
  expect(indices(started)).toEqual(upTo(CORES));
  await vi.advanceTimersByTimeAsync(10_000);
  expect(indices(started)).toEqual(upTo(3 * CORES));
});

test("a process that is over makes room at once, and only once", async () => {
  const started = ask(new StartPace(), 3 * CORES);
  await vi.advanceTimersByTimeAsync(0);
  started[0]?.ended();
  started[0]?.ended();
  await vi.advanceTimersByTimeAsync(0);
  expect(indices(started)).toEqual(upTo(CORES + 1));
});

test("who is stopped waits no longer and takes no place", async () => {
  const pace = new StartPace();
  ask(pace, CORES);
  const stopping = new AbortController();
  const stopped = ask(pace, 1, stopping.signal);
  const next = ask(pace, 1);
  stopping.abort();
  await vi.advanceTimersByTimeAsync(0);
  expect([stopped.length, next.length]).toEqual([1, 0]);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(next.length).toBe(1);
});

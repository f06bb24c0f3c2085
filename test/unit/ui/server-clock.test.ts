/** The server's clock as a browser learns it from answers. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ServerClock } from "../../../src/ui/data/server-clock.ts";

const NOW = 1_800_000_000_000;
const MINUTE = 60_000;

beforeEach(() => {
  vi.useFakeTimers({ now: NOW, toFake: ["Date"] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** An answer that took so long each way, of a server so far ahead. */
const hear = (clock: ServerClock, ahead: number, there: number, back: number) =>
  clock.note(Date.now() - back + ahead, Date.now(), there + back);

test("a browser whose clock is off counts by the server's, one that is close by its own", () => {
  const clock = new ServerClock();
  expect(clock.now()).toBe(NOW);
  hear(clock, -10 * MINUTE, 20, 20);
  expect(clock.now()).toBe(NOW - 10 * MINUTE);
  vi.setSystemTime(NOW + 1500);
  expect(clock.now()).toBe(NOW + 1500 - 10 * MINUTE);
  const close = new ServerClock();
  hear(close, 1900, 5, 5);
  expect(close.now()).toBe(Date.now());
});

test("the quickest answer is believed, and no slow one changes that", () => {
  const clock = new ServerClock();
  hear(clock, 10 * MINUTE, 5000, 100);
  expect(clock.now()).toBe(NOW + 10 * MINUTE + 2450);
  hear(clock, 10 * MINUTE, 30, 10);
  expect(clock.now()).toBe(NOW + 10 * MINUTE + 10);
  hear(clock, 10 * MINUTE, 100, 9000);
  expect(clock.now()).toBe(NOW + 10 * MINUTE + 10);
});

test("a clock that is set meanwhile is heard of by the next answer, however slow", () => {
  const clock = new ServerClock();
  hear(clock, 10 * MINUTE, 5, 5);
  hear(clock, 0, 300, 300);
  expect(clock.now()).toBe(NOW);
  hear(clock, -3 * MINUTE, 300, 300);
  expect(clock.now()).toBe(NOW - 3 * MINUTE);
});

test("what is no number says nothing", () => {
  const clock = new ServerClock();
  clock.note(Number("soon"), NOW, 10);
  expect(clock.now()).toBe(NOW);
});

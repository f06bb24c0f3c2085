/** Waits that are longer than one timer of Node can be. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { callAfter } from "../../../src/client/backoff.ts";

const DAY_MS = 86_400_000;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("what is due in 60 days is called then, once, and not before", () => {
  const called = vi.fn();
  callAfter(60 * DAY_MS, called);
  vi.advanceTimersByTime(60 * DAY_MS - 1);
  expect(called).not.toHaveBeenCalled();
  vi.advanceTimersByTime(60 * DAY_MS);
  expect(called).toHaveBeenCalledTimes(1);
});

test("what is called off after its first timer is not called", () => {
  const called = vi.fn();
  const callOff = callAfter(60 * DAY_MS, called);
  vi.advanceTimersByTime(30 * DAY_MS);
  callOff();
  expect(vi.getTimerCount()).toBe(0);
  vi.advanceTimersByTime(60 * DAY_MS);
  expect(called).not.toHaveBeenCalled();
});

import { expect, test } from "vitest";
import { ClockWatch } from "../../../src/server/clock-watch.ts";

test("a step forward is told once; drift, a step back and a busy process are none", () => {
  const clock = { wall: 1_800_000_000_000, steady: 500 };
  const watch = new ClockWatch({ wallMs: () => clock.wall, steadyMs: () => clock.steady });
  const pass = (wall: number, steady: number): number => {
    clock.wall += wall;
    clock.steady += steady;
    return watch.look();
  };
  expect(pass(500, 500)).toBe(0);
  expect(pass(3_600_500, 500)).toBe(3_600_000);
  expect(pass(500, 500)).toBe(0);
  expect(pass(60_000, 60_000)).toBe(0);
  expect(Array.from({ length: 100 }, () => pass(600, 500))).toEqual(Array.from({ length: 100 }, () => 0));
  expect(pass(-100_000, 500)).toBe(0);
  expect(pass(500, 500)).toBe(0);
  expect(pass(4_000, 500)).toBe(3_500);
});

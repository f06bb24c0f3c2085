/** A fixed set of seeds, and that each mutant still fits the code. The long run is `npm run sim`. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { applyChange, MUTANTS, readChanged } from "./mutants.ts";
import { loadReleaseBefore, TODAY } from "./code.ts";
import { formatViolation } from "./report.ts";
import { simulate } from "./simulate.ts";

const SEEDS = Array.from({ length: 12 }, (_, index) => 1001 + index);

test.each(SEEDS)("no promise is broken by seed %i", async (seed) => {
  const { violation } = await simulate({ seed, hours: 0.25 });
  expect(violation && formatViolation(seed, violation)).toBeUndefined();
});

test("while a deploy is under way objects have the code of the release before", async ({ skip }) => {
  const before = await loadReleaseBefore();
  if (before === undefined)
    skip("This clone's history does not go back to it: only today's code was played.");
  expect(before?.LimitActor.name).toBe(TODAY.LimitActor.name);
  expect(before?.LimitActor).not.toBe(TODAY.LimitActor);
});

test("the same seed plays the same run", async () => {
  const trace = async () => {
    const lines: string[] = [];
    await simulate({ seed: 7, hours: 0.1, tell: (line) => lines.push(line) });
    return lines.join("\n");
  };
  expect(await trace()).toBe(await trace());
});

test.each([
  ["a lease is counted twice", "I2"],
  ["a release wakes nobody", "I7"],
  ["fences begin anew after a restart", "I4"],
])("the simulation finds the mutant “%s”", async (name, promise) => {
  const program = fileURLToPath(new URL("main.ts", import.meta.url));
  const args = [program, "--mutant", name, "--seeds", "1-12", "--hours", "0.25"];
  const run = promisify(execFile)(process.execPath, args);
  const { code, stdout } = await run.then(
    (done) => ({ ...done, code: 0 }),
    (error: { code: number; stdout: string }) => error,
  );
  expect(code).toBe(1);
  expect(stdout).toContain(`: ${promise}`);
});

test.each(MUTANTS)("the mutant “$name” fits the code", ({ changes }) => {
  for (const change of changes) {
    const source = readChanged(change);
    expect(applyChange(change, source)).not.toBe(source);
  }
});

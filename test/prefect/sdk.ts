/** Prefect's SDK against this server: flows and limits in processes of their own, no worker. */
import { expect } from "vitest";
import type { Prefect } from "./support/prefect.ts";

type Interval = [from: number, until: number];

/** How long Prefect's slots stay with somebody in `flows/limits.py`, and what those answers look like. */
interface Limits {
  one: Interval[];
  both: Interval[];
  some_missing: Interval;
}

interface MoreLimits {
  missing: string;
  strict_missing: string;
  too_many: string;
  timeout: string;
  no_decay: string;
  rate_seconds: number;
  tagged: Interval[];
}

export async function checkLimits(prefect: Prefect): Promise<void> {
  const { one, both, some_missing } = await prefect.ask<Limits>("limits.py", ["async"]);
  expectOneAfterTheOther(one, 4);
  expectOneAfterTheOther(both, 3);
  expect(some_missing).toHaveLength(2);

  const { rate_seconds, tagged, ...refusals } = await prefect.ask<MoreLimits>("limits.py", ["sync"]);
  expect(refusals).toEqual({
    missing: "nothing",
    strict_missing: "ConcurrencySlotAcquisitionError",
    too_many: "ConcurrencySlotAcquisitionError",
    timeout: "AcquireConcurrencySlotTimeoutError",
    no_decay: "ConcurrencySlotAcquisitionError",
  });
  // Two of four slots are free at once, the other two decay at four a second.
  expect(rate_seconds).toBeGreaterThan(0.4);
  expectOneAfterTheOther(tagged, 3);
  for (const limit of ["one", "two"]) {
    const { stdout } = await prefect.cli(["gcl", "inspect", limit]);
    expect(stdout).toContain("active_slots=0");
  }
}

export async function checkRuns(prefect: Prefect): Promise<void> {
  const { id, child, ...facts } = await prefect.ask<Record<string, unknown>>("runs.py");
  expect(facts).toEqual({
    answer: 42,
    task: "steady",
    variable: "blue",
    attempts: { flow: 2, task: 2 },
    failing: "Failed",
    name: "parent-21",
    run_count: 2,
    states: ["Pending", "Running", "AwaitingRetry", "Running", "Completed"],
    waited_to_retry: true,
    child_state: "Completed",
    child_has_parent: true,
    found: 2,
  });
  const { stdout } = await prefect.cli(["flow-run", "logs", String(id)]);
  expect(stdout).toMatch(/attempt 1 begins[^]*printed[^]*attempt 2 begins[^]*Finished in state Completed/u);
  const tasks = await prefect.cli(["task-run", "ls"]);
  expect(tasks).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/unsteady-.*COMPLETED/u) });
  expect(child).not.toBe(id);
}

export async function checkBackgroundTasks(prefect: Prefect): Promise<void> {
  const asking = prefect.ask<number[]>("background.py", ["delay"]);
  const server = await prefect.start("background.py", ["serve"]);
  expect(await asking).toEqual([1, 2, 3]);
  server.signal("SIGINT");
  await server.ended;
}

function expectOneAfterTheOther(intervals: Interval[], count: number): void {
  expect(intervals).toHaveLength(count);
  const sorted = intervals.toSorted(([left], [right]) => left - right);
  for (const [index, [from]] of sorted.entries())
    expect(from).toBeGreaterThanOrEqual(sorted[index - 1]?.[1] ?? 0);
}

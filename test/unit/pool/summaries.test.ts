/** Counts of runs by state and time, over a pool and the journals of its days. */
import { expect, test } from "vitest";
import { instantToMs } from "../../../src/contract/instants.ts";
import { createArchive, HOUR_MS } from "./archive.ts";
import { draftOf } from "./support.ts";

test("runs are counted by when they were expected, wherever they lie", async () => {
  const { pool, finish, here } = await createArchive();
  const first = await finish();
  const { expected_start_time } = await pool.do("read_run", { id: first });
  const starts_at = instantToMs(expected_start_time ?? "");
  await pool.advance(HOUR_MS + 1000);
  expect(here()).toEqual([]);
  await finish();
  await pool.do("create_run", { draft: draftOf({}), deployment: null });
  await pool.advance(60_000);
  const intervals = { starts_at, ends_at: starts_at + 2 * HOUR_MS, interval_ms: HOUR_MS };
  const groups = await pool.do("summarize_runs", { filter: {}, intervals });
  const told = groups.map(
    ({ interval, state_name, count_runs }) => `${interval},${state_name},${count_runs}`,
  );
  expect(new Set(told)).toEqual(new Set(["0,Completed,1", "1,Completed,1", "1,Late,1"]));
  // One that waits is late by the time that has passed since.
  expect(groups.find(({ state_name }) => state_name === "Late")?.sum_estimated_lateness).toBeCloseTo(60, 1);
  const all = await pool.do("summarize_runs", { filter: {}, intervals: null });
  expect(all.reduce((sum, { count_runs }) => sum + count_runs, 0)).toBe(3);
  const early = { ...intervals, ends_at: starts_at + 1 };
  expect(await pool.do("summarize_runs", { filter: {}, intervals: early })).toMatchObject([
    { count_runs: 1 },
  ]);
});

test("a running run's time goes on, an ended one's does not", async () => {
  const { pool, state } = await createArchive();
  const { flow_run } = await pool.do("create_run", { draft: draftOf({}), deployment: null });
  await state(flow_run.id, "RUNNING");
  await pool.advance(30_000);
  const read = async () => (await pool.do("summarize_runs", { filter: {}, intervals: null }))[0];
  expect((await read())?.sum_estimated_run_time).toBeCloseTo(30, 1);
  await state(flow_run.id, "COMPLETED");
  await pool.advance(30_000);
  expect(await read()).toMatchObject({ state_type: "COMPLETED" });
  expect((await read())?.sum_estimated_run_time).toBeCloseTo(30, 1);
});

/** Why a run does not get on: one reason at a time, whom it names, and the command that would help. */
import { expect, test } from "vitest";
import { writeCommand } from "../../../src/contract/commands.ts";
import { RunExplanation } from "../../../src/contract/wire/explanations.ts";
import { claim, submit } from "../../peers/pools.ts";
import { createTestPool } from "./support.ts";

test("each thing that is in the way of a run is named, with the command that takes it away", async () => {
  const pool = await createTestPool();
  const before = await submit(pool);
  const id = await submit(pool);
  const why = async (of = id) => {
    const answer = await pool.do("explain_run", { id: of });
    return RunExplanation.parse(answer);
  };
  const ofPool = { kind: "work_pool", name: "ml-pool", work_pool_name: null };
  const ofQueue = { kind: "work_queue", name: "default", work_pool_name: "ml-pool" };

  expect(await why()).toMatchObject({
    reason: "no_worker",
    blocking: ofPool,
    help: "sluice worker start --pool ml-pool",
    position: 2,
  });
  await pool.beat({ work_queue_names: ["other"] });
  expect(await why()).toMatchObject({
    reason: "no_worker",
    detail: "No worker that is online serves the work queue default.",
    blocking: ofQueue,
    help: "sluice worker start --pool ml-pool --work-queue default",
  });
  await pool.beat();
  expect(await why()).toMatchObject({
    reason: "workers_busy",
    detail: "The run is claimed as soon as a worker has room for it. One run of its queue is before it.",
    blocking: ofPool,
    help: "sluice worker start --pool ml-pool",
  });

  await pool.do("update", { is_paused: true });
  expect(await why()).toMatchObject({
    reason: "pool_paused",
    blocking: ofPool,
    help: "sluice work-pool resume ml-pool",
  });
  await pool.do("update", { is_paused: false });
  await pool.do("update_queue", { name: "default", update: { is_paused: true } });
  expect(await why()).toMatchObject({
    reason: "queue_paused",
    blocking: ofQueue,
    help: "sluice work-queue resume default --pool ml-pool",
  });
  await pool.do("update_queue", { name: "default", update: { is_paused: false } });

  expect((await claim(pool, [1])).claims).toMatchObject([{ flow_run: { id: before } }]);
  expect(await why(before)).toMatchObject({
    reason: "claimed",
    blocking: { kind: "worker", name: "gpu-1", work_pool_name: "ml-pool" },
    help: null,
    position: null,
  });
  await pool.do("update", { concurrency_limit: 1 });
  expect(await why()).toMatchObject({
    reason: "pool_full",
    detail: "The only slot of the work pool ml-pool is taken.",
    help: "sluice work-pool set-concurrency-limit ml-pool 2",
    position: 1,
  });
  await pool.do("update", { concurrency_limit: null });
  await pool.do("update_queue", { name: "default", update: { concurrency_limit: 1 } });
  expect(await why()).toMatchObject({
    reason: "queue_full",
    blocking: ofQueue,
    help: "sluice work-queue set-concurrency-limit default 2 --pool ml-pool",
  });
  await pool.do("update_queue", { name: "default", update: { concurrency_limit: 0 } });
  expect(await why()).toMatchObject({
    reason: "queue_full",
    detail: "The limit of the work queue default is 0, so none of its runs begins.",
  });
});

test("a run that is the first of its queue is told of the queues that come before", async () => {
  const pool = await createTestPool();
  await pool.do("create_queue", { name: "fast", priority: 1 });
  const id = await submit(pool);
  for (const _ of [1, 2]) await submit(pool, { work_queue_name: "fast" });
  await pool.beat();
  const why = () => pool.do("explain_run", { id });
  const ahead = " 2 runs of queues with a higher priority go first.";
  expect(await why()).toMatchObject({
    reason: "workers_busy",
    detail: `The run is claimed as soon as a worker has room for it.${ahead}`,
    position: 1,
  });
  await pool.do("update", { concurrency_limit: 0 });
  expect((await why()).detail).toBe(
    `The limit of the work pool ml-pool is 0, so none of its runs begins.${ahead}`,
  );
  // Whose queue is paused does not go.
  await pool.do("update_queue", { name: "fast", update: { is_paused: true } });
  expect((await why()).detail).toBe("The limit of the work pool ml-pool is 0, so none of its runs begins.");
});

test("names with signs that a shell reads are quoted in commands", () => {
  expect(writeCommand("gcl", "enable", "gpu:gpu-1")).toBe("sluice gcl enable gpu:gpu-1");
  expect(writeCommand("gcl", "enable", "Bob's; rm -rf $HOME")).toBe(
    String.raw`sluice gcl enable 'Bob'\''s; rm -rf $HOME'`,
  );
});

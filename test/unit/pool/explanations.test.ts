/** Why a run does not get on: one reason at a time, whom it names, and the command that would help. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { writeCommand } from "../../../src/contract/commands.ts";
import { formatInstant, instantToMs } from "../../../src/contract/instants.ts";
import { RunExplanation } from "../../../src/contract/wire/explanations.ts";
import { claim, stateOf, submit } from "../../peers/pools.ts";
import { attemptId, createTestPool, SESSION, type TestPool } from "./support.ts";

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

const SERVED = ["default", "fast"];

/** 13 runs under way, and 3 that wait behind those of a queue that gives one at a time, and of one that nobody serves. */
async function fill(): Promise<{ pool: TestPool; waiting: string[] }> {
  const pool = await createTestPool();
  await pool.do("create_queue", { name: "fast", priority: 1, concurrency_limit: 1 });
  await pool.do("create_queue", { name: "elsewhere", priority: 1 });
  for (let run = 0; run < 13; run += 1) await submit(pool);
  await pool.beat({ limit: 20, work_queue_names: SERVED });
  const ids = Array.from({ length: 13 }, (_, index) => index + 1);
  expect((await claim(pool, ids)).claims).toHaveLength(13);
  for (const work_queue_name of ["fast", "fast", "elsewhere"]) await submit(pool, { work_queue_name });
  const waiting: string[] = [];
  for (let run = 0; run < 3; run += 1) waiting.push(await submit(pool));
  return { pool, waiting };
}

/** The number at the end of a command, or before `--pool`. */
const numberIn = (help: string | null): number => Number(/ (\d+)( --pool|$)/.exec(help ?? "")?.[1]);

test.each(["pool", "queue"])(
  "the limit of a %s that would help is the least with which this very run begins",
  async (of) => {
    for (const place of [0, 1, 2]) {
      const { pool, waiting } = await fill();
      const id = waiting[place] ?? "";
      const limitTo = (concurrency_limit: number) =>
        of === "pool"
          ? pool.do("update", { concurrency_limit })
          : pool.do("update_queue", { name: "default", update: { concurrency_limit } });
      await limitTo(1);
      const { reason, detail, help } = await pool.do("explain_run", { id });
      const name = of === "pool" ? "the work pool ml-pool" : "the work queue default";
      const ahead = of === "pool" ? " One run of queues with a higher priority goes first." : "";
      expect([reason, detail]).toEqual([
        `${of}_full`,
        `13 runs of ${name} are under way, and its limit is 1.${ahead}`,
      ]);
      const least = numberIn(help);
      expect(least).toBe(13 + place + 1 + (of === "pool" ? 1 : 0));
      const begin = async () => {
        const { claims } = await pool.do("claim", {
          worker_name: "gpu-1",
          session_id: SESSION,
          attempt_ids: [21, 22, 23, 24, 25].map(attemptId),
          work_queue_names: SERVED,
        });
        return claims.map(({ flow_run }) => flow_run.id);
      };
      await limitTo(least - 1);
      expect(await begin()).not.toContain(id);
      await limitTo(least);
      expect(await begin()).toContain(id);
    }
  },
);

/** What else a run lacks, by the reasons that say so of it. */
async function lackedBy(pool: TestPool, id: string): Promise<string[]> {
  const { reason, needs = [] } = await pool.do("explain_run", { id });
  const told = reason === "no_worker" ? "workers_busy" : reason;
  return needs.filter((need) => need.reason !== told && need.spare < 0).map((need) => need.reason);
}

test("what else is missing is told, too", async () => {
  const { pool, waiting } = await fill();
  const [id = ""] = waiting;
  await pool.do("update", { concurrency_limit: 13 });
  await pool.do("update_queue", { name: "default", update: { concurrency_limit: 13 } });
  const why = async () => [(await pool.do("explain_run", { id })).reason, await lackedBy(pool, id)];
  expect(await why()).toEqual(["pool_full", ["queue_full"]]);
  await pool.do("update", { concurrency_limit: 14 });
  expect(await why()).toEqual(["queue_full", ["pool_full"]]);
  await pool.do("update", { concurrency_limit: 15 });
  expect(await why()).toEqual(["queue_full", []]);
  await pool.beat({ limit: 13, work_queue_names: SERVED });
  expect(await why()).toEqual(["queue_full", ["workers_busy"]]);
  await pool.do("update", { is_paused: true });
  expect(await why()).toEqual(["pool_paused", ["queue_full", "workers_busy"]]);
});

test.each(["pool", "queue"])(
  "a worker more does not help the last of those whom the %s lets begin",
  async (of) => {
    const pool = await createTestPool();
    const ids = [await submit(pool), await submit(pool), await submit(pool)];
    await pool.beat({ limit: 1 });
    await claim(pool, [1]);
    const limit = { concurrency_limit: 2 };
    await (of === "pool"
      ? pool.do("update", limit)
      : pool.do("update_queue", { name: "default", update: limit }));
    for (const [index, lacked] of [[], [`${of}_full`]].entries()) {
      const id = ids[index + 1] ?? "";
      expect((await pool.do("explain_run", { id })).reason).toBe("workers_busy");
      expect(await lackedBy(pool, id)).toEqual(lacked);
    }
  },
);

test("a suspended run is told what it lacks when it is resumed", async () => {
  const pool = await createTestPool();
  const id = await submit(pool);
  await pool.beat();
  await claim(pool, [1]);
  const suspend = (pause_reschedule: boolean) =>
    pool.do("set_state", {
      id,
      state: { type: "PAUSED", state_details: { pause_reschedule } } as never,
      is_forced: true,
      run: null,
    });
  await pool.do("update", { is_paused: true });
  await suspend(false);
  expect(await lackedBy(pool, id)).toEqual([]);
  await suspend(true);
  expect(await lackedBy(pool, id)).toEqual(["pool_paused"]);
});

const Queue = fc.constantFrom("default", "fast", "elsewhere");
const LimitOf = fc.option(fc.integer({ min: 0, max: 4 }), { freq: 2 });
const Plight = fc.record({
  begun: fc.array(Queue, { maxLength: 2 }),
  waiting: fc.array(Queue, { maxLength: 3 }),
  workers: fc.array(
    fc.record({
      limit: fc.integer({ min: 1, max: 3 }),
      serves: fc.subarray(["default", "fast"]),
    }),
    { maxLength: 2 },
  ),
  pool: fc.record({ concurrency_limit: LimitOf, is_paused: fc.boolean() }),
  queue: fc.record({ concurrency_limit: LimitOf, is_paused: fc.boolean() }),
  fast: fc.constantFrom(null, 1, 2),
});

test("whoever does what helps meets nothing else that was not told, until the run begins", async () => {
  await fc.assert(
    fc.asyncProperty(Plight, async (plight) => {
      const pool = await createTestPool();
      await pool.do("create_queue", { name: "fast", priority: 1, concurrency_limit: plight.fast });
      await pool.do("create_queue", { name: "elsewhere", priority: 1 });
      const setQueue = (update: Partial<typeof plight.queue>) =>
        pool.do("update_queue", { name: "default", update });
      const workers = [...plight.workers];
      let attempts = 0;
      const begin = async () => {
        for (const [index, { limit, serves: work_queue_names }] of workers.entries()) {
          const worker_name = `w${index}`;
          const session_id = attemptId(900 + index);
          const attempt_ids = Array.from({ length: limit }, () => attemptId((attempts += 1)));
          await pool.beat({ name: worker_name, session_id, limit, work_queue_names });
          await pool.do("claim", { worker_name, session_id, attempt_ids, work_queue_names });
        }
      };
      for (const work_queue_name of plight.begun) await submit(pool, { work_queue_name });
      await begin();
      await pool.do("update", plight.pool);
      await setQueue(plight.queue);
      for (const work_queue_name of plight.waiting) await submit(pool, { work_queue_name });
      const id = await submit(pool);
      await begin();
      let told: string[] | undefined;
      while ((await stateOf(pool, id)) === "SCHEDULED") {
        const { reason, help } = await pool.do("explain_run", { id });
        const lacked = reason === "no_worker" ? "workers_busy" : reason;
        expect(told ?? [lacked]).toContain(lacked);
        told = await lackedBy(pool, id);
        if (lacked === "pool_paused") await pool.do("update", { is_paused: false });
        else if (lacked === "queue_paused") await setQueue({ is_paused: false });
        else if (lacked === "pool_full") await pool.do("update", { concurrency_limit: numberIn(help) });
        else if (lacked === "queue_full") await setQueue({ concurrency_limit: numberIn(help) });
        else workers.push({ limit: 50, serves: help?.includes("--work-queue") === true ? ["default"] : [] });
        await begin();
      }
    }),
    { numRuns: 100 },
  );
});

test("a run that is being cancelled tells who stops its process, and when it has ended whatever that does", async () => {
  const pool = await createTestPool();
  const cancel = async (id: string, labels: Record<string, string> = {}) => {
    await pool.do("update_labels", { id, labels });
    for (const type of ["PENDING", "RUNNING", "CANCELLING"])
      await pool.do("set_state", { id, state: { type } as never, is_forced: true, run: null });
    const at = (await pool.do("read_run", { id })).state?.timestamp ?? "";
    return formatInstant(Math.ceil(instantToMs(at)) + 300_000);
  };
  const id = await submit(pool);
  const ends = await cancel(id);
  const why = (of = id) => pool.do("explain_run", { id: of });
  const nobody = (because: string, till = ends) =>
    `The run is Cancelling, and nobody stops its process: ${because}. It is Cancelled when its process ends or says so, at ${till} at the latest.`;
  await pool.advance(60_000);
  expect(await why()).toMatchObject({
    reason: "cancelling",
    detail: nobody("it has no worker"),
    estimated_seconds: expect.closeTo(240, 1),
    help: null,
  });
  const other = await submit(pool);
  const till = await cancel(other, { "prefect.worker.name": "gpu-1" });
  expect((await why(other)).detail).toBe(nobody("its worker gpu-1 is offline", till));
  await pool.beat();
  expect(await why(other)).toMatchObject({
    detail: `The run is Cancelling: the worker gpu-1 stops its process. It is Cancelled at ${till} at the latest.`,
    estimated_seconds: null,
  });
  await pool.beat();
  const [claimed] = (await submit(pool), await claim(pool, [1])).claims;
  const mine = claimed?.flow_run.id ?? "";
  await pool.do("set_state", { id: mine, state: { type: "CANCELLING" }, is_forced: false, run: null });
  expect((await why(mine)).detail).toContain("the worker gpu-1 stops its process.");
  // It is as it was said.
  await pool.advance(239_000);
  expect(await pool.do("read_run", { id })).toMatchObject({ state_type: "CANCELLING" });
  await pool.advance(1000);
  expect(await pool.do("read_run", { id })).toMatchObject({ state_type: "CANCELLED" });
});

test("names with signs that a shell reads are quoted in commands", () => {
  expect(writeCommand("gcl", "enable", "gpu:gpu-1")).toBe("sluice gcl enable gpu:gpu-1");
  expect(writeCommand("gcl", "enable", "Bob's; rm -rf $HOME")).toBe(
    String.raw`sluice gcl enable 'Bob'\''s; rm -rf $HOME'`,
  );
});

/** Bugs of others that concern the slots of pools, queues and workers: each situation, and how it ends here. */
import { expect, test } from "vitest";
import { createTestPool, SESSION } from "../unit/pool/support.ts";
import { claim, exited, idsOf, openFull, OTHER_SESSION, poll, propose, stateOf, submit } from "./pools.ts";

// Its query counts runs that are Pending or Running: beside a job that is being stopped the next one began.
test("PrefectHQ/prefect's query for due runs: a cancelled run has its slot until its process is gone", async () => {
  const { pool, first, second, run } = await openFull();
  await propose(pool, first, "CANCELLING");
  expect(await pool.do("concurrency_status", { limit: 9 })).toMatchObject({ active_slots: 1 });
  expect(await claim(pool, [2])).toMatchObject({ claims: [], reason: "pool_full" });
  expect(await poll(pool)).toEqual([]);
  await pool.do("end_attempt", {
    ...run,
    ...exited,
    outcome: "cancelled",
    signal: "SIGTERM",
    exit_code: null,
  });
  expect(await stateOf(pool, first)).toBe("CANCELLED");
  expect(idsOf(await claim(pool, [2]))).toEqual([second]);
});

// On Postgres the query leaves out paused queues: to pause one gave the pool as many slots as jobs of it were running.
test("PrefectHQ/prefect's query for due runs: what runs of a paused queue counts in its pool", async () => {
  const pool = await createTestPool();
  await pool.do("update", { concurrency_limit: 1 });
  await pool.beat();
  const first = await submit(pool, { work_queue_name: "night" });
  expect(idsOf(await claim(pool, [1]))).toEqual([first]);
  await pool.do("update_queue", { name: "night", update: { is_paused: true } });
  await submit(pool);
  expect(await claim(pool, [2])).toMatchObject({ claims: [], reason: "pool_full" });
  expect(await poll(pool)).toEqual([]);
});

// Its worker sorts by time what the server has sorted by priority: a low queue with many old runs goes first.
test("PrefectHQ/prefect#14950: a run of an urgent queue goes before older ones of others", async () => {
  const pool = await createTestPool();
  await pool.do("create_queue", { name: "urgent", priority: 1 });
  await pool.beat();
  for (let run = 0; run < 50; run += 1) await submit(pool);
  const urgent = await submit(pool, { work_queue_name: "urgent" });
  expect((await poll(pool, 3))[0]).toBe(urgent);
  expect(idsOf(await claim(pool, [1]))).toEqual([urgent]);
});

// Only whole queues have a priority there. One that waits for a slot of a limit can be let go before the others, too.
test("PrefectHQ/prefect#22563: one run of a queue can be let go before the others", async () => {
  const { pool, second, run } = await openFull();
  const [third, urgent] = [await submit(pool), await submit(pool)];
  await pool.do("move_to_front", { id: urgent });
  await pool.do("end_attempt", { ...run, ...exited });
  expect(await poll(pool)).toEqual([urgent]);
  expect(idsOf(await claim(pool, [2]))).toEqual([urgent]);
  await pool.do("update", { concurrency_limit: null });
  expect(idsOf(await claim(pool, [3, 4]))).toEqual([second, third]);
});

// A scheduler that took 32 tasks at a time took only those of the pool with the highest priority, which was full.
test("apache/airflow#45636, #14476: a long line before a full queue keeps nobody of another queue waiting", async () => {
  const pool = await createTestPool();
  await pool.do("create_queue", { name: "busy", priority: 1, concurrency_limit: 1 });
  await pool.beat();
  const busy = await submit(pool, { work_queue_name: "busy" });
  for (let run = 0; run < 250; run += 1) await submit(pool, { work_queue_name: "busy" });
  const other = await submit(pool);
  expect(idsOf(await claim(pool, [1, 2, 3]))).toEqual([busy, other]);
});

// Runs of a partition were counted under another name than was looked for: a worker took on more and more of them.
test("dbos-inc/dbos-transact-ts#1272: a worker's limit counts what it runs of all queues", async () => {
  const pool = await createTestPool();
  await pool.beat({ limit: 2 });
  for (const work_queue_name of ["one", "two", "three"])
    for (let run = 0; run < 2; run += 1) await submit(pool, { work_queue_name });
  expect(idsOf(await claim(pool, [1, 2, 3]))).toHaveLength(2);
  const queues = await pool.do("filter_queues", { limit: 9, offset: 0 });
  for (const [index, { name }] of queues.entries()) {
    const attempt_ids = [`0f9a1c52-0000-4000-8000-0000000000${20 + index}`];
    const command = { worker_name: "gpu-1", session_id: SESSION, attempt_ids, work_queue_names: [name] };
    expect((await pool.do("claim", command)).claims).toEqual([]);
  }
});

// Workers that fetched at the same time did not see each other's jobs, and more ran than the limit allowed.
test("windmill-labs/windmill#2216: workers that ask at the same time get no more than the limit among them", async () => {
  const pool = await createTestPool();
  await pool.do("update", { concurrency_limit: 3 });
  for (let run = 0; run < 40; run += 1) await submit(pool);
  const workers = Array.from({ length: 20 }, (_, index) => ({
    name: `gpu-${index}`,
    session_id: SESSION.replace(/..$/, `${10 + index}`),
  }));
  for (const worker of workers) await pool.beat(worker);
  const answers = await Promise.all(
    workers.map(({ name, session_id }, index) => claim(pool, [2 * index, 2 * index + 1], name, session_id)),
  );
  expect(new Set(answers.flatMap(idsOf)).size).toBe(3);
  expect(answers.flatMap(idsOf)).toHaveLength(3);
});

// A queue had a limit of 1, and when its run ended, both that had waited began; with a limit of 2 once nine did.
test("PrefectHQ/prefect#14869, #10771: workers of Prefect's that see a slot of a queue free at once begin one run in it", async () => {
  const pool = await createTestPool();
  await pool.do("create_queue", { name: "limited", concurrency_limit: 2 });
  const late: string[] = [];
  for (let run = 0; run < 9; run += 1) late.push(await submit(pool, { work_queue_name: "limited" }));
  // Each begins all that it sees.
  const begin = async () => {
    const seen = [await poll(pool, 200, "one"), await poll(pool, 200, "two"), await poll(pool, 200, "three")];
    for (const id of new Set(seen.flat())) await propose(pool, id, "PENDING");
    return new Set(seen.flat());
  };
  expect(await begin()).toEqual(new Set(late.slice(0, 2)));
  expect(await begin()).toEqual(new Set());
  await propose(pool, late[0] ?? "", "RUNNING");
  await propose(pool, late[0] ?? "", "COMPLETED");
  expect(await begin()).toEqual(new Set(late.slice(2, 3)));
});

// The limit of each worker held for all of them together: of two workers one stood idle.
test("dbos-inc/dbos-transact-py#508: two workers that run one at a time run two", async () => {
  const pool = await createTestPool();
  await pool.beat({ limit: 1 });
  await pool.beat({ name: "gpu-2", session_id: OTHER_SESSION, limit: 1 });
  const [first, second, third] = [await submit(pool), await submit(pool), await submit(pool)];
  expect(idsOf(await claim(pool, [1, 2]))).toEqual([first]);
  expect(idsOf(await claim(pool, [3, 4], "gpu-2", OTHER_SESSION))).toEqual([second]);
  expect(await stateOf(pool, third)).toBe("SCHEDULED");
});

/** One run that waits is moved to the front: of its queue, and of the line of its deployment's limit. */
import { expect, test } from "vitest";
import { claim, exited, idsOf, poll, propose, start, submit } from "../../peers/pools.ts";
import { createPair } from "./pair.ts";
import { createTestPool, type TestPool } from "./support.ts";

const moved = (name: string, passed: number | null, kind = "work_queue") => ({
  line: { kind, name },
  passed,
});

/** A pool with one slot, and so many runs in its default queue, the first of which is under way. */
async function openWith(waiting: number) {
  const pool = await createTestPool();
  await pool.do("update", { concurrency_limit: 1 });
  await pool.beat();
  const first = await submit(pool);
  const run = await start(pool, (await claim(pool, [1])).claims[0]);
  expect(run.flow_run_id).toBe(first);
  const line: string[] = [];
  for (let index = 0; index < waiting; index += 1) line.push(await submit(pool));
  return { pool, first, run, line: line as [string, string, string, string] };
}

/** The order in which the rest is claimed. */
async function claimAll(pool: TestPool, attempts: number[]): Promise<string[]> {
  await pool.do("update", { concurrency_limit: null });
  return idsOf(await claim(pool, attempts));
}

const raise = (pool: TestPool) => pool.do("update", { concurrency_limit: null });

test("a run that waits in a queue goes before all others of it, and its times stay as they are", async () => {
  const { pool, line } = await openWith(4);
  const [a, b, c, d] = line;
  const before = await pool.do("read_run", { id: c });
  pool.wakes.length = 0;
  expect(await pool.do("move_to_front", { id: c })).toEqual(moved("default", 2));
  expect(pool.wakes).toEqual([{ reason: "run_ready", worker_name: undefined }]);
  expect(await pool.do("read_run", { id: c })).toEqual(before);
  expect(await pool.do("explain_run", { id: c })).toMatchObject({ position: 1 });
  expect(await pool.do("explain_run", { id: a })).toMatchObject({ position: 2 });
  const inLine = await pool.do("list_line", { limit: 3 });
  expect(inLine.map(({ id }) => id)).toEqual([c, a, b]);
  await pool.evict();
  expect(await claimAll(pool, [2, 3, 4, 5])).toEqual([c, a, b, d]);
});

test("who was moved last stands first; doing it twice is once", async () => {
  const { pool, line } = await openWith(4);
  const [a, b, c, d] = line;
  await pool.do("move_to_front", { id: c });
  expect(await pool.do("move_to_front", { id: d })).toEqual(moved("default", 3));
  const rows = pool.host.sql.all("SELECT * FROM ready ORDER BY run_id");
  expect(await pool.do("move_to_front", { id: d })).toEqual(moved("default", 0));
  expect(pool.host.sql.all("SELECT * FROM ready ORDER BY run_id")).toEqual(rows);
  expect(await claimAll(pool, [2, 3, 4, 5])).toEqual([d, c, a, b]);
});

test("priorities of queues stay above it", async () => {
  const { pool, line } = await openWith(2);
  await pool.do("create_queue", { name: "urgent", priority: 1 });
  const urgent = await submit(pool, { work_queue_name: "urgent" });
  await pool.do("move_to_front", { id: line[1] });
  expect(await claimAll(pool, [2, 3, 4])).toEqual([urgent, line[1], line[0]]);
});

test("Prefect's worker gets it first, also for a deployment that it serves", async () => {
  const { pool, line } = await openWith(3);
  const [a, b, c] = line;
  await pool.do("move_to_front", { id: c });
  await raise(pool);
  expect(await poll(pool)).toEqual([c, a, b]);
  expect(await poll(pool, 1)).toEqual([c]);
  const { deployment_id } = await pool.do("read_run", { id: c });
  const served = await pool.do("get_scheduled", {
    work_queue_names: null,
    scheduled_before: null,
    scheduled_after: null,
    limit: 2,
    csrf_client: null,
    deployment_ids: [deployment_id ?? ""],
  });
  expect(served.map(({ id }) => id)).toEqual([c, a]);
});

test("it keeps its place when it is given back, and no longer than until it has ended", async () => {
  const { pool, run, line } = await openWith(3);
  const [a, b, c] = line;
  await pool.do("move_to_front", { id: c });
  await pool.do("end_attempt", { ...run, ...exited });
  expect(idsOf(await claim(pool, [2]))).toEqual([c]);
  // Nobody has started it.
  await pool.advance(200_000);
  await pool.beat();
  const again = await claim(pool, [3]);
  expect(idsOf(again)).toEqual([c]);
  const attempt = await start(pool, again.claims[0]);
  await pool.do("end_attempt", { ...attempt, ...exited });
  await pool.do("set_state", { id: c, state: { type: "SCHEDULED" }, is_forced: true, run: null });
  await pool.advance(1);
  expect(await claimAll(pool, [4, 5, 6])).toEqual([a, b, c]);
});

test("who was first already goes before one that comes back with an earlier time, too", async () => {
  const { pool, run, line } = await openWith(2);
  const [a, b] = line;
  await pool.do("end_attempt", { ...run, ...exited });
  expect(idsOf(await claim(pool, [2]))).toEqual([a]);
  expect(await pool.do("move_to_front", { id: b })).toEqual(moved("default", 0));
  // Nobody has started what was claimed.
  await pool.advance(200_000);
  await pool.beat();
  expect(await claimAll(pool, [3, 4])).toEqual([b, a]);
});

test("refused is what does not wait in a queue", async () => {
  const { pool, first, run } = await openWith(0);
  const reasonOf = async (id: string) => {
    const result = await pool.ask("move_to_front", { id });
    return result.ok ? "" : `${result.error.code}: ${result.error.detail.split(";")[0]}`;
  };
  expect(await reasonOf("0f9a1c52-0000-4000-8000-00000000ffff")).toMatch(/^not_found: Flow run with id /);
  expect(await reasonOf(first)).toBe("conflict: This flow run is Running");
  const at = new Date(pool.clock.now + 60_000).toISOString().replace("Z", "000Z");
  const later = await submit(pool, { state: { type: "SCHEDULED", state_details: { scheduled_time: at } } });
  expect(await reasonOf(later)).toBe(`conflict: This flow run is not due before ${at}`);
  await pool.do("end_attempt", { ...run, ...exited });
  expect(await reasonOf(first)).toBe("conflict: This flow run has ended as Completed");
  const lonely = await submit(pool, { deployment_id: null, parent_task_run_id: run.attempt_id });
  expect(await reasonOf(lonely)).toBe("conflict: No worker was asked to start this flow run");
  expect(pool.host.sql.all("SELECT DISTINCT priority FROM flow_run")).toEqual([{ priority: 0 }]);
});

test("a run that its deployment's limit has refused goes to the front of that line, and then of its queue", async () => {
  const { pool, ask, submit: make, claim: take } = await createPair();
  const ids = [await make(), await make(), await make(), await make()];
  await take(4);
  const lineOf = async () =>
    ((await ask("list_waiters", { offset: 0, limit: 9 })) as { holder: { id: string } }[]).map(({ holder }) =>
      ids.indexOf(holder.id),
    );
  expect(await lineOf()).toEqual([1, 2, 3]);
  const other = await submit(pool, { deployment_id: null });
  expect(await pool.do("move_to_front", { id: ids[2] ?? "" })).toMatchObject({
    line: { kind: "limit" },
    passed: null,
  });
  expect(await lineOf()).toEqual([2, 1, 3]);
  expect(await pool.do("move_to_front", { id: ids[3] ?? "" })).toMatchObject({ passed: null });
  await pool.do("move_to_front", { id: ids[3] ?? "" });
  expect(await lineOf()).toEqual([3, 2, 1]);
  await pool.do("set_state", { id: ids[0] ?? "", state: { type: "COMPLETED" }, is_forced: true, run: null });
  await ask("read", {});
  expect(await lineOf()).toEqual([2, 1]);
  expect(await pool.do("explain_run", { id: ids[3] ?? "" })).toMatchObject({ position: 1 });
  expect(idsOf(await take(1))).toEqual([ids[3]]);
  expect(idsOf(await take(2))).toEqual([other]);
});

test("a run of Prefect's worker that found no slot is moved in the line of its deployment's limit", async () => {
  const { pool, ask, submit: make } = await createPair();
  const [first, second, third] = [await make(), await make(), await make()];
  for (const id of [first, second, third]) await propose(pool, id, "PENDING");
  expect(await pool.do("read_run", { id: third })).toMatchObject({ state_name: "AwaitingConcurrencySlot" });
  await pool.do("move_to_front", { id: third });
  const line = (await ask("list_waiters", { offset: 0, limit: 9 })) as { holder: { id: string } }[];
  expect(line.map(({ holder }) => holder.id)).toEqual([third, second]);
});

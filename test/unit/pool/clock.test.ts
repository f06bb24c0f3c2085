/** The server's clock is put forward: no agent that lives loses a run, and one that is dead does all the same. */
import { expect, test } from "vitest";
import { attemptId, createTestPool, draftOf, SESSION, type TestPool } from "./support.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

async function claimOne(pool: TestPool, session_seconds: number) {
  await pool.beat({ session_seconds });
  const { flow_run } = await pool.do("create_run", { draft: draftOf(), deployment: null });
  const { claims } = await pool.do("claim", {
    worker_name: "gpu-1",
    session_id: SESSION,
    attempt_ids: [attemptId(1)],
    work_queue_names: [],
  });
  const run = { flow_run_id: flow_run.id, attempt_id: attemptId(1), fence: claims[0]?.fence ?? 0 };
  const start = async () => {
    await pool.do("start_attempt", { ...run, infrastructure_pid: "1" });
    await pool.do("set_state", { id: flow_run.id, state: { type: "RUNNING" }, is_forced: false, run });
  };
  const read = async () => (await pool.do("read_run", { id: flow_run.id })).state_type;
  return { id: flow_run.id, start, read };
}

/** What the embedded server does when it sees the step: a new instance, told of it. */
async function stepForward(pool: TestPool, ms: number) {
  pool.clock.now += ms;
  await pool.evict();
  Object.assign(pool.host, { clock_stepped_at: pool.clock.now, expiry_floor: pool.clock.now + 30_000 });
}

test("a session lasts as long after a step of the clock as it was given for", async () => {
  const pool = await createTestPool();
  const { start, read } = await claimOne(pool, 600);
  await start();
  await stepForward(pool, HOUR_MS);
  await pool.advance(9 * MINUTE_MS);
  expect(await read()).toBe("RUNNING");
  await pool.beat({ session_seconds: 600, attempt_ids: [attemptId(1)] });
  await pool.advance(10 * MINUTE_MS);
  expect(await read()).toBe("RUNNING");
  await pool.advance(11_000);
  expect(await read()).toBe("CRASHED");
});

test("a jump that only the alarm shows ends no session for half a minute", async () => {
  const pool = await createTestPool({ has_lost_time: true });
  const { start, read } = await claimOne(pool, 60);
  await start();
  pool.clock.now += HOUR_MS;
  await pool.advance(20_000);
  expect(await read()).toBe("RUNNING");
  await pool.beat({ attempt_ids: [attemptId(1)] });
  await pool.advance(60_000);
  expect(await read()).toBe("RUNNING");
  await pool.advance(11_000);
  expect(await read()).toBe("CRASHED");
});

test.for([
  [20, 60],
  [600, 610],
])("a claim in a session of %i s stands as long after a step as before one", async ([session, stands]) => {
  const pool = await createTestPool();
  const { read } = await claimOne(pool, session!);
  await stepForward(pool, HOUR_MS);
  await pool.advance(stands! * 1000 - 1000);
  expect(await read()).toBe("PENDING");
  await pool.advance(2000);
  expect(await read()).toBe("SCHEDULED");
});

test("a run of Prefect's workers is not taken for silent because the clock was put right by a year", async () => {
  const pool = await createTestPool();
  const { flow_run } = await pool.do("create_run", { draft: draftOf(), deployment: null });
  for (const type of ["PENDING", "RUNNING"] as const)
    await pool.do("set_state", { id: flow_run.id, state: { type }, is_forced: false, run: null });
  await stepForward(pool, 365 * 24 * HOUR_MS);
  await pool.advance(23 * HOUR_MS);
  expect(await pool.do("read_run", { id: flow_run.id })).toMatchObject({ state_type: "RUNNING" });
  await pool.advance(HOUR_MS + 1000);
  expect(await pool.do("read_run", { id: flow_run.id })).toMatchObject({ state_type: "CRASHED" });
});

test("a cancelled run's process has its time to stop, whatever the clock does", async () => {
  const pool = await createTestPool();
  const { id, start, read } = await claimOne(pool, 3600);
  await start();
  await pool.do("set_state", { id, state: { type: "CANCELLING" }, is_forced: false, run: null });
  await stepForward(pool, HOUR_MS);
  await pool.advance(4 * MINUTE_MS);
  expect(await read()).toBe("CANCELLING");
  await pool.advance(MINUTE_MS + 1000);
  expect(await read()).toBe("CANCELLED");
});

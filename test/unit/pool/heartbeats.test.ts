/** Runs under Prefect's own workers: their processes' heartbeats say whether they live. */
import { beforeEach, expect, test } from "vitest";
import { createTestPool, draftOf, type TestPool } from "./support.ts";

let pool: TestPool;
let id: string;
const stateOf = async () => (await pool.do("read_run", { id })).state_type;
const hear = () => pool.do("hear_heartbeats", { ids: [id] });
const setState = (type: "PENDING" | "RUNNING" | "COMPLETED") =>
  pool.do("set_state", { id, state: { type }, is_forced: false, run: null });

beforeEach(async () => {
  pool = await createTestPool();
  await pool.do("heartbeat", { name: "theirs", heartbeat_interval_seconds: 30 });
  const draft = draftOf({ labels: { "prefect.worker.name": "theirs" } });
  id = (await pool.do("create_run", { draft, deployment: null })).flow_run.id;
  await setState("PENDING");
  await setState("RUNNING");
});

test("after one heartbeat it is given up when nine minutes are silent, and its worker is gone", async () => {
  await hear();
  await pool.advance(539_000);
  expect(await stateOf()).toBe("RUNNING");
  await pool.advance(2000);
  expect(await stateOf()).toBe("CRASHED");
  expect((await pool.do("read_run", { id })).state?.message).toContain("9 minutes");
});

test("its second heartbeat shows how often it sends them; three missed ones are too many", async () => {
  await hear();
  await pool.advance(60_000);
  await hear();
  await pool.advance(179_000);
  expect(await stateOf()).toBe("RUNNING");
  await hear();
  await pool.advance(179_000);
  expect(await stateOf()).toBe("RUNNING");
  await pool.advance(2000);
  expect(await stateOf()).toBe("CRASHED");
});

test("a worker that dies later than its run's process keeps it no longer than it counts as online", async () => {
  await hear();
  await pool.advance(500_000);
  await pool.do("heartbeat", { name: "theirs", heartbeat_interval_seconds: 30 });
  await pool.advance(89_000);
  expect(await stateOf()).toBe("RUNNING");
  await pool.advance(2000);
  expect(await stateOf()).toBe("CRASHED");
});

test("while its worker lives it is left alone, however silent it is", async () => {
  await hear();
  for (let minute = 0; minute < 30; minute += 1) {
    await pool.do("heartbeat", { name: "theirs", heartbeat_interval_seconds: 30 });
    await pool.advance(60_000);
  }
  expect(await stateOf()).toBe("RUNNING");
});

test("while it sends heartbeats it is left alone, with its worker gone for hours", async () => {
  for (let beat = 0; beat < 60; beat += 1) {
    await hear();
    await pool.advance(180_000);
  }
  expect(await stateOf()).toBe("RUNNING");
});

test("one that comes after the end, or for a run that nobody has, changes nothing", async () => {
  await hear();
  await setState("COMPLETED");
  await hear();
  await pool.do("hear_heartbeats", { ids: ["01a20173-04a0-7780-bf39-ca88bc31f383"] });
  await pool.advance(3_600_000);
  expect(await stateOf()).toBe("COMPLETED");
  expect(pool.host.sql.all("SELECT * FROM active")).toEqual([]);
  expect(pool.host.sql.all("SELECT * FROM heartbeat")).toEqual([]);
});

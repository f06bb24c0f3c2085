/** What a process of no agent of ours holds: its limits hear when the run's state says that the process is gone. */
import { beforeEach, expect, test } from "vitest";
import { foreignAttemptOf } from "../../../src/contract/attempts.ts";
import { deriveShardKey } from "../../../src/contract/ids.ts";
import { createTestPool, draftOf, type TestPool } from "./support.ts";

const LIMIT_KEY = deriveShardKey("limit", "default", "gpu:gpu-1");

let pool: TestPool;
let id: string;
const note = (run = foreignAttemptOf(id)) => pool.do("note_limit", { run, limit_key: LIMIT_KEY });
const setState = (type: string, name = type) =>
  pool.do("set_state", { id, state: { type, name } as never, is_forced: false, run: null });
const visits = () =>
  pool.calls
    .filter(({ operation }) => operation === "end_attempt")
    .map(({ address, command }) => [address.key, command]);

beforeEach(async () => {
  pool = await createTestPool();
  id = (await pool.do("create_run", { draft: draftOf(), deployment: null })).flow_run.id;
  await setState("PENDING", "Pending");
  await setState("RUNNING", "Running");
});

test.each([
  ["CRASHED", "Crashed"],
  ["CANCELLED", "Cancelled"],
])("a run that becomes %s frees what its process held, once", async (type, name) => {
  await note();
  await note();
  expect(visits()).toEqual([]);
  if (type === "CANCELLED") await setState("CANCELLING", "Cancelling");
  expect(visits()).toEqual([]);
  await setState(type, name);
  expect(visits()).toEqual([[LIMIT_KEY, { flow_run_id: id, attempt_id: id }]]);
});

test.each([
  ["wants to begin", "RUNNING", "Running"],
  ["has ended", "CRASHED", "Crashed"],
])("a cancelled run whose process %s is at its end, and frees what it held", async (_, type, name) => {
  await note();
  await setState("CANCELLING", "Cancelling");
  expect(await setState(type, name)).toMatchObject({
    result: { status: "REJECT", state: { type: "CANCELLED" } },
  });
  expect(visits()).toHaveLength(1);
});

test("so does one that is given up because nothing is heard of it any more", async () => {
  await note();
  await pool.do("hear_heartbeats", { ids: [id] });
  await pool.advance(541_000);
  expect(await pool.do("read_run", { id })).toMatchObject({ state_type: "CRASHED" });
  expect(visits()).toHaveLength(1);
});

test.each([
  ["COMPLETED", "Completed"],
  ["FAILED", "Failed"],
])("a process that says itself that it is %s gives back itself what it holds", async (type, name) => {
  await note();
  await setState(type, name);
  await note();
  expect(visits()).toEqual([]);
  expect(pool.host.sql.all("SELECT * FROM note")).toEqual([]);
});

test("a paused process keeps what it holds", async () => {
  await setState("PAUSED", "Paused");
  await note();
  expect(visits()).toEqual([]);
  expect(pool.host.sql.all("SELECT * FROM note")).toHaveLength(1);
});

test("a note that comes after the end is passed on at once; one of a run that nobody has is of no use", async () => {
  await setState("CRASHED", "Crashed");
  await note();
  expect(visits()).toHaveLength(1);
  await pool.do("delete_run", { id });
  await note();
  expect(visits()).toHaveLength(1);
});

test("a run that is deleted under its process leaves it what it holds", async () => {
  await note();
  await pool.do("delete_run", { id });
  expect(visits()).toEqual([]);
  expect(pool.host.sql.all("SELECT * FROM note")).toEqual([]);
});

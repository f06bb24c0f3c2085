/** What a limit tells the pool of a run: which slots the run has held. */
import { expect, test } from "vitest";
import { foreignAttemptOf } from "../../../src/contract/attempts.ts";
import { deriveShardKey, formatId } from "../../../src/contract/ids.ts";
import { formatInstant } from "../../../src/contract/instants.ts";
import { RunLease } from "../../../src/contract/wire/limits.ts";
import { granted, LimitWorld, START, WORKSPACE, type Asking } from "../../support/limit-world.ts";

const KEY = deriveShardKey("pool", WORKSPACE, "one");
const OTHER_KEY = deriveShardKey("pool", WORKSPACE, "other");
const runIn = (key: typeof KEY, tail: number) =>
  formatId({ layout: "flow_run", key, head: START, version: 7, tail });
const RUN = runIn(KEY, 1);
const ATTEMPT = "018f0000-0000-7000-8000-0000000000bb";
const run = { flow_run_id: RUN, attempt_id: ATTEMPT, fence: 1 };
const asPrefect = { caller: { type: "anonymous" } } as const satisfies Asking;

async function open(limit: number, more: object = {}): Promise<LimitWorld> {
  const world = new LimitWorld();
  await world.must("create", { name: world.name, limit, ...more });
  return world;
}

/** What each pool was told, call by call. */
async function told(world: LimitWorld): Promise<[pool: string, leases: RunLease[]][]> {
  await world.quiet();
  return world.sent
    .filter(({ operation }) => operation === "note_leases")
    .map(({ address, command }) => [
      address.key,
      RunLease.array().parse((command as { leases: unknown }).leases),
    ]);
}

const tie = (world: LimitWorld, lease_id: string) =>
  world.must("tie_lease", { lease_id, run: foreignAttemptOf(RUN), event: {} });

test("a run's lease that has ended is told once, with how long it was waited for and held", async () => {
  const world = await open(1, { slot_names: ["GPU-1"] });
  const { lease_id } = granted(await world.acquire());
  await world.acquire({ run, request_id: "second" });
  await world.pass(3000);
  await world.must("release", { lease_id });
  const { lease_id: its } = granted(await world.acquire({ run, request_id: "second" }));
  await world.pass(1000);
  await world.must("release", { lease_id: its });
  await world.must("release", { lease_id: its });
  const [[pool, leases] = [], ...others] = await told(world);
  expect(others).toEqual([]);
  expect(pool).toBe(KEY);
  expect(leases).toMatchObject([
    {
      limit_name: "gpu",
      lease_id: its,
      flow_run_id: RUN,
      slots: 1,
      slot_names: ["GPU-1"],
      waited_seconds: 3,
      acquired_at: formatInstant(START + 3000),
      ended_at: formatInstant(START + 4000),
      ended_by: "holder",
    },
  ]);
  // No row stands for it.
  expect(world.statements.filter((statement) => statement.includes("note_leases"))).toEqual([]);
  expect(world.host.sql.all("SELECT * FROM outbox WHERE operation = 'note_leases'")).toEqual([]);
});

test("each way in which a run's lease ends is told, those of one turn in one call", async () => {
  const world = await open(10);
  const held = { holder: { type: "flow_run", id: RUN } } as const;
  const forced = granted(await world.acquire({ run }));
  granted(await world.acquire({ run, request_id: "regretted" }));
  for (let count = 0; count < 2; count += 1) granted(await world.acquire({ run }));
  granted(await world.do("acquire", { ...world.command({ lease_seconds: 60 }), ...held }));
  await world.must("force_release", { lease_id: forced.lease_id });
  await world.must("withdraw", { request_id: "regretted" });
  await world.must("end_attempt", { flow_run_id: RUN, attempt_id: ATTEMPT });
  await world.pass(120_000);
  const calls = await told(world);
  expect(calls.map(([, leases]) => leases.map(({ ended_by }) => ended_by))).toEqual([
    ["operator"],
    ["withdrawal"],
    ["run", "run"],
    ["deadline"],
  ]);
});

test("the pools of several runs are told each of its own, and nobody of other servers' runs", async () => {
  const world = await open(10);
  const runs = [RUN, runIn(OTHER_KEY, 2), "018f0000-0000-7000-8000-0000000000aa"];
  for (const flow_run_id of runs)
    granted(await world.acquire({ run: { ...run, flow_run_id }, lease_seconds: 60 }));
  await world.pass(120_000);
  const calls = await told(world);
  expect(calls.map(([pool, leases]) => [pool, leases.map(({ flow_run_id }) => flow_run_id)])).toEqual([
    [KEY, [runs[0]]],
    [OTHER_KEY, [runs[1]]],
  ]);
});

test("what was never held, or is nobody's, is not told, and neither is what a failed turn has noted", async () => {
  const world = await open(10);
  await world.must("reserve", {
    joint_id: "joint",
    home_key: world.key,
    slots: 1,
    arrived_at: START,
    lease_seconds: 60,
    holder: null,
    run,
    note: null,
    priority: 0,
  });
  await world.must("undo_reservation", { joint_id: "joint" });
  await world.must("release", { lease_id: granted(await world.acquire()).lease_id });
  const { lease_id } = granted(await world.acquire({ run }));
  world.distort = (statement) => statement.replace("INSERT INTO ended", "INSERT INTO nothing");
  expect(await world.do("release", { lease_id })).toMatchObject({ error: { code: "unavailable" } });
  expect(await told(world)).toEqual([]);
  world.distort = (statement) => statement;
  await world.must("release", { lease_id });
  expect(await told(world)).toHaveLength(1);
});

test("a lease of a client of Prefect's is told for the run that its event names, also when that comes after its end", async () => {
  const world = await open(10);
  const early = granted(await world.acquire(asPrefect));
  await tie(world, early.lease_id);
  await world.must("release", { lease_id: early.lease_id });
  expect((await told(world)).flatMap(([, leases]) => leases)).toMatchObject([{ lease_id: early.lease_id }]);
  const late = granted(await world.acquire(asPrefect));
  await world.must("release", { lease_id: late.lease_id });
  expect(await told(world)).toHaveLength(1);
  for (let times = 0; times < 2; times += 1) await tie(world, late.lease_id);
  const calls = await told(world);
  expect(calls).toHaveLength(2);
  expect(calls[1]?.[1]).toMatchObject([{ lease_id: late.lease_id, flow_run_id: RUN }]);
});

test("an event of another run takes no lease from the attempt that holds it, so that its slots are free when that ends", async () => {
  const world = await open(1);
  const { lease_id } = granted(await world.acquire({ run }));
  const other = foreignAttemptOf(runIn(OTHER_KEY, 2));
  expect(await world.must("tie_lease", { lease_id, run: other, event: {} })).toMatchObject({
    is_tied: false,
  });
  await world.must("end_attempt", { flow_run_id: RUN, attempt_id: ATTEMPT });
  granted(await world.acquire());
});

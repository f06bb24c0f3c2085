/** Who has held the slots of a limit lately. */
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { HISTORY_SECONDS, REPLAY_SECONDS } from "../../../src/contract/bounds.ts";
import { formatInstant } from "../../../src/contract/instants.ts";
import { LimitHistory } from "../../../src/contract/wire/limits.ts";
import { migrations } from "../../../src/objects/limit/migrations.ts";
import { LimitStore } from "../../../src/objects/limit/store.ts";
import { migrate } from "../../../src/objects/shared/sql.ts";
import { granted, LimitWorld, START, WORKSPACE, type Asking } from "../../support/limit-world.ts";
import { createNodeSql } from "../../support/node-host.ts";

const MINUTE = 60_000;
const HISTORY_MS = HISTORY_SECONDS * 1000;
const RUN = "018f0000-0000-7000-8000-0000000000aa";
const ATTEMPT = "018f0000-0000-7000-8000-0000000000bb";
const anonymous = { caller: { type: "anonymous" } } as const satisfies Asking;

async function open(limit: number, more: object = {}): Promise<LimitWorld> {
  const world = new LimitWorld();
  await world.must("create", { name: world.name, limit, ...more });
  return world;
}

/** What is told, in the form that the API promises. */
async function look(world: LimitWorld, { seconds = HISTORY_SECONDS, limit = 1000 } = {}) {
  return LimitHistory.parse(await world.must("read_history", { seconds, limit }));
}

async function hold(world: LimitWorld, ms: number, asking: Asking = {}): Promise<void> {
  const { lease_id } = granted(await world.acquire(asking));
  await world.pass(ms);
  await world.must("release", { lease_id });
}

test("a lease is told while it is held and for fifteen minutes after its end, and idle time lies between", async () => {
  const world = await open(1);
  await hold(world, MINUTE, { request_id: "one" });
  await world.pass(2 * MINUTE);
  const second = granted(await world.acquire({ request_id: "two" }));
  await world.pass(MINUTE);
  const { now, known_since, leases } = await look(world);
  expect(now).toBe(formatInstant(START + 4 * MINUTE));
  // Before the limit was created there was nothing to know.
  expect(known_since).toBe(formatInstant(START));
  expect(leases).toMatchObject([
    {
      acquired_at: formatInstant(START),
      ended_at: formatInstant(START + MINUTE),
      ended_by: "holder",
      slots: 1,
      slot_names: null,
      flow_run_id: null,
    },
    {
      lease_id: second.lease_id,
      acquired_at: formatInstant(START + 3 * MINUTE),
      ended_at: null,
      ended_by: null,
    },
  ]);
  expect((await look(world, { seconds: 60 })).leases).toHaveLength(1);
  await world.must("renew", { lease_id: second.lease_id, lease_seconds: 3600 });
  const rest = START + MINUTE + HISTORY_MS - world.clock.now;
  await world.pass(rest - 1);
  // Also from the disk, after everything else has been forgotten that may be.
  await world.restart();
  expect((await look(world)).leases).toHaveLength(2);
  await world.pass(1);
  expect((await look(world)).leases).toHaveLength(1);
});

test("what is remembered of requests for ten minutes is not told any longer because their leases are", async () => {
  const world = await open(1);
  await hold(world, 0, { request_id: "one" });
  await world.pass(REPLAY_SECONDS * 1000 - 1);
  expect(await world.acquire({ request_id: "one" })).toMatchObject({ error: { code: "gone" } });
  await world.pass(1);
  granted(await world.acquire({ request_id: "one" }));
  expect((await look(world)).leases).toHaveLength(2);
});

test("each way in which a lease ends is told", async () => {
  const world = await open(8, { slot_names: ["a", "b", "c", "d", "e", "f", "g", "h"] });
  const run = { flow_run_id: RUN, attempt_id: ATTEMPT, fence: 1 };
  const released = granted(await world.acquire({ slots: 3 }));
  const forced = granted(await world.acquire());
  granted(await world.acquire({ request_id: "regretted" }));
  granted(await world.acquire({ run }));
  granted(
    await world.do("acquire", {
      ...world.command({ lease_seconds: 60 }),
      note: "dies",
      holder: { type: "flow_run", id: RUN },
    }),
  );
  await world.pass(1000);
  await world.must("release", { lease_id: released.lease_id });
  await world.must("force_release", { lease_id: forced.lease_id });
  await world.must("withdraw", { request_id: "regretted" });
  await world.must("end_attempt", { flow_run_id: RUN, attempt_id: ATTEMPT });
  await world.pass(2 * MINUTE);
  const { leases } = await look(world);
  expect(leases.map(({ slots, slot_names, ended_by }) => [slots, slot_names, ended_by])).toEqual([
    [3, ["a", "b", "c"], "holder"],
    [1, ["d"], "operator"],
    [1, ["e"], "withdrawal"],
    [1, ["f"], "run"],
    [1, ["g"], "deadline"],
  ]);
  expect(leases[3]).toMatchObject({ flow_run_id: RUN, holder: null });
  // 60 s and the grace.
  expect(leases[4]).toMatchObject({
    flow_run_id: RUN,
    note: "dies",
    ended_at: formatInstant(START + 70_000),
  });
});

test("a limit that was made smaller tells of all who hold its slots and have held them", async () => {
  const world = await open(3);
  const grants = [];
  for (let count = 0; count < 3; count += 1) grants.push(granted(await world.acquire()));
  await world.pass(1000);
  await world.must("update", { limit: 1 });
  await world.must("release", { lease_id: grants[2]?.lease_id ?? "" });
  expect((await look(world)).leases.map(({ ended_by }) => ended_by)).toEqual([null, null, "holder"]);
});

test("leases without a request id are kept from the first look on, for as long as somebody looks once a week; before that it is told that they are not known", async () => {
  const world = await open(2);
  await world.pass(MINUTE);
  await hold(world, MINUTE);
  await hold(world, MINUTE, anonymous);
  const looked_at = world.clock.now;
  expect(await look(world)).toMatchObject({
    known_since: formatInstant(looked_at),
    leases: [{ ended_at: formatInstant(START + 2 * MINUTE) }],
  });
  await hold(world, MINUTE, anonymous);
  await world.restart();
  expect(await look(world)).toMatchObject({ known_since: formatInstant(looked_at), leases: [{}, {}] });
  for (let day = 0; day < 8; day += 1) {
    await world.pass(24 * 60 * MINUTE);
    // Once a day is enough.
    if (day < 6) await look(world);
  }
  await hold(world, MINUTE, anonymous);
  expect(await look(world)).toMatchObject({ leases: [{ ended_by: "holder" }] });
  await world.pass(8 * 24 * 60 * MINUTE);
  await hold(world, MINUTE, anonymous);
  await hold(world, MINUTE, anonymous);
  expect(await look(world)).toMatchObject({ known_since: formatInstant(world.clock.now), leases: [] });
});

test("a limit without such leases is known from the start, whoever looks when", async () => {
  const world = await open(1);
  await hold(world, MINUTE);
  await world.pass(30 * MINUTE);
  const { now, known_since } = await look(world);
  expect(Date.parse(now) - Date.parse(known_since)).toBe(HISTORY_MS);
});

test("of more leases than are asked for the latest are told, and since when none is missing", async () => {
  const world = await open(2);
  const live = granted(await world.acquire());
  for (let count = 0; count < 5; count += 1) await hold(world, 1000);
  const { known_since, leases } = await look(world, { limit: 3 });
  expect(leases.map(({ ended_at }) => ended_at)).toEqual([
    null,
    formatInstant(START + 4000),
    formatInstant(START + 5000),
  ]);
  expect(leases[0]?.lease_id).toBe(live.lease_id);
  expect(known_since).toBe(formatInstant(START + 3000));
  granted(await world.acquire());
  expect(await look(world, { limit: 1 })).toMatchObject({ known_since: formatInstant(world.clock.now) });
});

test("however much ended, so much is read once, and then nothing of it", async () => {
  const world = await open(1);
  for (let count = 0; count < 2500; count += 1) await hold(world, 40);
  const traces = () => world.statements.filter((statement) => statement.includes("ended_at, ended_by"));
  await world.restart();
  world.statements = [];
  const restarted_at = world.clock.now;
  // Which of them came last is not known: they are not kept in that order.
  expect(await look(world)).toMatchObject({ known_since: formatInstant(restarted_at) });
  await hold(world, 40);
  const after = await look(world, { seconds: 1 });
  expect(traces()).toHaveLength(2);
  expect(traces()[0]).toContain("LIMIT ?");
  expect(after.known_since).toBe(formatInstant(restarted_at));
  for (let count = 0; count < 2100; count += 1) await hold(world, 40);
  const much = await look(world);
  expect(much.leases).toHaveLength(1000);
  expect(Date.parse(much.known_since)).toBe(world.clock.now - 40 * 1000);
});

test("a failed operation leaves no lease behind that was told to have ended", async () => {
  const world = await open(1);
  const { lease_id } = granted(await world.acquire());
  await look(world);
  world.distort = (statement) => statement.replace("INSERT INTO ended", "INSERT INTO nothing");
  expect(await world.do("release", { lease_id })).toMatchObject({ error: { code: "unavailable" } });
  world.distort = (statement) => statement;
  expect((await look(world)).leases).toMatchObject([{ ended_at: null }]);
  await world.must("release", { lease_id });
  expect((await look(world)).leases).toMatchObject([{ ended_by: "holder" }]);
});

test("a limit with slot decay has no history, and neither has one that is not there", async () => {
  const world = await open(1, { slot_decay_per_second: 1 });
  const asking = { seconds: 900, limit: 10 };
  expect(await world.do("read_history", asking)).toMatchObject({ error: { code: "invalid" } });
  await world.must("delete", { is_forced: false });
  expect(await world.do("read_history", asking)).toMatchObject({ error: { code: "not_found" } });
});

test("what the release before has left is read, tells of no lease, and nothing is known of its time", async () => {
  const sql = createNodeSql(new DatabaseSync(":memory:"));
  const before = migrations.slice(0, -1);
  migrate(sql, before);
  sql.all(
    `INSERT INTO config VALUES (1, 'id', 'gpu', 1, 1, 0, 0, 0, NULL, 0, 0, 0, 1, '${formatInstant(START)}', '', NULL, 1000)`,
  );
  sql.all("INSERT INTO ended VALUES (?, 'request', 'old', ?)", START / 600_000 + 1, START + 600_000);
  migrate(sql, migrations);
  const store = new LimitStore(sql);
  expect(store.ended.has("request", "old", START)).toBe(true);
  expect(store.ended.readTraces(START - HISTORY_MS, 10).traces).toEqual([]);
  expect(store.look.read()).toMatchObject({ looked_at: 0 });
  expect(store.look.read().unknown_until).toBeGreaterThan(START);
  // And after a rollback that release still writes and forgets.
  sql.all("INSERT INTO ended (slice, kind, id, until) VALUES (1, 'request', 'new', 2)");
  expect(store.ended.forget(START)).toBe(true);
  expect(store.ended.has("request", "old", START)).toBe(true);
});

test("an acquire over several limits is told at each of them", async () => {
  const clock = { now: START };
  const limits: LimitWorld[] = ["a", "b"]
    .map(
      (name): LimitWorld =>
        new LimitWorld(name, clock, async (envelope) => {
          const target = limits.find(({ key }) => key === envelope.address.key);
          return target === undefined ? { ok: true, value: null } : target.actor.execute(envelope);
        }),
    )
    .toSorted((left, right) => (left.key < right.key ? -1 : 1));
  for (const each of limits) {
    await each.must("create", { name: each.name, limit: 1 });
    await look(each);
  }
  const [home, member] = limits;
  if (home === undefined || member === undefined) throw new Error("no limits");
  const asked = home.acquire({
    names: limits.map(({ name }) => name),
    members: limits.map(({ name, key }) => ({ name, key })),
  });
  for (let round = 0; round < 4; round += 1) for (const each of limits) await each.quiet();
  const { lease_id } = granted(await asked);
  await home.must("release", { lease_id });
  for (let round = 0; round < 4; round += 1) for (const each of limits) await each.quiet();
  expect((await look(home)).leases).toMatchObject([{ slots: 1, ended_by: "holder" }]);
  expect((await look(member)).leases).toMatchObject([{ slots: 1, ended_by: "other_limit" }]);
  expect(home.host.address.workspace).toBe(WORKSPACE);
});

/** What is said of waiting: how long it may take, how long it took, and how far off that was. */
import { expect, test } from "vitest";
import { lookAhead, timeToFree } from "../../../src/domain/limit/estimates.ts";
import { granted, LimitWorld } from "../../support/limit-world.ts";

const HELD_MS = 10_000;
let runs = 0;

/** Everybody of a line has the one slot for as long as the one before. */
async function passOn(world: LimitWorld, count: number, held_ms = HELD_MS): Promise<void> {
  let holder = granted(await world.acquire());
  for (let run = 1; run < count; run += 1) {
    const request_id = `run ${(runs += 1)}`;
    await world.acquire({ request_id });
    await world.pass(held_ms);
    await world.must("release", { lease_id: holder.lease_id });
    holder = granted(await world.acquire({ request_id }));
  }
  await world.pass(held_ms);
  await world.must("release", { lease_id: holder.lease_id });
}

test("a lease tells how long its holder has waited, and what it was told when it came", async () => {
  const world = new LimitWorld();
  await world.must("create", { name: world.name, limit: 1 });
  await passOn(world, 6);
  const { leases } = await read(world);
  expect(leases.map(({ waited_seconds }) => waited_seconds)).toEqual([0, 10, 10, 10, 10, 10]);
  // Nobody knew how long leases last when the first one came to wait.
  expect(leases.map(({ estimated_seconds }) => estimated_seconds)).toEqual([null, null, 10, 10, 10, 10]);
  expect((await overview(world)).estimate_error_seconds).toBe(0);
});

test("estimates that were wrong are said to be", async () => {
  const world = new LimitWorld();
  await world.must("create", { name: world.name, limit: 1 });
  await passOn(world, 2);
  await passOn(world, 4, 4 * HELD_MS);
  const { estimate_error_seconds } = await overview(world);
  expect(estimate_error_seconds).toBeGreaterThan(10);
  expect(estimate_error_seconds).toBeLessThanOrEqual(40);
});

test("of few estimates, and of what is long ago, no error is said", async () => {
  const world = new LimitWorld();
  await world.must("create", { name: world.name, limit: 1 });
  await passOn(world, 4);
  expect((await overview(world)).estimate_error_seconds).toBeNull();
  await passOn(world, 4);
  expect((await overview(world)).estimate_error_seconds).toBe(0);
  await world.pass(3_600_000);
  expect((await overview(world)).estimate_error_seconds).toBeNull();
});

test("an instance that has seen no lease end estimates by those that ended before it", async () => {
  const world = new LimitWorld();
  await world.must("create", { name: world.name, limit: 1 });
  await passOn(world, 5);
  await world.restart();
  granted(await world.acquire({ request_id: "holder" }));
  const waiting = await world.acquire({ request_id: "waiter" });
  expect(waiting).toMatchObject({ value: { status: "waiting", estimated_seconds: 10 } });
});

test("who waits is told no time that the present holders have outlasted", async () => {
  const world = new LimitWorld();
  await world.must("create", { name: world.name, limit: 1 });
  await passOn(world, 4);
  await world.must("update", { limit: 2 });
  const estimates = async () => {
    const waiters = await world.must("list_waiters", { offset: 0, limit: 10 });
    return waiters.map(({ estimated_seconds }) => estimated_seconds);
  };
  granted(await world.acquire());
  await world.pass(HELD_MS * 0.6);
  const second = granted(await world.acquire());
  for (const request_id of ["a", "b", "c"])
    await world.acquire({ request_id, caller: { type: "run", pool_key: "" } });
  expect(await estimates()).toEqual([4, 10, 14]);
  // The first has outlasted all others: only the end of the second is expected, and of those who come after it.
  await world.pass(HELD_MS * 0.6);
  expect(await estimates()).toEqual([4, 14, 24]);
  await world.pass(HELD_MS);
  expect(await estimates()).toEqual([null, null, null]);
  // Those that last longer now are precedents, too.
  await world.must("release", { lease_id: second.lease_id });
  const [again] = await estimates();
  expect(again).toBeGreaterThan(0);
  expect((await overview(world)).waiters).toHaveLength(2);
});

test("a lease is expected to last for as much longer as those did that lasted longer than it has by now", () => {
  const spans = [5000, 10_000, 20_000];
  const untilFree = (ages: number[], { slots = 1, limit = ages.length, occupied = ages.length } = {}) => {
    const held = ages.map((age) => ({ slots: 1, acquired_at: 100_000 - age }));
    const outlook = lookAhead({ limit, occupied, held }, spans, 100_000);
    return outlook === undefined ? undefined : timeToFree(slots, outlook);
  };
  expect(untilFree([7000])).toBe(8000);
  expect(untilFree([10_000])).toBe(10_000);
  expect(untilFree([20_000])).toBeNull();
  // By a clock that was put back they are not older than new.
  expect(untilFree([-5000])).toBe(Math.round(35_000 / 3));
  // Both, in whatever order; and one twice where nothing is known of the other.
  expect(untilFree([7000, 10_000], { slots: 2 })).toBe(10_000);
  expect(untilFree([7000, 30_000], { slots: 2 })).toBe(8000 + Math.round(35_000 / 3));
  // What is over the limit must end first, what is free need not.
  expect(untilFree([7000, 10_000], { limit: 1 })).toBe(10_000);
  expect(untilFree([7000, 10_000], { limit: 3, slots: 2 })).toBe(8000);
  // Of four times as many four times as many end.
  expect(untilFree([7000, 10_000], { slots: 8, limit: 8, occupied: 8 })).toBe(10_000);
  expect(lookAhead({ limit: 1, occupied: 0, held: [] }, [], 0)).toBeUndefined();
});

test("what estimates read does not grow with the number of holders", async () => {
  const world = new LimitWorld();
  await world.must("create", { name: world.name, limit: 1 });
  await passOn(world, 2);
  await world.must("update", { limit: 600 });
  for (let held = 0; held < 600; held += 1) granted(await world.acquire());
  await world.acquire({ caller: { type: "run", pool_key: "" } });
  const seen: number[] = [];
  const all = world.host.sql.all.bind(world.host.sql);
  world.host.sql.all = (statement, ...bindings) => {
    const rows = all(statement, ...bindings);
    seen.push(rows.length);
    return rows as never;
  };
  const [first] = await world.must("list_waiters", { offset: 0, limit: 1 });
  expect(first?.estimated_seconds).toBe(10);
  expect(Math.max(...seen)).toBeLessThanOrEqual(100);
});

const read = (world: LimitWorld) => world.must("read_history", { seconds: 900, limit: 100 });
const overview = (world: LimitWorld) => world.must("read_overview", { holders: 10, waiters: 10 });

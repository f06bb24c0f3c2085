/** What is said of waiting: how long it may take, how long it took, and how far off that was. */
import { expect, test } from "vitest";
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

const read = (world: LimitWorld) => world.must("read_history", { seconds: 900, limit: 100 });
const overview = (world: LimitWorld) => world.must("read_overview", { holders: 10, waiters: 10 });

/** Places in line of those who are there, and of those who were not heard of when their turn came. */
import { expect, test } from "vitest";
import { granted, LimitWorld, peek, START, waiting } from "../../support/limit-world.ts";

/** In one millisecond come who is passed by, because its socket closes, and who wants too much. */
async function crowd() {
  const limit = new LimitWorld();
  await limit.must("create", { name: limit.name, limit: 2 });
  const held = granted(await limit.acquire({ request_id: "held" }));
  await limit.acquire({ request_id: "held, too" });
  await limit.open("absent", { priority: 1 });
  await limit.acquire({ request_id: "large", slots: 2, priority: 1 });
  await limit.acquire({ request_id: "other", slots: 2, priority: 2 });
  await limit.close("absent");
  await limit.must("release", { lease_id: held.lease_id });
  return limit;
}

test("whoever is moved to where both kinds of places are taken stands behind them", async () => {
  const limit = await crowd();
  await limit.must("set_priority", { waiter_id: "request:other", priority: 1 });
  const line = await limit.must("list_waiters", { offset: 0, limit: 9 });
  expect(line.map(({ waiter_id }) => waiter_id)).toEqual([
    "request:large",
    "request:other",
    "request:absent",
  ]);
});

test("an acquire over several limits that came with them stands behind them, too", async () => {
  const limit = await crowd();
  const asked = { joint_id: "joint", home_key: "0000000000", slots: 2, arrived_at: START, priority: 1 };
  const nobody = { holder: null, run: null, note: null };
  expect(
    await limit.must("reserve", { ...asked, ...nobody, lease_seconds: 60, mode: "concurrency" }),
  ).toEqual({ status: "full" });
});

test("who was not heard of in its turn, and comes back, is offered what becomes free next", async () => {
  const limit = new LimitWorld();
  await limit.must("create", { name: limit.name, limit: 1 });
  const held = granted(await limit.acquire({ request_id: "held" }));
  waiting(await limit.acquire({ request_id: "back" }));
  await limit.pass(10_000);
  await limit.must("release", { lease_id: held.lease_id });
  const between = granted(await limit.acquire({ request_id: "between" }));
  const answer = limit.acquire({ request_id: "back", wait_seconds: 25 });
  await limit.quiet();
  expect(await peek(answer)).toBeUndefined();
  await limit.must("release", { lease_id: between.lease_id });
  await limit.quiet();
  expect(waiting(await peek(answer)).reason).toBe("offered");
});

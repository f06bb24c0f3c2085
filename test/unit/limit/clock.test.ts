/** The server's clock is set, or the machine sleeps: nobody who lives loses anything, and who is dead ends all the same. */
import { expect, test } from "vitest";
import { granted, LimitWorld, waiting } from "../../support/limit-world.ts";

const HOUR_MS = 3_600_000;

async function world(): Promise<LimitWorld> {
  const limit = new LimitWorld();
  await limit.must("create", { name: limit.name, limit: 3 });
  return limit;
}
const inUse = async (limit: LimitWorld) => (await limit.must("read", {})).active_slots;

test("a clock that jumps past a deadline ends no lease for half a minute, so that its holder can renew", async () => {
  for (const seenBy of ["request", "alarm"] as const) {
    const limit = await world();
    const alive = granted(await limit.acquire());
    granted(await limit.acquire({ request_id: "dead" }));
    limit.clock.now += HOUR_MS;
    if (seenBy === "alarm") await limit.fireAlarm();
    expect(await inUse(limit)).toBe(2);
    await limit.pass(25_000);
    await limit.must("renew", { lease_id: alive.lease_id, lease_seconds: null });
    await limit.pass(20_000);
    expect(await inUse(limit)).toBe(1);
    await limit.pass(300_000);
    expect(await inUse(limit)).toBe(0);
  }
});

test("a jump that stays before the deadline, told by the server's supervisor, ends no lease early either", async () => {
  const limit = await world();
  const alive = granted(await limit.acquire({ lease_seconds: 300 }));
  granted(await limit.acquire({ request_id: "dead", lease_seconds: 100 }));
  await limit.pass(40_000);
  limit.clock.now += 250_000;
  await limit.restart();
  Object.assign(limit.host, { clock_stepped_at: limit.clock.now });
  // Its holder counts 40 s and renews at half its lease, which is after what is stored.
  await limit.pass(105_000);
  expect(await inUse(limit)).toBe(2);
  await limit.must("renew", { lease_id: alive.lease_id, lease_seconds: null });
  await limit.pass(6_000);
  expect(await inUse(limit)).toBe(1);
  await limit.pass(305_000);
  expect(await inUse(limit)).toBe(0);
});

test("who waits keeps its place over a jump and over a long stop of the server", async () => {
  for (const how of ["jump", "stop"] as const) {
    const limit = await world();
    const first = granted(await limit.acquire({ slots: 3, lease_seconds: 86_400 }));
    waiting(await limit.acquire({ request_id: "polls" }));
    await limit.pass(1000);
    waiting(await limit.acquire({ request_id: "came later", slots: 3 }));
    limit.clock.now += HOUR_MS;
    if (how === "stop") {
      await limit.restart();
      Object.assign(limit.host, { expiry_floor: limit.clock.now + 30_000 });
    }
    await limit.pass(20_000);
    waiting(await limit.acquire({ request_id: "came later", slots: 3 }));
    expect(waiting(await limit.acquire({ request_id: "polls" })).position).toBe(1);
    await limit.must("release", { lease_id: first.lease_id });
    granted(await limit.acquire({ request_id: "polls" }));
  }
});

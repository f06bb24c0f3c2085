import { expect, test } from "vitest";
import { ENVELOPE_VERSION } from "../../../src/contract/envelope.ts";
import type { LimitOperations } from "../../../src/objects/limit/operations.ts";
import { granted, LimitWorld, peek, waiting } from "../../support/limit-world.ts";

async function world(limit: number, more: object = {}): Promise<LimitWorld> {
  const made = new LimitWorld();
  await made.must("create", { name: made.name, limit, ...more });
  return made;
}
const run = { type: "run", pool_key: "0123456789" } as const;
const prefect = (csrf_client: string) =>
  ({ type: "prefect", csrf_client, first_retry_after_seconds: 0.2 }) as const;

test("an acquire writes one row and no alarm once the first lease has set it, and so does a release", async () => {
  const limit = await world(2);
  granted(await limit.acquire({ caller: { type: "anonymous" } }));
  const first = granted(await limit.acquire({ caller: { type: "anonymous" } }));
  // Once for all it is noted that leases have ended of which nothing is kept.
  await limit.must("release", { lease_id: first.lease_id });
  const before = limit.host.alarm_at;
  limit.statements = [];
  limit.clock.now += 5;
  const grant = granted(await limit.acquire({ caller: { type: "anonymous" } }));
  await limit.must("release", { lease_id: grant.lease_id });
  const writes = limit.statements.filter((statement) => !/^\s*SELECT/.test(statement));
  expect(writes).toHaveLength(2);
  expect(limit.host.alarm_at).toBe(before);
});

test("with nobody in line an acquire by request id is two statements, and so is its release", async () => {
  const limit = await world(2);
  granted(await limit.acquire());
  limit.statements = [];
  const grant = granted(await limit.acquire({ request_id: "second" }));
  expect(limit.statements).toHaveLength(2);
  limit.statements = [];
  await limit.must("release", { lease_id: grant.lease_id });
  expect(limit.statements).toHaveLength(2);
});

test("whoever asks again with other slots has the place and the grant of its first asking", async () => {
  const limit = await world(2);
  const first = granted(await limit.acquire({ slots: 2 }));
  waiting(await limit.acquire({ request_id: "second" }));
  waiting(await limit.acquire({ request_id: "second", slots: 2 }));
  await limit.must("release", { lease_id: first.lease_id });
  const second = granted(await limit.acquire({ request_id: "second", slots: 2 }));
  expect(granted(await limit.acquire({ request_id: "second", slots: 2 }))).toEqual(second);
  expect((await limit.must("read", {})).active_slots).toBe(1);
});

test("a release offers the slot to the first in line, and after a moment to the next as well", async () => {
  const limit = await world(1);
  const first = granted(await limit.acquire());
  const two = limit.acquire({ request_id: "two", wait_seconds: 20 });
  await limit.quiet();
  limit.clock.now += 1;
  const three = limit.acquire({ request_id: "three", wait_seconds: 20 });
  await limit.quiet();
  await limit.must("release", { lease_id: first.lease_id });
  expect(waiting(await peek(two)).reason).toBe("offered");
  expect(await peek(three)).toBeUndefined();
  // A newcomer does not pass those in line.
  expect(waiting(await limit.acquire({ request_id: "four" })).status).toBe("waiting");
  await limit.pass(300);
  expect(waiting(await peek(three)).reason).toBe("offered");
  granted(await limit.acquire({ request_id: "three" }));
  // The one who comes second keeps its place.
  expect(waiting(await limit.acquire({ request_id: "two" })).position).toBe(1);
});

test("a lease keeps its slots for its grace, also when others end meanwhile", async () => {
  const limit = await world(2);
  granted(await limit.acquire({ lease_seconds: 10 }));
  const longer = granted(await limit.acquire({ lease_seconds: 15 }));
  const held = async () =>
    (await limit.must("list_holders", { after_fence: 0, limit: 10 })).map(({ lease_id }) => lease_id);
  // The end of the first is at 20 s, where the time of the second is over but not its grace.
  await limit.pass(20_001);
  expect(await held()).toEqual([longer.lease_id]);
  await limit.pass(4_998);
  expect(await held()).toEqual([longer.lease_id]);
  await limit.pass(1);
  expect(await held()).toEqual([]);
});

test("however many dead callers stand ahead, the living are served within a second, in their order", async () => {
  for (const [dead, free] of [
    [3, 1],
    [20, 1],
    [100, 1],
    [40, 2],
  ] as const) {
    const limit = await world(free);
    const first = granted(await limit.acquire({ slots: free }));
    for (let index = 0; index < dead; index += 1)
      void limit.acquire({ request_id: `dead:${index}`, wait_seconds: 25 });
    await limit.quiet();
    limit.clock.now += 10;
    const living = ["one", "two", "three"];
    const open = new Map(
      living.map((request_id) => [request_id, limit.acquire({ request_id, wait_seconds: 25 })]),
    );
    await limit.quiet();
    await limit.must("release", { lease_id: first.lease_id });
    const served: { who: string; after_ms: number }[] = [];
    const released_at = limit.clock.now;
    while (served.length < living.length && limit.clock.now < released_at + 3000) {
      await limit.pass(5);
      // The last one is the quickest to come for what it was offered, which must not help it.
      for (const who of living.toReversed()) {
        const known = await peek(open.get(who) ?? expect.fail());
        if (known === undefined || served.some((other) => other.who === who)) continue;
        const answer = limit.acquire({ request_id: who, wait_seconds: 25 });
        open.set(who, answer);
        const taken = await peek(answer);
        if (taken?.ok !== true || taken.value.status !== "granted") continue;
        served.push({ who, after_ms: limit.clock.now - released_at });
        await limit.must("release", { lease_id: taken.value.lease_id });
      }
    }
    // Two slots are for two at once: then the quicker of these may be seen first.
    const order = served.map(({ who }) => who);
    expect(free === 1 ? order : order.toSorted(), `${dead} dead`).toEqual(
      free === 1 ? living : living.toSorted(),
    );
    expect(served[0]?.after_ms, `${dead} dead`).toBeLessThanOrEqual(1000);
    expect(served.at(-1)?.after_ms).toBeLessThanOrEqual(1500);
  }
});

test("whoever is slow to come for what it was offered keeps its place while others are told", async () => {
  const limit = await world(1);
  const first = granted(await limit.acquire());
  for (let index = 0; index < 5; index += 1)
    void limit.acquire({ request_id: `dead:${index}`, wait_seconds: 25 });
  await limit.quiet();
  limit.clock.now += 10;
  const slow = limit.acquire({ request_id: "slow", wait_seconds: 25 });
  const quick = limit.acquire({ request_id: "quick", wait_seconds: 25 });
  await limit.quiet();
  await limit.must("release", { lease_id: first.lease_id });
  await limit.pass(700);
  expect(waiting(await peek(slow)).reason).toBe("offered");
  expect(waiting(await peek(quick)).reason).toBe("offered");
  const taken = granted(await limit.acquire({ request_id: "quick" }));
  const again = limit.acquire({ request_id: "slow", wait_seconds: 25 });
  await limit.pass(5000);
  expect(await peek(again)).toBeUndefined();
  await limit.must("release", { lease_id: taken.lease_id });
  expect(waiting(await peek(again)).reason).toBe("offered");
  granted(await limit.acquire({ request_id: "slow" }));
});

test("an absent waiter keeps its place for a minute", async () => {
  const limit = await world(1);
  const first = granted(await limit.acquire());
  await limit.acquire({ request_id: "two" });
  limit.clock.now += 1;
  const three = limit.acquire({ request_id: "three", wait_seconds: 25 });
  await limit.pass(10_000);
  await limit.must("release", { lease_id: first.lease_id });
  expect(waiting(await peek(three)).reason).toBe("offered");
  // Two is back: it stands before three again, and what was offered is its own if it comes first.
  const order = async () =>
    (await limit.must("list_waiters", { offset: 0, limit: 9 })).map(({ waiter_id }) => waiter_id);
  expect(await order()).toEqual(["request:three", "request:two"]);
  granted(await limit.acquire({ request_id: "two" }));
  expect(await order()).toEqual(["request:three"]);
  await limit.pass(180_000);
  expect(await order()).toEqual([]);
});

test("a waiter on a socket is offered the slot in the release itself, and takes it with the whole lease", async () => {
  const limit = await world(1);
  const first = granted(await limit.acquire());
  expect(waiting(await limit.open("socket")).reason).toBe("full");
  const frames = limit.sockets.get("request:socket") ?? [];
  await limit.must("release", { lease_id: first.lease_id });
  await limit.quiet();
  expect(waiting(frames[0]?.answer).reason).toBe("offered");
  // Our client closes the socket and comes for it by a request, which may take its time.
  await limit.close("socket");
  await limit.pass(200);
  expect(granted(await limit.acquire({ request_id: "socket" })).expires_in_seconds).toBe(300);
});

test("open sockets with nobody at their other end are passed by within a second, and closed", async () => {
  for (const dead of [1, 3, 20, 100]) {
    const limit = await world(1);
    const first = granted(await limit.acquire());
    for (let index = 0; index < dead; index += 1) await limit.open(`dead:${index}`);
    const alive = limit.acquire({ request_id: "alive", wait_seconds: 25 });
    await limit.quiet();
    await limit.must("release", { lease_id: first.lease_id });
    await limit.pass(1000);
    expect(waiting(await peek(alive)).reason, `${dead} dead`).toBe("offered");
    const grant = granted(await limit.acquire({ request_id: "alive" }));
    await limit.pass(2000);
    await limit.must("release", { lease_id: grant.lease_id });
    await limit.pass(5000);
    expect([...limit.sockets.keys()]).toEqual([]);
    await limit.pass(180_000);
    expect(await limit.must("list_waiters", { offset: 0, limit: 9 })).toEqual([]);
  }
});

test("a closed socket makes its waiter absent at once, also when the process died with it", async () => {
  for (const how of ["close", "crash"] as const) {
    const limit = await world(1);
    const first = granted(await limit.acquire());
    await limit.open("gone");
    limit.clock.now += 1;
    if (how === "close") await limit.close("gone");
    else await limit.restart();
    await limit.open("there");
    const frames = limit.sockets.get("request:there") ?? [];
    await limit.must("release", { lease_id: first.lease_id });
    await limit.quiet();
    expect(waiting(frames[0]?.answer).reason).toBe("offered");
  }
});

test("the place in line survives a restart", async () => {
  const limit = await world(1);
  const first = granted(await limit.acquire());
  await limit.acquire({ request_id: "two" });
  limit.clock.now += 1;
  await limit.acquire({ request_id: "three" });
  await limit.restart();
  await limit.must("release", { lease_id: first.lease_id });
  expect(waiting(await limit.acquire({ request_id: "three" })).status).toBe("waiting");
  granted(await limit.acquire({ request_id: "two" }));
});

test("Prefect's clients are refused at once, then held, then offered", async () => {
  const limit = await world(1);
  const first = granted(await limit.acquire({ caller: prefect("a"), wait_seconds: 25 }));
  const ask = () => limit.acquire({ caller: prefect("b"), wait_seconds: 25 });
  expect(waiting(await ask()).retry_after_seconds).toBe(0.2);
  // Before it was told to come back it is another task of the same client.
  expect(waiting(await ask()).retry_after_seconds).toBeLessThanOrEqual(0.2);
  await limit.pass(200);
  const held = ask();
  expect(await peek(held)).toBeUndefined();
  await limit.must("release", { lease_id: first.lease_id });
  expect(waiting(await peek(held))).toMatchObject({ reason: "offered", retry_after_seconds: 0 });
  const second = granted(await ask());
  expect(second.expires_in_seconds).toBe(300);
  expect(second.lease_id).not.toBe(first.lease_id);
});

test("a newer request of a Prefect client ends its older one", async () => {
  const limit = await world(2);
  granted(await limit.acquire({ slots: 2 }));
  const ask = (slots: number) => limit.acquire({ caller: prefect("a"), wait_seconds: 25, slots });
  await ask(1);
  await ask(2);
  await limit.pass(200);
  const older = ask(1);
  expect(await peek(older)).toBeUndefined();
  const newer = ask(2);
  expect(waiting(await peek(older)).retry_after_seconds).toBe(1);
  expect(await peek(newer)).toBeUndefined();
});

test("nobody passes an earlier, larger one unless the limit allows it, and then only so many", async () => {
  for (const bypass_max of [0, 2]) {
    const limit = await world(2, { bypass_max });
    granted(await limit.acquire({ request_id: "holder" }));
    const large = limit.acquire({ request_id: "large", slots: 2, wait_seconds: 25 });
    await limit.quiet();
    let passed = 0;
    for (let index = 0; index < 4; index += 1) {
      limit.clock.now += 1;
      const result = await limit.acquire({ request_id: `small:${index}` });
      if (result.ok && result.value.status === "granted") {
        passed += 1;
        await limit.must("release", { lease_id: result.value.lease_id });
      }
    }
    expect(passed).toBe(bypass_max);
    void large;
  }
});

test("room for several at once lets no more of them pass a larger one than room for one after the other", async () => {
  const limit = await world(4, { bypass_max: 1 });
  const holder = granted(await limit.acquire({ slots: 3 }));
  granted(await limit.acquire());
  waiting(await limit.acquire({ request_id: "large", slots: 4, caller: run }));
  for (const slots of [1, 1, 1]) waiting(await limit.acquire({ caller: run, slots }));
  await limit.must("release", { lease_id: holder.lease_id });
  expect((await limit.must("list_waiters", { offset: 0, limit: 9 })).map(({ slots }) => slots)).toEqual([
    4, 1, 1,
  ]);
});

test("what is left beside an offer that is too large for it is for nobody behind that one", async () => {
  const limit = await world(2);
  const holder = granted(await limit.acquire({ slots: 2 }));
  const wants = { silent: 2, small: 1, large: 2, last: 1 };
  for (const [request_id, slots] of Object.entries(wants)) {
    void limit.acquire({ request_id, slots, wait_seconds: 25 });
    await limit.pass(10);
  }
  await limit.must("release", { lease_id: holder.lease_id });
  await limit.pass(260);
  // The first did not come for its offer, so the next two have heard of it as well.
  waiting(await limit.acquire({ request_id: "last", slots: 1 }));
  granted(await limit.acquire({ request_id: "small", slots: 1 }));
});

test("lower priorities go first, and a priority can be changed", async () => {
  const limit = await world(1);
  const first = granted(await limit.acquire());
  await limit.acquire({ request_id: "normal" });
  await limit.acquire({ request_id: "urgent", priority: -5 });
  await limit.acquire({ request_id: "late", priority: 5 });
  const order = async () =>
    (await limit.must("list_waiters", { offset: 0, limit: 9 })).map(({ waiter_id }) => waiter_id.slice(8));
  expect(await order()).toEqual(["urgent", "normal", "late"]);
  await limit.must("set_priority", { waiter_id: "request:late", priority: -9 });
  expect(await order()).toEqual(["late", "urgent", "normal"]);
  await limit.must("release", { lease_id: first.lease_id });
  granted(await limit.acquire({ request_id: "late" }));
});

test("a grant says which named slots it got, and no slot is held twice", async () => {
  const limit = await world(3, { slot_names: ["GPU-0", "GPU-1", "GPU-2"] });
  const one = granted(await limit.acquire({ slots: 2 }));
  expect(one.limits[0]?.slot_names).toEqual(["GPU-0", "GPU-1"]);
  const two = granted(await limit.acquire());
  expect(two.limits[0]?.slot_names).toEqual(["GPU-2"]);
  await limit.must("release", { lease_id: one.lease_id });
  expect(granted(await limit.acquire()).limits[0]?.slot_names).toEqual(["GPU-0"]);
  const refused = await limit.do("update", { limit: 4 });
  expect(refused).toMatchObject({ ok: false, error: { code: "invalid" } });
});

test("slots without a lease that are given back in part give back their names", async () => {
  const limit = await world(2, { slot_names: ["left", "right"] });
  await limit.must("update", { active_slots: 2 });
  await limit.must("decrement", { slots: 1 });
  expect(granted(await limit.acquire()).limits[0]?.slot_names).toEqual(["right"]);
  waiting(await limit.acquire());
});

test("raising a limit grants at once; lowering it ends nothing", async () => {
  const limit = await world(1);
  granted(await limit.acquire());
  const held = limit.acquire({ request_id: "two", wait_seconds: 25 });
  expect(await peek(held)).toBeUndefined();
  await limit.must("update", { limit: 2 });
  expect(waiting(await peek(held)).reason).toBe("offered");
  granted(await limit.acquire({ request_id: "two" }));
  await limit.must("update", { limit: 1 });
  expect((await limit.must("read", {})).active_slots).toBe(2);
  expect(waiting(await limit.acquire({ request_id: "three" })).reason).toBe("full");
});

test("whoever waits for more than a lowered limit has is told so at once, also when it is lowered to nothing", async () => {
  const limit = await world(2);
  granted(await limit.acquire({ slots: 2 }));
  const held = limit.acquire({ request_id: "two", slots: 2, wait_seconds: 25 });
  const small = limit.acquire({ request_id: "one", wait_seconds: 25 });
  await limit.open("socket");
  const frames = limit.sockets.get("request:socket") ?? [];
  const run = { flow_run_id: crypto.randomUUID(), attempt_id: crypto.randomUUID(), fence: 0 };
  await limit.acquire({ request_id: "run", caller: { type: "run", pool_key: "0123456789" }, run });
  await limit.must("update", { limit: 1 });
  expect(await peek(held)).toMatchObject({ ok: false, error: { code: "invalid" } });
  expect(await peek(small)).toBeUndefined();
  await limit.must("update", { limit: 0 });
  await limit.quiet();
  expect(await peek(small)).toMatchObject({ ok: false, error: { code: "invalid" } });
  expect(frames.at(-1)?.answer).toMatchObject({ ok: false, error: { code: "invalid" } });
  // Nobody can tell a run, so it waits for the limit to be raised again.
  expect(await limit.must("list_waiters", { offset: 0, limit: 9 })).toMatchObject([
    { waiter_id: "request:run" },
  ]);
  expect(await limit.acquire({ slots: 2 })).toMatchObject({
    ok: false,
    error: { code: "invalid", detail: "Slots requested is greater than the limit" },
  });
});

test("a run stays in line while a limit that decays is lowered to nothing, and nobody looks at it meanwhile", async () => {
  const limit = await world(1, { slot_decay_per_second: 0.1 });
  granted(await limit.acquire());
  const run = { flow_run_id: crypto.randomUUID(), attempt_id: crypto.randomUUID(), fence: 0 };
  await limit.acquire({ request_id: "run", caller: { type: "run", pool_key: "0123456789" }, run });
  await limit.must("update", { limit: 0 });
  await limit.pass(60_000);
  expect(await limit.must("list_waiters", { offset: 0, limit: 9 })).toMatchObject([
    { waiter_id: "request:run" },
  ]);
  limit.statements = [];
  await limit.pass(600_000);
  expect(limit.statements.length).toBeLessThan(500);
  await limit.must("update", { limit: 1 });
  await limit.quiet();
  expect(limit.sent.at(-1)?.operation).toBe("deployment_slot_granted");
});

test("who has a socket open and asks by a request too is not looked at again and again, and its end is heard", async () => {
  const limit = await world(2);
  granted(await limit.acquire());
  await limit.open("large", { slots: 2 });
  expect(waiting(await limit.acquire({ request_id: "large", slots: 2 })).position).toBe(1);
  await limit.open("small");
  const frames = limit.sockets.get("request:small") ?? [];
  await limit.pass(10_000);
  limit.statements = [];
  await limit.pass(10_000);
  expect(limit.statements.length).toBeLessThan(20);
  expect(frames).toEqual([]);
  await limit.close("large");
  await limit.quiet();
  expect(waiting(frames[0]?.answer).reason).toBe("offered");
});

test("a disabled limit lets everybody through and counts nobody", async () => {
  const limit = await world(1);
  const first = granted(await limit.acquire());
  const held = limit.acquire({ request_id: "two", wait_seconds: 25 });
  await limit.open("three");
  const frames = limit.sockets.get("request:three") ?? [];
  await limit.must("update", { active: false });
  expect(waiting(await peek(held)).reason).toBe("offered");
  await limit.quiet();
  expect(granted(frames[0]?.answer).fence).toBeNull();
  expect(granted(await limit.acquire({ request_id: "two" })).limits).toMatchObject([{ name: "gpu" }]);
  await limit.must("release", { lease_id: first.lease_id });
  await limit.must("update", { active: true });
  expect((await limit.must("read", {})).active_slots).toBe(0);
});

test("fences rise across eviction, deletion and re-creation, and live leases are counted again", async () => {
  const limit = await world(3);
  const fences = [granted(await limit.acquire()).fence];
  await limit.restart();
  const second = granted(await limit.acquire());
  fences.push(second.fence);
  const before = await limit.must("read", {});
  await limit.must("delete", { is_forced: false });
  expect(await limit.do("read", {})).toMatchObject({ ok: false, error: { code: "not_found" } });
  await limit.must("renew", { lease_id: second.lease_id, lease_seconds: null });
  // As the command lines send it where nobody has said a number.
  await limit.must("create", { name: "gpu", limit: 3, active_slots: 0 });
  const after = await limit.must("read", {});
  expect(after.id).not.toBe(before.id);
  expect(after.active_slots).toBe(2);
  fences.push(granted(await limit.acquire()).fence);
  expect(new Set(fences).size).toBe(3);
  expect(fences).toEqual(fences.toSorted((left, right) => (left ?? 0) - (right ?? 0)));
});

test("a limit with waiters is deleted only by force, and then they are let go", async () => {
  const limit = await world(1);
  granted(await limit.acquire());
  const held = limit.acquire({ request_id: "two", wait_seconds: 25 });
  await limit.quiet();
  expect(await limit.do("delete", { is_forced: false })).toMatchObject({
    ok: false,
    error: { code: "conflict" },
  });
  await limit.must("delete", { is_forced: true });
  expect(waiting(await peek(held)).reason).toBe("offered");
  expect(await limit.acquire({ request_id: "two" })).toMatchObject({
    ok: false,
    error: { code: "not_found" },
  });
});

test("a limit that decays lets waiters in when its level has fallen, in order", async () => {
  const limit = await world(2, { slot_decay_per_second: 1 });
  const ask = (request_id: string, wait_seconds = 0) =>
    limit.acquire({ request_id, wait_seconds, mode: "rate_limit" });
  granted(await ask("one"));
  granted(await ask("two"));
  const three = ask("three", 20);
  await limit.quiet();
  limit.clock.now += 1;
  const four = ask("four", 20);
  await limit.pass(500);
  expect(await peek(three)).toBeUndefined();
  await limit.pass(500);
  expect(waiting(await peek(three)).reason).toBe("offered");
  expect(await peek(four)).toBeUndefined();
  granted(await ask("three"));
  await limit.pass(1000);
  expect(waiting(await peek(four)).reason).toBe("offered");
  granted(await ask("four"));
  expect((await limit.must("read", {})).active_slots).toBe(2);
});

test("a request that has used what a limit that decays gives is told so again for ten minutes, and uses it once", async () => {
  const limit = await world(2, { slot_decay_per_second: 0.001 });
  const ask = () => limit.acquire({ request_id: "one", mode: "rate_limit" });
  for (let time = 0; time < 3; time += 1) granted(await ask());
  expect((await limit.must("read", {})).active_slots).toBe(1);
  await limit.restart();
  await limit.pass(599_000);
  granted(await ask());
  expect((await limit.must("read", {})).active_slots).toBe(1);
});

test("leases from before a limit decayed are not counted as its level by who changes that by hand", async () => {
  const limit = await world(5);
  for (let holder = 0; holder < 3; holder += 1) granted(await limit.acquire());
  await limit.must("update", { slot_decay_per_second: 0.001 });
  granted(await limit.acquire());
  await limit.must("decrement", { slots: 1 });
  expect((await limit.must("read", {})).active_slots).toBe(3);
  await limit.must("update", { active_slots: 4 });
  expect((await limit.must("read", {})).active_slots).toBe(4);
});

test("who waits for a lease of a limit that decays, or behind an offer, is not looked at again and again", async () => {
  const limit = await world(2);
  const lease = granted(await limit.acquire({ lease_seconds: 600 }));
  await limit.must("update", { slot_decay_per_second: 1 });
  expect(waiting(await limit.acquire({ request_id: "both", slots: 2 })).estimated_seconds).toBeNull();
  const both = limit.acquire({ request_id: "both", slots: 2, wait_seconds: 20 });
  await limit.pass(5000);
  expect(await peek(both)).toBeUndefined();
  limit.statements = [];
  await limit.pass(10_000);
  expect(limit.statements.length).toBeLessThan(50);
  limit.clock.now += 1;
  const behind = limit.acquire({ request_id: "behind", slots: 2, wait_seconds: 20 });
  await limit.must("release", { lease_id: lease.lease_id });
  expect(waiting(await peek(both)).reason).toBe("offered");
  limit.statements = [];
  await limit.pass(200);
  expect(await peek(behind)).toBeUndefined();
  expect(limit.statements.length).toBeLessThan(50);
  granted(await limit.acquire({ request_id: "both", slots: 2 }));
  await limit.pass(2001);
  expect(waiting(await peek(behind)).reason).toBe("offered");
});

test("what was taken without a lease before a limit decayed is given back by who took it", async () => {
  const limit = await world(3);
  for (let times = 0; times < 2; times += 1)
    granted(await limit.acquire({ caller: { type: "anonymous" }, is_anonymous: true }));
  await limit.must("update", { slot_decay_per_second: 0.001 });
  granted(await limit.acquire());
  await limit.must("decrement", { slots: 2 });
  expect((await limit.must("read", {})).active_slots).toBe(1);
  await limit.must("decrement", { slots: 1 });
  expect((await limit.must("read", {})).active_slots).toBe(0);
});

test("rate limiting needs a limit that decays", async () => {
  const limit = await world(2);
  expect(await limit.acquire({ mode: "rate_limit" })).toMatchObject({
    ok: false,
    error: { code: "invalid", detail: expect.stringContaining("'gpu'") },
  });
});

test("slots without a lease are given back by decrement, or after a day", async () => {
  const limit = await world(5);
  granted(await limit.acquire({ slots: 3, is_anonymous: true, caller: { type: "anonymous" } }));
  await limit.must("update", { active_slots: 4 });
  expect((await limit.must("read", {})).active_slots).toBe(4);
  await limit.must("decrement", { slots: 2 });
  expect((await limit.must("read", {})).active_slots).toBe(2);
  await limit.must("update", { active_slots: 0 });
  expect((await limit.must("read", {})).active_slots).toBe(0);
  await limit.must("update", { active_slots: 1 });
  await limit.pass(86_400_000 + 20_000);
  expect((await limit.must("read", {})).active_slots).toBe(0);
});

test("the end of an attempt frees what it holds and takes it out of line; later acquires of it are gone", async () => {
  const limit = await world(1);
  const run = { flow_run_id: crypto.randomUUID(), attempt_id: crypto.randomUUID(), fence: 1 };
  granted(await limit.acquire({ run }));
  const second = limit.acquire({ request_id: "of the run", run, wait_seconds: 25 });
  await limit.quiet();
  await limit.acquire({ request_id: "polls", run });
  limit.clock.now += 1;
  const other = limit.acquire({ request_id: "other", wait_seconds: 25 });
  await limit.quiet();
  await limit.must("end_attempt", run);
  expect(await peek(second)).toMatchObject({ ok: false, error: { code: "gone" } });
  expect(waiting(await peek(other)).reason).toBe("offered");
  expect(await limit.acquire({ run })).toMatchObject({ ok: false, error: { code: "gone" } });
  await limit.pass(601_000);
  granted(await limit.acquire({ run }));
});

test("a run that waits is told by its pool's object, and its slot lapses if it does not use it", async () => {
  const limit = await world(1);
  const first = granted(await limit.acquire({ lease_seconds: 1000 }));
  const flow_run_id = crypto.randomUUID();
  waiting(
    await limit.acquire({
      request_id: "run",
      caller: { type: "run", pool_key: "0123456789" },
      run: { flow_run_id, attempt_id: crypto.randomUUID(), fence: 0 },
    }),
  );
  await limit.pass(500_000);
  await limit.must("release", { lease_id: first.lease_id });
  await limit.quiet();
  expect(limit.sent.at(-1)).toMatchObject({
    operation: "deployment_slot_granted",
    address: { kind: "pool", key: "0123456789" },
    command: { flow_run_id },
  });
  expect((await limit.must("read", {})).active_slots).toBe(1);
  await limit.pass(71_000);
  expect((await limit.must("read", {})).active_slots).toBe(0);
});

test("withdrawing ends a grant that is on its way, and one that comes late is refused", async () => {
  const limit = await world(1);
  granted(await limit.acquire({ request_id: "one" }));
  await limit.must("withdraw", { request_id: "one" });
  expect((await limit.must("read", {})).active_slots).toBe(0);
  await limit.must("withdraw", { request_id: "never seen" });
  expect(await limit.acquire({ request_id: "never seen" })).toMatchObject({
    ok: false,
    error: { code: "gone" },
  });
});

test("no lease expires before the floor that a start of the server sets", async () => {
  const limit = await world(1);
  granted(await limit.acquire({ lease_seconds: 5 }));
  Object.assign(limit.host, { expiry_floor: limit.clock.now + 30_000 });
  await limit.pass(39_000);
  expect((await limit.must("read", {})).active_slots).toBe(1);
  await limit.pass(2000);
  expect((await limit.must("read", {})).active_slots).toBe(0);
});

test("no statement of an operation walks through the whole line", async () => {
  const limit = await world(1);
  limit.statements = [];
  const first = granted(await limit.acquire({ request_id: "holder" }));
  for (const who of ["a", "b"]) {
    waiting(await limit.acquire({ request_id: who }));
    waiting(await limit.acquire({ caller: prefect(who) }));
  }
  await limit.must("set_priority", { waiter_id: "request:b", priority: 3 });
  await limit.must("release", { lease_id: first.lease_id });
  granted(await limit.acquire({ request_id: "a" }));
  await limit.must("withdraw", { request_id: "b" });
  await limit.must("read", {});
  const seen = new Set(limit.statements.filter((statement) => /\b(FROM|UPDATE) waiter\b/.test(statement)));
  expect(seen.size).toBeGreaterThan(5);
  for (const statement of seen) {
    const bindings = Array.from({ length: statement.split("?").length - 1 }, () => 0);
    const plan = limit.host.sql
      .all<{ detail: string }>(`EXPLAIN QUERY PLAN ${statement}`, ...bindings)
      .map(({ detail }) => detail)
      .join("; ");
    expect(plan, statement).not.toMatch(/TEMP B-TREE/);
    if (/SCAN waiter/.test(plan)) expect(statement).toMatch(/LIMIT/);
  }
});

test("what one operation reads does not grow with the number of waiters", async () => {
  const limit = await world(1);
  granted(await limit.acquire({ request_id: "holder" }));
  for (let index = 0; index < 1200; index += 1) await limit.acquire({ request_id: `w:${index}` });
  let rows = 0;
  const all = limit.host.sql.all.bind(limit.host.sql);
  limit.host.sql.all = <Row>(statement: string, ...bindings: (string | number | null | Uint8Array)[]) => {
    const result = all<Row>(statement, ...bindings);
    rows = Math.max(rows, result.length);
    return result;
  };
  const grant = granted(await limit.acquire({ request_id: "holder" }));
  await limit.must("release", { lease_id: grant.lease_id });
  granted(await limit.acquire({ request_id: "w:0" }));
  await limit.acquire({ request_id: "newcomer" });
  expect(rows).toBeLessThanOrEqual(16);
});

test("a long line of waiters who are too large is not looked at without pause", async () => {
  const limit = await world(2, { bypass_max: 5 });
  granted(await limit.acquire());
  for (let count = 0; count < 300; count += 1) await limit.open(`large ${count}`, { slots: 2 });
  limit.statements = [];
  await limit.pass(100);
  expect(limit.statements.length).toBeLessThan(100);
});

test("behind more larger waiters than are looked at everybody waits in order, and before that the limit's bypass holds", async () => {
  const limit = await world(2, { bypass_max: 5 });
  granted(await limit.acquire());
  for (let count = 0; count < 255; count += 1) await limit.open(`large ${count}`, { slots: 2 });
  const passing = granted(await limit.acquire({ request_id: "passing" }));
  await limit.must("release", { lease_id: passing.lease_id });
  await limit.open("one more", { slots: 2 });
  expect(waiting(await limit.open("small")).reason).toBe("behind_others");
  const frames = limit.sockets.get("request:small") ?? [];
  await limit.pass(5000);
  expect(frames).toEqual([]);
  await limit.close("large 0");
  await limit.pass(10);
  expect(waiting(frames[0]?.answer).reason).toBe("offered");
});

test("who waits on a socket hears of its place when the line moves, once a second at most", async () => {
  const limit = await world(1);
  const leases = [granted(await limit.acquire()).lease_id];
  for (let place = 1; place <= 150; place += 1) await limit.open(`w:${place}`);
  await limit.pass(20_000);
  const framesOf = (place: number) => limit.sockets.get(`request:w:${place}`) ?? [];
  const told = (place: number) =>
    framesOf(place).map(({ answer }) =>
      answer.ok && answer.value.status === "waiting" ? answer.value.position : 0,
    );
  expect(told(2)).toEqual([]);
  const heard = framesOf(1);
  // Twenty leave within two seconds.
  for (let count = 1; count <= 20; count += 1) {
    await limit.must("withdraw", { request_id: `w:${count + 1}` });
    await limit.pass(100);
  }
  await limit.pass(1500);
  expect(heard).toEqual([]);
  expect(told(100).at(-1)).toBe(80);
  expect(told(100).length).toBeLessThanOrEqual(4);
  expect(told(22)).toEqual(told(22).toSorted((left, right) => (right ?? 0) - (left ?? 0)));
  // Those far back hear of it later, and nobody hears the same twice.
  await limit.pass(10_000);
  expect(told(150).at(-1)).toBe(130);
  const before = [told(100).length, told(150).length];
  await limit.pass(60_000);
  expect([told(100).length, told(150).length]).toEqual(before);
  await limit.must("release", { lease_id: leases[0] ?? "" });
  await limit.pass(1500);
  expect(told(22).at(-1)).toBe(1);
  expect(limit.host.events).toEqual([]);
});

test("what is read to tell places does not grow with the line, nor with how often it moves", async () => {
  const limit = await world(1);
  granted(await limit.acquire());
  for (let place = 0; place < 1500; place += 1) await limit.open(`w:${place}`);
  await limit.pass(15_000);
  let rows = 0;
  const all = limit.host.sql.all.bind(limit.host.sql);
  limit.host.sql.all = <Row>(statement: string, ...bindings: (string | number | null | Uint8Array)[]) => {
    const result = all<Row>(statement, ...bindings);
    if (/FROM waiter WHERE lane = 0 ORDER BY/.test(statement)) rows += result.length;
    return result;
  };
  for (let count = 0; count < 100; count += 1) {
    await limit.must("withdraw", { request_id: `w:${count}` });
    await limit.pass(50);
  }
  // In five seconds: the first hundred at most six times, a thousand once.
  expect(rows).toBeLessThanOrEqual(100 * 16 + 6 * 100 + 1000);
});

test("a holder is told when others end its lease, and only then", async () => {
  const limit = await world(4);
  const [released, forced, expired, attempt] = [
    granted(await limit.acquire()),
    granted(await limit.acquire()),
    granted(await limit.acquire({ lease_seconds: 5 })),
    granted(
      await limit.acquire({
        run: {
          flow_run_id: crypto.randomUUID(),
          attempt_id: "00000000-0000-4000-8000-000000000001",
          fence: 1,
        },
      }),
    ),
  ];
  await limit.must("release", { lease_id: released.lease_id });
  await limit.quiet();
  expect(limit.ended).toEqual([]);
  await limit.must("force_release", { lease_id: forced.lease_id });
  await limit.pass(16_000);
  expect(limit.ended).toEqual([forced.lease_id, expired.lease_id]);
  const [holder] = await limit.must("list_holders", { after_fence: 0, limit: 9 });
  await limit.must("end_attempt", holder?.run ?? expect.fail());
  await limit.quiet();
  expect(limit.ended.at(-1)).toBe(attempt.lease_id);
  expect(await limit.do("watch", { lease_id: forced.lease_id })).toMatchObject({ error: { code: "gone" } });
});

test("a run is found in a long line, by itself or as the holder that it asks for", async () => {
  const limit = await world(1);
  granted(await limit.acquire());
  for (let index = 0; index < 250; index += 1) await limit.acquire();
  const [mine, ours] = [crypto.randomUUID(), crypto.randomUUID()];
  const run = { flow_run_id: mine, attempt_id: crypto.randomUUID(), fence: 1 };
  waiting(await limit.acquire({ run }));
  const asHolder = { ...limit.command({}), holder: { type: "flow_run" as const, id: ours } };
  await limit.must("acquire", asHolder);
  expect(await limit.must("find_waiter", { flow_run_id: mine })).toMatchObject({
    run,
    position: 251,
    reason: "full",
  });
  expect(await limit.must("find_waiter", { flow_run_id: ours })).toMatchObject({ position: 252 });
  expect(await limit.must("find_waiter", { flow_run_id: crypto.randomUUID() })).toBeNull();
  expect(await limit.must("read", {})).toMatchObject({ waiting: 252 });
});

test("all who wait are counted, also where they are thousands", async () => {
  const limit = await world(1);
  granted(await limit.acquire());
  for (let index = 0; index < 1500; index += 1) await limit.acquire();
  expect(await limit.must("read", {})).toMatchObject({ waiting: 1500 });
});

test("two names on one key: the second one is not to be had, and whoever asks for it gets nothing of the first", async () => {
  const first = await world(2);
  const { address } = first.host;
  const ask = (operation: keyof LimitOperations, command: object) =>
    first.actor.execute({
      v: ENVELOPE_VERSION,
      address,
      name: "twin",
      actor: "test",
      request_id: operation,
      operation,
      command,
    });
  const limit = { name: "twin", limit: 9 };
  for (const operation of ["create", "put"] as const)
    expect(await ask(operation, limit)).toMatchObject({ ok: false, error: { code: "conflict" } });
  const wanted = first.command({ names: ["twin"], members: [{ name: "twin", key: address.key }] });
  for (const [operation, command] of [
    ["acquire", wanted],
    ["update", { limit: 9 }],
    ["delete", { is_forced: true }],
    ["read", {}],
  ] as const)
    expect(await ask(operation, command)).toMatchObject({ ok: false, error: { code: "not_found" } });
  expect(await first.must("read", {})).toMatchObject({ name: first.name, limit: 2, active_slots: 0 });
});

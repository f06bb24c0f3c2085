import { expect, test } from "vitest";
import { granted, LimitWorld, peek, waiting } from "../../support/limit-world.ts";

async function world(limit: number, more: object = {}): Promise<LimitWorld> {
  const made = new LimitWorld();
  await made.must("create", { name: made.name, limit, ...more });
  return made;
}
const prefect = (csrf_client: string) =>
  ({ type: "prefect", csrf_client, first_retry_after_seconds: 0.2 }) as const;

test("an acquire writes one row and no alarm once the first lease has set it, and so does a release", async () => {
  const limit = await world(2);
  granted(await limit.acquire({ caller: { type: "anonymous" } }));
  const before = limit.host.alarm_at;
  limit.statements = [];
  limit.clock.now += 5;
  const grant = granted(await limit.acquire({ caller: { type: "anonymous" } }));
  await limit.must("release", { lease_id: grant.lease_id });
  const writes = limit.statements.filter((statement) => !/^\s*SELECT/.test(statement));
  expect(writes).toHaveLength(2);
  expect(limit.host.alarm_at).toBe(before);
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

test("a dead caller is passed by within a second, whatever its connection says", async () => {
  const limit = await world(1);
  const first = granted(await limit.acquire());
  const dead = Array.from({ length: 3 }, (_, index) =>
    limit.acquire({ request_id: `dead:${index}`, wait_seconds: 25 }),
  );
  await limit.quiet();
  limit.clock.now += 10;
  const alive = limit.acquire({ request_id: "alive", wait_seconds: 25 });
  await limit.quiet();
  await limit.must("release", { lease_id: first.lease_id });
  await limit.pass(1000);
  expect(waiting(await peek(alive)).reason).toBe("offered");
  granted(await limit.acquire({ request_id: "alive" }));
  await Promise.all(dead);
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

test("a waiter on a socket is granted at once, with a short lease until it renews", async () => {
  const limit = await world(1);
  const first = granted(await limit.acquire());
  expect(waiting(await limit.open("socket")).reason).toBe("full");
  const frames = limit.sockets.get("request:socket") ?? [];
  await limit.must("release", { lease_id: first.lease_id });
  await limit.quiet();
  const grant = granted(frames[0]?.answer);
  expect(grant.expires_in_seconds).toBe(10);
  expect(await limit.must("renew", { lease_id: grant.lease_id, lease_seconds: null })).toEqual({
    expires_in_seconds: 300,
  });
  await limit.pass(200_000);
  expect(await limit.must("list_holders", { after_fence: 0, limit: 10 })).toHaveLength(1);
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
    granted(frames[0]?.answer);
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

test("whoever asks for more than a lowered limit has is told so", async () => {
  const limit = await world(2);
  const first = granted(await limit.acquire({ slots: 2 }));
  const held = limit.acquire({ request_id: "two", slots: 2, wait_seconds: 25 });
  await limit.quiet();
  await limit.must("update", { limit: 1 });
  await limit.must("release", { lease_id: first.lease_id });
  expect(await peek(held)).toMatchObject({ ok: false, error: { code: "invalid" } });
  expect(await limit.acquire({ slots: 2 })).toMatchObject({
    ok: false,
    error: { code: "invalid", detail: "Slots requested is greater than the limit" },
  });
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
  await limit.must("create", { name: "gpu", limit: 3 });
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
  await limit.pass(31_000);
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

/** An acquire over several limits that has waited for a minute keeps what is reserved for it, and nobody else does. */
import { expect, test } from "vitest";
import { granted, LimitWorld, peek, START, waiting, type Asking } from "../../support/limit-world.ts";
import { cutOff, Fleet } from "./fleet.ts";

const TASK_RUN = { type: "task_run" as const, id: "0f9a1c52-0000-4000-8000-0000000000e1" };
const RUN = { flow_run_id: crypto.randomUUID(), attempt_id: crypto.randomUUID(), fence: 1 };

/** The last of so many limits is taken, and an acquire over all of them has waited for a minute. */
async function keepShares(count: number, asking: Asking = {}) {
  const fleet = await new Fleet(["a", "b", "c"].slice(0, count)).create(1);
  const last = fleet.limits.at(-1) ?? expect.fail();
  const taken = granted(await last.acquire({ request_id: "taken", lease_seconds: 3600 }));
  for (let round = 0; round < 70; round += 1) {
    void fleet.acquire({ request_id: "kept", ...asking });
    await fleet.pass(1000);
  }
  expect(await fleet.inUse()).toEqual(Array.from({ length: count }, () => 1));
  const giveBack = async () => {
    await last.must("release", { lease_id: taken.lease_id });
    await fleet.quiet();
  };
  return { fleet, giveBack };
}

test("an acquire that has waited for a minute keeps what it has, so that passers-by cannot starve it", async () => {
  const fleet = await new Fleet(["a", "b"]).create(1);
  const [home, last] = fleet.limits;
  if (home === undefined || last === undefined) throw new Error("two limits");
  const other = granted(await last.acquire({ lease_seconds: 1000 }));
  let answer = fleet.acquire({ request_id: "one", wait_seconds: 20 });
  for (let round = 0; round < 40; round += 1) {
    await fleet.pass(2000);
    if ((await peek(answer)) !== undefined) answer = fleet.acquire({ request_id: "one", wait_seconds: 20 });
  }
  await fleet.quiet();
  expect(await fleet.inUse()).toEqual([1, 1]);
  waiting(await home.acquire({ request_id: "passer-by" }));
  await last.must("release", { lease_id: other.lease_id });
  await fleet.quiet();
  for (let round = 0; round < 20; round += 1) {
    const known = await peek(answer);
    if (known?.ok === true && known.value.status === "granted") return;
    if (known !== undefined) answer = fleet.acquire({ request_id: "one", wait_seconds: 20 });
    await fleet.pass(250);
  }
  expect.fail("it never got its turn");
});

test("what is kept and then given back by its lease id is reserved anew before all of it is granted", async () => {
  for (const which of [0, 1]) {
    const { fleet, giveBack } = await keepShares(3);
    const limit = fleet.limits[which] ?? expect.fail();
    const [kept] = await limit.must("list_holders", { after_fence: 0, limit: 9 });
    expect(kept).toMatchObject({ is_reservation: true });
    await limit.must("release", { lease_id: kept?.lease_id ?? "" });
    await fleet.quiet();
    await giveBack();
    const asked = fleet.acquire({ request_id: "kept", wait_seconds: 5 });
    await fleet.quiet();
    granted(await peek(asked));
    expect(await fleet.inUse()).toEqual([1, 1, 1]);
    expect(fleet.limits.flatMap(({ host }) => host.events)).toEqual([]);
  }
});

test("who is absent keeps nothing that others could use", async () => {
  const { fleet } = await keepShares(2);
  await fleet.pass(15_000);
  expect(await fleet.inUse()).toEqual([0, 1]);
});

test("the end of an attempt ends at once what it waits for, and what is kept for that", async () => {
  const { fleet } = await keepShares(2, { run: RUN });
  const held = fleet.acquire({ request_id: "kept", run: RUN, wait_seconds: 25 });
  await fleet.quiet();
  for (const limit of fleet.limits) await limit.must("end_attempt", RUN);
  await fleet.quiet();
  expect(await peek(held)).toMatchObject({ ok: false, error: { code: "gone" } });
  expect(fleet.home.host.sql.all("SELECT * FROM joint")).toEqual([]);
  expect(await fleet.inUse()).toEqual([0, 1]);
});

test("who is counted once does not hold what is only kept for another acquire of it", async () => {
  const once = {
    holder: TASK_RUN,
    is_once_per_holder: true,
    caller: { type: "prefect" as const, csrf_client: "one", first_retry_after_seconds: 0.2 },
  };
  const { fleet, giveBack } = await keepShares(2, once);
  const { home } = fleet;
  const alone = { ...once, request_id: "alone", caller: { ...once.caller, csrf_client: "other" } };
  expect(waiting(await home.acquire(alone))).toMatchObject({ reason: "full" });
  await giveBack();
});

/** As long as that an acquire over both limits has waited on a socket; the second one is taken. */
async function waitOnSocket(ms: number) {
  const fleet = await new Fleet(["a", "b"]).create(1);
  const [home, last] = fleet.limits;
  if (home === undefined || last === undefined) throw new Error("two limits");
  granted(await last.acquire({ lease_seconds: 3600 }));
  home.sockets.set("request:kept", []);
  void fleet.acquire({ request_id: "kept", caller: { type: "socket" } });
  await fleet.pass(ms);
  return { fleet, home, last };
}

test("what is kept for whoever closes its socket goes to others at once", async () => {
  for (const waited of [70_000, 130_000]) {
    const { fleet, home } = await waitOnSocket(waited);
    home.sockets.set("request:other", []);
    waiting(await home.acquire({ request_id: "other", caller: { type: "socket" } }));
    await home.close("kept");
    await fleet.pass(500);
    expect(home.sockets.get("request:other")).toMatchObject([{ answer: { value: { reason: "offered" } } }]);
  }
});

test("what is kept for whoever says nothing any more on an open socket goes to others, and its place stays", async () => {
  const { fleet, home } = await waitOnSocket(70_000);
  expect(await fleet.inUse()).toEqual([1, 1]);
  home.silentSince.set("request:kept", fleet.clock.now);
  await fleet.pass(44_000);
  expect(await fleet.inUse()).toEqual([1, 1]);
  await fleet.pass(2000);
  for (let minutes = 0; minutes < 5; minutes += 1) {
    expect(await fleet.inUse()).toEqual([0, 1]);
    await fleet.pass(60_000);
  }
  expect(home.host.sql.all("SELECT 1 FROM joint")).toHaveLength(1);
  home.silentSince.delete("request:kept");
  await fleet.pass(31_000);
  expect(await fleet.inUse()).toEqual([1, 1]);
});

test("what is kept for whoever is silent on a socket goes to others, though it asked by a request last, or a limit does not answer", async () => {
  for (const way of ["request", "unreachable"]) {
    const { fleet, home, last } = await waitOnSocket(70_000);
    home.silentSince.set("request:kept", fleet.clock.now);
    if (way === "request") void fleet.acquire({ request_id: "kept", wait_seconds: 25 });
    else cutOff(last);
    await fleet.pass(120_000, 1000);
    for (let minutes = 0; minutes < 5; minutes += 1) {
      expect(await home.must("read", {})).toMatchObject({ active_slots: 0 });
      await fleet.pass(60_000, 1000);
    }
  }
});

test("what is kept for whoever is gone goes to others as soon, while another limit does not answer", async () => {
  for (const way of ["closed", "silent"]) {
    const { fleet, home, last } = await waitOnSocket(130_000);
    cutOff(last);
    await fleet.pass(40_000);
    expect(await home.must("read", {})).toMatchObject({ active_slots: 1 });
    if (way === "closed") await home.close("kept");
    else home.silentSince.set("request:kept", fleet.clock.now);
    await fleet.pass(way === "closed" ? 500 : 46_000);
    expect(await home.must("read", {})).toMatchObject({ active_slots: 0 });
  }
});

test("whoever comes back before another limit has answered gets its turn when that one has room", async () => {
  const { fleet, home, last } = await waitOnSocket(130_000);
  const [taken] = await last.must("list_holders", { after_fence: 0, limit: 1 });
  const restore = cutOff(last);
  await fleet.pass(40_000);
  await home.close("kept");
  await fleet.pass(500);
  void fleet.acquire({ request_id: "kept", wait_seconds: 25 });
  await fleet.pass(500);
  restore();
  await last.must("release", { lease_id: taken?.lease_id ?? "" });
  for (let round = 0; round < 60; round += 1) {
    const answer = fleet.acquire({ request_id: "kept", wait_seconds: 1 });
    await fleet.pass(1500);
    const known = await peek(answer);
    if (known?.ok === true && known.value.status === "granted") return;
  }
  expect.fail("it never got its turn");
});

test("whoever waits for one limit holds none behind it, though it was silent while that one could not be reached", async () => {
  const { fleet, home, last } = await waitOnSocket(70_000);
  const [taken] = await last.must("list_holders", { after_fence: 0, limit: 1 });
  home.silentSince.set("request:kept", fleet.clock.now);
  const restore = cutOff(last);
  await fleet.pass(120_000, 1000);
  restore();
  await last.must("release", { lease_id: taken?.lease_id ?? "" });
  granted(await home.acquire({ lease_seconds: 3600 }));
  home.silentSince.delete("request:kept");
  await fleet.pass(120_000, 1000);
  expect(await fleet.inUse()).toEqual([1, 0]);
});

test("a member whose lease home may not end yet asks home again after the grace, and not at once", async () => {
  const fleet = await new Fleet(["a", "b"]).create(1);
  const last = fleet.limits.at(-1) ?? expect.fail();
  const held = fleet.acquire({ request_id: "held", wait_seconds: 5, lease_seconds: 20 });
  await fleet.quiet();
  granted(await peek(held));
  let asked = 0;
  const { home } = fleet;
  const execute = home.actor.execute.bind(home.actor);
  const lease = home.host.sql.all<{ expires_at: number }>("SELECT expires_at FROM lease WHERE kind = 'home'");
  Object.assign(home.host, { expiry_floor: (lease[0]?.expires_at ?? expect.fail()) + 60_000 });
  home.actor.execute = (envelope) => {
    if (envelope.operation === "ask_joint") asked += 1;
    return asked > 50 ? new Promise(() => {}) : execute(envelope);
  };
  await fleet.pass(60_000);
  expect(await fleet.inUse()).toEqual([1, 1]);
  await fleet.pass(40_000);
  expect(await fleet.inUse()).toEqual([0, 0]);
  expect(asked).toBeLessThan(5);
  expect(last.host.events).toEqual([]);
});

test("what is kept for whoever is absent goes to others however many acquires are held, and the home of these is at rest", async () => {
  const held = 70;
  const fleet = await new Fleet(["a", "b"]).create(held + 1);
  for (let index = 0; index < held; index += 1) {
    const answer = fleet.acquire({ request_id: `held ${index}`, wait_seconds: 5, lease_seconds: 3600 });
    await fleet.quiet();
    granted(await peek(answer));
  }
  await fleet.pass(1000);
  granted(await (fleet.limits.at(-1) ?? expect.fail()).acquire({ lease_seconds: 3600 }));
  for (let round = 0; round < 65; round += 1) {
    void fleet.acquire({ request_id: "absent" });
    await fleet.pass(1000);
  }
  expect(await fleet.inUse()).toEqual([held + 1, held + 1]);
  await fleet.pass(15_000);
  expect(await fleet.inUse()).toEqual([held, held + 1]);
  await fleet.pass(60_000);
  expect(fleet.home.host.alarm_at).toBeGreaterThan(fleet.clock.now + 1000);
});

test("who was moved to the front of a later limit's line stands there, however long an earlier one was full", async () => {
  const fleet = await new Fleet(["a", "b"]).create(1);
  const [home, last] = fleet.limits;
  if (home === undefined || last === undefined) throw new Error("two limits");
  granted(await last.acquire({ lease_seconds: 86_400 }));
  const socket = { type: "socket" as const };
  last.sockets.set("request:one", []);
  void last.acquire({ request_id: "one", caller: socket });
  home.sockets.set("request:both", []);
  void fleet.acquire({ request_id: "both", caller: socket });
  await fleet.pass(100);
  const line = async () => {
    const found = await last.must("list_waiters", { offset: 0, limit: 9 });
    return found.map(({ waiter_id }) => waiter_id);
  };
  const [, both = ""] = await line();
  await last.must("set_priority", { waiter_id: both, priority: 0, is_to_front: true });
  const earlier = granted(await home.acquire({ lease_seconds: 86_400 }));
  await fleet.pass(200_000, 1000);
  expect(await line()).toEqual(["request:one"]);
  await home.must("release", { lease_id: earlier.lease_id });
  for (let round = 0; round < 400 && (await line()).length < 2; round += 1) {
    await fleet.pass(100);
    const said = home.sockets.get("request:both")?.at(-1)?.answer;
    if (said?.ok === true && said.value.status === "waiting" && said.value.reason === "offered")
      void fleet.acquire({ request_id: "both", caller: socket });
    await fleet.quiet();
  }
  expect(await line()).toEqual([both, "request:one"]);
});

test("who was moved to the front of one limit's line comes back there when another limit was full", async () => {
  const fleet = await new Fleet(["a", "b"]).create(1);
  const [home, last] = fleet.limits;
  if (home === undefined || last === undefined) throw new Error("two limits");
  const held = granted(await home.acquire({ lease_seconds: 3600 }));
  granted(await last.acquire({ lease_seconds: 3600 }));
  for (const id of ["one", "two", "both"]) {
    home.sockets.set(`request:${id}`, []);
    const asked = { request_id: id, caller: { type: "socket" as const } };
    void (id === "both" ? fleet.acquire(asked) : home.acquire(asked));
    await fleet.pass(10);
  }
  const line = async () => {
    const found = await home.must("list_waiters", { offset: 0, limit: 9 });
    return found.map(({ waiter_id }) => waiter_id);
  };
  const both = (await line())[2] ?? expect.fail();
  await home.must("set_priority", { waiter_id: both, priority: 0, is_to_front: true });
  await home.must("release", { lease_id: held.lease_id });
  await fleet.pass(50);
  void fleet.acquire({ request_id: "both", caller: { type: "socket" } });
  await fleet.pass(400);
  home.sockets.set("request:one", []);
  granted(await home.acquire({ request_id: "one", caller: { type: "socket" } }));
  await fleet.pass(7000);
  expect(await line()).toEqual([both, "request:two"]);
});

test("a late word that all is granted makes a lease of no reservation but the one that it speaks of", async () => {
  const limit = new LimitWorld();
  await limit.must("create", { name: limit.name, limit: 1 });
  const about = { joint_id: "joint", home_key: "0000000000", holder: null, run: null, note: null };
  const asked = { slots: 1, arrived_at: START, priority: 0, lease_seconds: 60 };
  const reserve = async () => {
    const answer = await limit.must("reserve", { ...about, ...asked, mode: "concurrency" });
    return answer.status === "reserved" ? answer.fence : expect.fail();
  };
  const first = await reserve();
  await limit.must("undo_reservation", { joint_id: "joint", fence: first });
  const second = await reserve();
  const commit = (fence: number) =>
    limit.must("commit_reservation", { joint_id: "joint", expires_at: START + 60_000, fence });
  const isReserved = async () =>
    (await limit.must("list_holders", { after_fence: 0, limit: 9 })).map(
      ({ is_reservation }) => is_reservation,
    );
  await commit(first);
  expect(await isReserved()).toEqual([true]);
  await commit(second);
  expect(await isReserved()).toEqual([false]);
});

test("whoever closes its socket, however long it has waited, has a minute to come back to its place", async () => {
  for (const [waited, isRestarted, isByRequest] of [
    [50_000, false, false],
    [50_000, true, false],
    [130_000, false, false],
    [130_000, true, false],
    [130_000, false, true],
  ] as const) {
    const fleet = await new Fleet(["a", "b"]).create(1);
    const { home } = fleet;
    for (const limit of fleet.limits) granted(await limit.acquire({ lease_seconds: 3600 }));
    home.sockets.set("request:kept", []);
    void fleet.acquire({ request_id: "kept", caller: { type: "socket" } });
    await fleet.pass(1000);
    if (isByRequest) void fleet.acquire({ request_id: "kept", wait_seconds: 5 });
    await fleet.pass(waited);
    if (isRestarted) await home.restart();
    await home.close("kept");
    await fleet.pass(50_000);
    expect(home.host.sql.all("SELECT 1 FROM joint")).toHaveLength(1);
    await fleet.pass(120_000, 5000);
    expect(home.host.sql.all("SELECT 1 FROM joint")).toEqual([]);
  }
});

test("what is kept goes to others at once, too, when the socket closes while another limit is asked", async () => {
  const { fleet, home } = await waitOnSocket(129_000);
  const socket = { isClosed: false };
  fleet.onAnswered = async ({ operation }) => {
    if (operation !== "reserve" || socket.isClosed) return;
    socket.isClosed = true;
    await home.close("kept");
  };
  for (let round = 0; round < 200 && !socket.isClosed; round += 1) await fleet.pass(250);
  expect(socket.isClosed).toBe(true);
  home.sockets.set("request:other", []);
  const answer = await home.acquire({ request_id: "other", caller: { type: "socket" } });
  await fleet.pass(1000);
  const told = [answer, ...(home.sockets.get("request:other") ?? []).map((frame) => frame.answer)];
  const isOffered = told.some(
    (each) => each.ok && (each.value.status === "granted" || each.value.reason === "offered"),
  );
  expect(isOffered).toBe(true);
});

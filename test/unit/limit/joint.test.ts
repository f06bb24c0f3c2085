/** Acquires over several limits: all or nothing, whoever dies in between, over a network that drops, repeats and delays. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { foreignAttemptOf } from "../../../src/contract/attempts.ts";
import { deriveShardKey, formatId } from "../../../src/contract/ids.ts";
import { granted, LimitWorld, peek, START, waiting, WORKSPACE } from "../../support/limit-world.ts";
import { fault, Fleet } from "./fleet.ts";

const TASK_RUN = "0f9a1c52-0000-4000-8000-0000000000e1";

test("an acquire over several limits takes a slot of each, is one lease, and gives all back", async () => {
  const fleet = await new Fleet(["a", "b", "c"]).create(2);
  const answer = fleet.acquire({ request_id: "one" });
  await fleet.quiet();
  const grant = granted(await peek(answer));
  expect(grant.limits.map(({ name }) => name).toSorted()).toEqual(["a", "b", "c"]);
  expect(await fleet.inUse()).toEqual([1, 1, 1]);
  expect(granted(await fleet.acquire({ request_id: "one" })).lease_id).toBe(grant.lease_id);
  await fleet.pass(250_000);
  await fleet.home.must("renew", { lease_id: grant.lease_id, lease_seconds: 300 });
  await fleet.pass(200_000, 5000);
  expect(await fleet.inUse()).toEqual([1, 1, 1]);
  await fleet.home.must("release", { lease_id: grant.lease_id });
  await fleet.quiet();
  expect(await fleet.inUse()).toEqual([0, 0, 0]);
  expect(await fleet.acquire({ request_id: "one" })).toMatchObject({ ok: false, error: { code: "gone" } });
});

test("who waits for a slot of one limit and wants those of others, too, is shown so", async () => {
  const fleet = await new Fleet(["a", "b"]).create(1);
  const [, last] = fleet.limits;
  granted(await last?.acquire({ request_id: "taken" }));
  const answer = fleet.acquire({ request_id: "both", wait_seconds: 25 });
  await fleet.quiet();
  await last?.acquire({ request_id: "alone" });
  expect(await last?.must("list_waiters", { offset: 0, limit: 9 })).toMatchObject([
    { wants_others: true },
    { wants_others: false },
  ]);
  void answer;
});

test("whose run a lease over several limits was, as its home has heard by an event, is told by each of them", async () => {
  const fleet = await new Fleet(["a", "b"]).create(1);
  const answer = fleet.acquire({ caller: { type: "anonymous" } });
  await fleet.quiet();
  const { lease_id } = granted(await peek(answer));
  const key = deriveShardKey("pool", WORKSPACE, "pool");
  const id = formatId({ layout: "flow_run", key, head: START, version: 7, tail: 1 });
  await fleet.home.must("tie_lease", { lease_id, run: foreignAttemptOf(id), event: {} });
  await fleet.home.must("release", { lease_id });
  await fleet.quiet();
  const told = fleet.limits.map(({ name, sent }) => ({
    name,
    commands: sent.filter(({ operation }) => operation === "note_leases").map(({ command }) => command),
  }));
  expect(told).toMatchObject(
    fleet.limits.map(({ name }) => ({
      name,
      commands: [{ leases: [{ limit_name: name, flow_run_id: id, slots: 1 }] }],
    })),
  );
});

test("a renewal of a lease over several limits lasts as long as the lease that was asked for", async () => {
  const fleet = await new Fleet(["a", "b"]).create(1);
  const answer = fleet.acquire({ request_id: "one", lease_seconds: 300 });
  await fleet.quiet();
  const { lease_id } = granted(await peek(answer));
  const renewed = await fleet.home.must("renew", { lease_id, lease_seconds: null });
  expect(renewed.expires_in_seconds).toBe(300);
  await fleet.pass(290_000, 5000);
  expect(await fleet.inUse()).toEqual([1, 1]);
});

test("when one limit is full nothing is held, and the turn comes when it is not", async () => {
  const fleet = await new Fleet(["a", "b", "c"]).create(1);
  const last = fleet.limits[2] ?? expect.fail();
  const other = granted(await last.acquire());
  const held = fleet.acquire({ request_id: "one", wait_seconds: 20 });
  await fleet.quiet();
  expect(await peek(held)).toBeUndefined();
  expect(await fleet.inUse()).toEqual([0, 0, 1]);
  await fleet.pass(2000);
  await last.must("release", { lease_id: other.lease_id });
  await fleet.quiet();
  expect(waiting(await peek(held)).reason).toBe("offered");
  const again = fleet.acquire({ request_id: "one" });
  await fleet.quiet();
  granted(await peek(again));
  expect(await fleet.inUse()).toEqual([1, 1, 1]);
});

test("who gives up an acquire over several limits is in none of their lines any more, so that nobody stands behind it", async () => {
  for (const which of [0, 1]) {
    const fleet = await new Fleet(["a", "b"]).create(1);
    const full = fleet.limits[which] ?? expect.fail();
    const { lease_id } = granted(await full.acquire());
    const held = fleet.acquire({ request_id: "one", wait_seconds: 20 });
    await fleet.quiet();
    const behind = full.acquire({ request_id: "behind", wait_seconds: 20 });
    await fleet.quiet();
    expect(await fleet.waitingIn()).toBe(2);
    await fleet.home.must("withdraw", { request_id: "one" });
    await fleet.quiet();
    expect(await peek(held)).toMatchObject({ ok: false, error: { code: "gone" } });
    expect(await full.must("list_waiters", { offset: 0, limit: 9 })).toMatchObject([{ wants_others: false }]);
    await full.must("release", { lease_id });
    expect(waiting(await peek(behind)).reason).toBe("offered");
  }
});

test("dead callers cost those behind them less than a second, also when they asked just before", async () => {
  for (const caller of ["request", "socket"] as const) {
    const fleet = await new Fleet(["a", "b"]).create(1);
    const [first, last] = [fleet.home, fleet.limits[1] ?? expect.fail()];
    const others = [granted(await first.acquire()), granted(await last.acquire())];
    for (let index = 0; index < 20; index += 1) {
      const request_id = `dead:${index}`;
      first.sockets.set(`request:${request_id}`, []);
      if (caller === "request") first.sockets.clear();
      void fleet.acquire({ request_id, wait_seconds: 25, caller: { type: caller } });
      await fleet.quiet();
    }
    const alive = first.acquire({ request_id: "alive", wait_seconds: 25 });
    await fleet.pass(100, 10);
    await last.must("release", { lease_id: others[1]?.lease_id ?? "" });
    await first.must("release", { lease_id: others[0]?.lease_id ?? "" });
    await fleet.pass(1000, 10);
    expect(waiting(await peek(alive)).reason).toBe("offered");
    granted(await first.acquire({ request_id: "alive" }));
    await fleet.pass(300_000, 5000);
    expect(first.sockets.size).toBe(0);
  }
});

test("room that is made while a member's refusal is on its way is not overlooked", async () => {
  const fleet = await new Fleet(["a", "b"]).create(1);
  const last = fleet.limits[1] ?? expect.fail();
  const other = granted(await last.acquire());
  fleet.onAnswered = async ({ operation }) => {
    if (operation !== "reserve") return;
    fleet.onAnswered = () => Promise.resolve();
    await last.must("release", { lease_id: other.lease_id });
    for (let round = 0; round < 5; round += 1) await new Promise((resolve) => setImmediate(resolve));
  };
  const held = fleet.acquire({ request_id: "one", wait_seconds: 20 });
  await fleet.quiet();
  granted(await peek(held));
  expect(await fleet.inUse()).toEqual([1, 1]);
});

test("a reservation that is given back once more, long after, takes nothing from the lease that came of a later one", async () => {
  const fleet = await new Fleet(["a", "b", "c"]).create(1);
  const [, middle, last] = fleet.limits;
  const other = granted((await last?.acquire()) ?? expect.fail());
  const held = fleet.acquire({ request_id: "one", wait_seconds: 20 });
  await fleet.quiet();
  const late = fleet.home.sent.find(({ operation }) => operation === "undo_reservation") ?? expect.fail();
  expect(late.address.key).toBe(middle?.key);
  await last?.must("release", { lease_id: other.lease_id });
  await fleet.quiet();
  expect(waiting(await peek(held)).reason).toBe("offered");
  const again = fleet.acquire({ request_id: "one" });
  await fleet.quiet();
  granted(await peek(again));
  expect(await fleet.inUse()).toEqual([1, 1, 1]);
  await middle?.actor.execute(late);
  expect(await fleet.inUse()).toEqual([1, 1, 1]);
});

/** Two limits of one slot each, both held by one acquire; `lease` is the share of the one that is not its home. */
async function holdTwo() {
  const fleet = await new Fleet(["a", "b"]).create(1);
  const [home, member] = fleet.limits;
  if (home === undefined || member === undefined) throw new Error("no limits");
  const answer = fleet.acquire({ request_id: "one" });
  await fleet.quiet();
  granted(await peek(answer));
  const lease = member.database.prepare("SELECT joint_id, fence FROM lease").get();
  return { fleet, home, member, lease };
}

test("an answer about a reservation that was given back takes nothing from the lease that came of a later one", async () => {
  const { fleet, home, member, lease } = await holdTwo();
  const share = { key: member.key, fence: Number(lease?.["fence"]) - 1 };
  const question = JSON.stringify({ joint_id: lease?.["joint_id"], share });
  member.database
    .prepare(
      "INSERT INTO outbox (target, operation, request_id, command, due_at) VALUES (?, 'ask_joint', 'ask', ?, 0)",
    )
    .run(`${WORKSPACE}/limit/${home.key}`, question);
  await member.fireAlarm();
  await fleet.quiet();
  expect(member.sent.at(-1)).toMatchObject({ operation: "ask_joint", command: { share } });
  expect(await fleet.inUse()).toEqual([1, 1]);
});

test("what a member reserves upon a question that comes twice is not kept from others while the acquire waits elsewhere", async () => {
  const fleet = await new Fleet(["a", "b"]).create(1);
  const [home, member] = fleet.limits;
  if (home === undefined || member === undefined) throw new Error("no limits");
  const first = granted(await member.acquire());
  const ask = () => fleet.acquire({ request_id: "one", wait_seconds: 20 });
  void ask();
  await fleet.pass(1000);
  const question = home.sent.find(({ operation }) => operation === "reserve") ?? expect.fail("not asked");
  granted(await home.acquire({ lease_seconds: 3600 }));
  await member.must("release", { lease_id: first.lease_id });
  void ask();
  await fleet.pass(1000);
  await member.actor.execute(question);
  expect(await fleet.inUse()).toEqual([1, 1]);
  for (let round = 0; round < 4; round += 1) {
    await fleet.pass(15_000);
    void ask();
  }
  expect(await fleet.inUse()).toEqual([1, 0]);
  granted(await member.acquire());
});

test("the word that a reservation was taken away ends nothing that was reserved after it", async () => {
  const { fleet, home, member, lease } = await holdTwo();
  const joint_id = String(lease?.["joint_id"]);
  const fence = Number(lease?.["fence"]);
  await home.must("end_joint", { joint_id, share: { key: member.key, fence: fence - 1 } });
  await fleet.quiet();
  expect(await fleet.inUse()).toEqual([1, 1]);
  await home.must("end_joint", { joint_id, share: { key: member.key, fence } });
  await fleet.quiet();
  expect(await fleet.inUse()).toEqual([0, 0]);
});

test("what was offered and not taken is given back, and who never comes back is forgotten", async () => {
  const fleet = await new Fleet(["a", "b"]).create(1);
  const last = fleet.limits[1] ?? expect.fail();
  const other = granted(await last.acquire());
  const held = fleet.acquire({ request_id: "one", wait_seconds: 20 });
  await fleet.pass(2000);
  await last.must("release", { lease_id: other.lease_id });
  await fleet.quiet();
  expect(waiting(await peek(held)).reason).toBe("offered");
  await fleet.pass(3000);
  expect(await fleet.inUse()).toEqual([0, 0]);
  await fleet.pass(300_000, 5000);
  expect(await fleet.waitingIn()).toBe(0);
});

test("who comes back long after it was forgotten stands behind those who came meanwhile", async () => {
  const fleet = await new Fleet(["a", "b"]).create(1);
  const last = fleet.limits[1] ?? expect.fail();
  granted(await last.acquire({ lease_seconds: 3600 }));
  void fleet.acquire({ request_id: "one" });
  await fleet.quiet();
  await fleet.pass(300_000, 5000);
  void last.acquire({ request_id: "meanwhile", wait_seconds: 20 });
  await fleet.pass(1000);
  void fleet.acquire({ request_id: "one" });
  await fleet.quiet();
  expect(await last.must("list_waiters", { offset: 0, limit: 9 })).toMatchObject([
    { wants_others: false },
    { wants_others: true },
  ]);
});

test("a lease over several limits ends everywhere when nobody renews it", async () => {
  const fleet = await new Fleet(["a", "b"]).create(1);
  const answer = fleet.acquire({ request_id: "one", lease_seconds: 60 });
  await fleet.quiet();
  granted(await peek(answer));
  await fleet.pass(60_000 + 60_000, 1000);
  expect(await fleet.inUse()).toEqual([0, 0]);
});

test("all or nothing, whoever dies in between", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fault, { maxLength: 14 }),
      fc.boolean(),
      fc.integer({ min: 0, max: 4000 }),
      async (faults, isReleased, pause) => {
        const fleet = await new Fleet(["a", "b", "c"]).create(1);
        fleet.faults = [...faults];
        let lease_id: string | undefined;
        // A call that fails many times in a row is tried again only after half a minute.
        for (let round = 0; round < 150 && lease_id === undefined; round += 1) {
          const answer = fleet.acquire({ request_id: "one", wait_seconds: 2 });
          await fleet.pass(1000 + pause);
          const known = await peek(answer);
          if (known?.ok === true && known.value.status === "granted") ({ lease_id } = known.value);
        }
        expect(lease_id, "never granted").toBeDefined();
        await fleet.pass(5000);
        expect(await fleet.inUse()).toEqual([1, 1, 1]);
        if (isReleased) await fleet.home.must("release", { lease_id: lease_id ?? "" });
        await fleet.pass(isReleased ? 60_000 : 500_000, 2000);
        expect(await fleet.inUse()).toEqual([0, 0, 0]);
        expect(await fleet.waitingIn()).toBe(0);
      },
    ),
    { numRuns: Number(process.env["PLAYS"] ?? 40) },
  );
}, 120_000);

test("slots of several limits without a lease are given back at each limit", async () => {
  const fleet = await new Fleet(["a", "b"]).create(2);
  const answer = fleet.acquire({ is_anonymous: true, lease_seconds: 86_400, caller: { type: "anonymous" } });
  await fleet.quiet();
  granted(await peek(answer));
  await fleet.pass(120_000, 5000);
  expect(await fleet.inUse()).toEqual([1, 1]);
  for (const limit of fleet.limits) await limit.must("decrement", { slots: 1 });
  expect(await fleet.inUse()).toEqual([0, 0]);
});

test("limits that are disabled or gone drop out, and one that decays keeps its level", async () => {
  const fleet = await new Fleet(["a", "b", "c"]).create(2);
  const [home, middle, last] = fleet.limits;
  await home?.must("update", { active: false });
  await middle?.must("delete", { is_forced: false });
  await last?.must("update", { slot_decay_per_second: 0.1 });
  const answer = fleet.acquire({ request_id: "one" });
  await fleet.quiet();
  const grant = granted(await peek(answer));
  expect(grant.limits.map(({ name }) => name)).toEqual([last?.name]);
  expect((await last?.must("read", {}))?.active_slots).toBe(1);
  await fleet.home.must("release", { lease_id: grant.lease_id });
  await fleet.quiet();
  expect((await last?.must("read", {}))?.active_slots).toBe(1);
  await fleet.pass(10_000, 1000);
  expect((await last?.must("read", {}))?.active_slots).toBe(0);
});

test("what is taken of several limits that decay falls at each of them, home too, and no lease is left of it", async () => {
  for (const is_anonymous of [false, true]) {
    const fleet = new Fleet(["a", "b"]);
    for (const limit of fleet.limits)
      await limit.must("create", { name: limit.name, limit: 2, slot_decay_per_second: 1 });
    const ask = async (request_id: string) => {
      const answer = fleet.acquire({ request_id, mode: "rate_limit", is_anonymous, lease_seconds: 86_400 });
      await fleet.quiet();
      return granted(await peek(answer)).lease_id;
    };
    const first = await ask("one");
    if (!is_anonymous) expect(await ask("one")).toBe(first);
    await ask("two");
    expect(await fleet.inUse()).toEqual([2, 2]);
    await fleet.pass(2000);
    expect(await fleet.inUse()).toEqual([0, 0]);
    const holders = await fleet.home.must("list_holders", { after_fence: 0, limit: 9 });
    expect(holders.map(({ slots }) => slots)).toEqual(is_anonymous ? [] : [0, 0]);
  }
});

test("a share that is given back by its own name gives back all that is held with it", async () => {
  const { fleet, member } = await holdTwo();
  const [share = expect.fail()] = await member.must("list_holders", { after_fence: 0, limit: 9 });
  await member.must("release", { lease_id: share.lease_id });
  await fleet.quiet();
  expect(await fleet.inUse()).toEqual([0, 0]);
});

test("a task run that has a slot of one tag gets those of others besides, and is counted once", async () => {
  for (const first of [0, 1]) {
    const fleet = await new Fleet(["a", "b"]).create(2);
    const asking = { holder: { type: "task_run" as const, id: TASK_RUN }, is_once_per_holder: true };
    await fleet.limits[first]?.acquire(asking);
    for (let times = 0; times < 2; times += 1) {
      const answer = fleet.acquire(asking);
      await fleet.quiet();
      granted(await peek(answer));
      expect(await fleet.inUse()).toEqual([1, 1]);
    }
  }
});

test("a lease from before a limit began to decay stays held when the word of it comes once more", async () => {
  const { home, member } = await holdTwo();
  const commit = home.sent.find(({ operation }) => operation === "commit_reservation") ?? expect.fail();
  await member.must("update", { slot_decay_per_second: 0.001 });
  await member.actor.execute(commit);
  expect(await member.must("list_holders", { after_fence: 0, limit: 9 })).toHaveLength(1);
});

test("a limit that was disabled when the waiting began counts when it is enabled at its end", async () => {
  const fleet = await new Fleet(["a", "b"]).create(1);
  const last = fleet.limits[1] ?? expect.fail();
  const other = granted(await last.acquire());
  await fleet.home.must("update", { active: false });
  const held = fleet.acquire({ request_id: "one", wait_seconds: 20 });
  await fleet.quiet();
  await fleet.home.must("update", { active: true });
  await last.must("release", { lease_id: other.lease_id });
  await fleet.quiet();
  expect(waiting(await peek(held)).reason).toBe("offered");
  const again = fleet.acquire({ request_id: "one" });
  await fleet.quiet();
  const grant = granted(await peek(again));
  expect(grant.limits).toHaveLength(2);
  expect(await fleet.inUse()).toEqual([1, 1]);
});

test("what a limit reserved before it was disabled is given back when the others are taken without it", async () => {
  const fleet = await new Fleet(["a", "b"]).create(1);
  const last = fleet.limits[1] ?? expect.fail();
  // The answer to the reservation is lost; when it is asked for again the limit counts nobody.
  fleet.faults = ["lose answer"];
  const held = fleet.acquire({ request_id: "one", wait_seconds: 20 });
  await fleet.quiet();
  expect(await fleet.inUse()).toEqual([1, 1]);
  await last.must("update", { active: false });
  await fleet.pass(3000);
  expect(granted(await peek(held)).limits.map(({ name }) => name)).toEqual([fleet.home.name]);
  await last.must("update", { active: true });
  await fleet.pass(60_000, 1000);
  expect(await fleet.inUse()).toEqual([1, 0]);
  granted(await last.acquire());
});

test("whoever ends a share of a lease by force ends all of it, and its holder hears of it", async () => {
  const ends: ((member: LimitWorld) => Promise<unknown>)[] = [
    async (member) => {
      const [share] = await member.must("list_holders", { after_fence: 0, limit: 9 });
      await member.must("force_release", { lease_id: share?.lease_id ?? "" });
    },
    (member) => member.must("reset_holders", { task_run_ids: [] }),
    (member) => member.must("update", { active_slots: 0 }),
  ];
  for (const [which, end] of [0, 1].flatMap((each) => ends.map((end) => [each, end] as const))) {
    const fleet = await new Fleet(["a", "b"]).create(1);
    const member = fleet.limits[which] ?? expect.fail();
    const answer = fleet.acquire({ request_id: "one" });
    await fleet.quiet();
    const grant = granted(await peek(answer));
    await end(member);
    await fleet.quiet();
    expect(await fleet.inUse()).toEqual([0, 0]);
    expect(fleet.home.ended).toContain(grant.lease_id);
    const renewed = await fleet.home.do("renew", { lease_id: grant.lease_id, lease_seconds: null });
    expect(renewed).toMatchObject({ ok: false, error: { code: "gone" } });
  }
});

test("I11: what is not reserved everywhere is not granted anywhere", async () => {
  for (const fault of [
    `UPDATE joint SET record = json_set(record, '$.members[0].granted', NULL)`,
    `UPDATE joint SET record = json_set(record, '$.members[0].status', 'lost')`,
    "DELETE FROM lease",
  ]) {
    const fleet = await new Fleet(["a", "b"]).create(1);
    const { home } = fleet;
    fleet.onAnswered = async ({ operation }) => {
      if (operation === "reserve") home.database.exec(fault);
    };
    const asked = fleet.acquire({ request_id: "one" });
    await fleet.quiet();
    expect(await peek(asked)).toBeUndefined();
    expect(home.host.events.at(-1)).toMatchObject({ event: "invariant_violated", invariant: "I11" });
  }
});

test("what is reserved and taken away by force is not granted with the rest", async () => {
  for (const which of [0, 1]) {
    const fleet = await new Fleet(["a", "b", "c"]).create(1);
    const [, middle, last] = fleet.limits;
    const taken = fleet.limits[which] ?? expect.fail();
    let isHeld = true;
    fleet.onAnswered = async ({ operation, address }) => {
      if (operation !== "reserve" || address.key !== middle?.key || !isHeld) return;
      isHeld = false;
      const [share] = await taken.must("list_holders", { after_fence: 0, limit: 9 });
      await taken.must("force_release", { lease_id: share?.lease_id ?? "" });
      for (let round = 0; round < 20; round += 1) await new Promise((resolve) => setImmediate(resolve));
    };
    const held = fleet.acquire({ request_id: "one", wait_seconds: 20 });
    await fleet.quiet();
    expect(await peek(held)).toMatchObject({ ok: false, error: { code: "gone" } });
    expect(await fleet.inUse()).toEqual([0, 0, 0]);
    expect(await last?.must("list_waiters", { offset: 0, limit: 9 })).toEqual([]);
  }
});

test("an acquire over several limits is refused as one over a single limit is when one is lowered below it", async () => {
  for (const which of [0, 1]) {
    const fleet = await new Fleet(["a", "b"]).create(1);
    const lowered = fleet.limits[which] ?? expect.fail();
    granted(await lowered.acquire());
    const held = fleet.acquire({ request_id: "several", wait_seconds: 20 });
    const single = lowered.acquire({ request_id: "single", wait_seconds: 20 });
    await fleet.quiet();
    expect([await peek(held), await peek(single)]).toEqual([undefined, undefined]);
    await lowered.must("update", { limit: 0 });
    await fleet.quiet();
    const refused = {
      ok: false,
      error: { code: "invalid", detail: "Slots requested is greater than the limit" },
    };
    expect(await peek(single)).toMatchObject(refused);
    expect(waiting(await peek(held)).reason).toBe("offered");
    const again = fleet.acquire({ request_id: "several" });
    await fleet.quiet();
    expect(await peek(again)).toMatchObject(refused);
    expect(await fleet.waitingIn()).toBe(0);
  }
});

test("an attempt that ends takes its acquires over several limits with it", async () => {
  const fleet = await new Fleet(["a", "b"]).create(1);
  const run = { flow_run_id: crypto.randomUUID(), attempt_id: crypto.randomUUID(), fence: 1 };
  const held = fleet.acquire({ request_id: "holds", run });
  await fleet.quiet();
  granted(await peek(held));
  const waits = fleet.acquire({ request_id: "waits", run, wait_seconds: 20 });
  await fleet.quiet();
  await fleet.home.must("end_attempt", run);
  await fleet.quiet();
  expect(await peek(waits)).toMatchObject({ ok: false, error: { code: "gone" } });
  expect(await fleet.inUse()).toEqual([0, 0]);
  expect(await fleet.waitingIn()).toBe(0);
});

test("acquires over the same limits never hold half of each, and all get their turn", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fault, { maxLength: 20 }), async (faults) => {
      const fleet = await new Fleet(["a", "b", "c"]).create(1);
      fleet.faults = [...faults];
      const ask = (who: string) => ({
        asked_at: fleet.clock.now,
        answer: fleet.acquire({ request_id: who, wait_seconds: 5 }),
      });
      const open = new Map(["x", "y", "z"].map((who) => [who, ask(who)]));
      const finished: string[] = [];
      for (let round = 0; round < 1500 && open.size > 0; round += 1) {
        await fleet.pass(100);
        for (const [who, { answer, asked_at }] of open) {
          const known = await peek(answer);
          if (known?.ok === true && known.value.status === "granted") {
            // Commits may still be on their way, but every member counts its share.
            expect(await fleet.inUse()).toEqual([1, 1, 1]);
            await fleet.home.must("release", { lease_id: known.value.lease_id });
            await fleet.quiet();
            finished.push(who);
            open.delete(who);
          } else if (known !== undefined || fleet.clock.now - asked_at > 6000) open.set(who, ask(who));
        }
      }
      expect(finished.toSorted()).toEqual(["x", "y", "z"]);
      await fleet.pass(100_000, 2000);
      expect(await fleet.inUse()).toEqual([0, 0, 0]);
      expect(await fleet.waitingIn()).toBe(0);
    }),
    { numRuns: Number(process.env["PLAYS"] ?? 25) },
  );
}, 120_000);

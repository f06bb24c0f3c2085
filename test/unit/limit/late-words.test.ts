/** What limits say to each other about an acquire over several of them, and what comes of it when a word is late. */
import { expect, test } from "vitest";
import { granted, peek, waiting, type Asking, type LimitWorld } from "../../support/limit-world.ts";
import { cutOff, Fleet } from "./fleet.ts";

const SOCKET = { type: "socket" as const };

/** Three limits of one slot, and an acquire over all of them that waits on a socket. */
async function makeThree() {
  const fleet = await new Fleet(["a", "b", "c"]).create(1);
  const [home, middle, last] = fleet.limits as [LimitWorld, LimitWorld, LimitWorld];
  const wait = async () => {
    home.sockets.set("request:one", []);
    void fleet.acquire({ request_id: "one", caller: SOCKET });
    await fleet.pass(500);
  };
  return { fleet, home, middle, last, wait };
}

/** Takes on the socket what it is offered there. */
async function takeOffer(fleet: Fleet): Promise<void> {
  for (let round = 0; round < 240; round += 1) {
    await fleet.pass(250);
    const said = fleet.home.sockets.get("request:one")?.at(-1)?.answer;
    if (said?.ok !== true || said.value.status !== "waiting" || said.value.reason !== "offered") continue;
    const answer = await peek(fleet.acquire({ request_id: "one", caller: SOCKET }));
    if (answer?.ok === true && answer.value.status === "granted") return;
  }
  expect.fail("it was offered nothing that it could take");
}

test("the word that a share is given back, minutes late, takes nothing of what was granted since", async () => {
  for (const away_ms of [60_000, 180_000, 190_000]) {
    const { fleet, middle, last, wait } = await makeThree();
    const taken = granted(await last.acquire({ lease_seconds: 3600 }));
    // The last one is full, so the middle one is to give back what it has reserved, and cannot be reached.
    let restore = () => {};
    fleet.onAnswered = ({ operation, address }) => {
      if (operation === "reserve" && address.key === last.key) {
        restore = cutOff(middle);
        fleet.onAnswered = () => Promise.resolve();
      }
      return Promise.resolve();
    };
    await wait();
    await fleet.pass(away_ms);
    await last.must("release", { lease_id: taken.lease_id });
    restore();
    await takeOffer(fleet);
    await fleet.pass(40_000);
    expect(await fleet.inUse()).toEqual([1, 1, 1]);
    waiting(await middle.acquire({ request_id: "other" }));
  }
});

test("nothing is reserved anew for whoever has gone, when the limit that it waited for answers", async () => {
  const { fleet, home, middle, last, wait } = await makeThree();
  const restore = cutOff(middle);
  await wait();
  await fleet.pass(10_000);
  await home.close("one");
  await fleet.pass(20_000);
  cutOff(last);
  restore();
  for (let seconds = 0; seconds < 60; seconds += 1) {
    await fleet.pass(1000);
    for (const limit of [home, middle])
      expect(await limit.must("read", {})).toMatchObject({ active_slots: 0 });
  }
});

test("what is reserved in a try for whoever is silent is given back soon when a limit does not answer", async () => {
  const { fleet, home, middle, last, wait } = await makeThree();
  granted(await last.acquire({ lease_seconds: 86_000 }));
  await wait();
  await fleet.pass(130_000);
  home.silentSince.set("request:one", fleet.clock.now);
  await fleet.pass(46_000);
  cutOff(last);
  // An answer takes a few milliseconds, in which home's alarm rings.
  fleet.onAnswered = async ({ operation, address }) => {
    if (operation !== "reserve" || address.key !== middle.key) return;
    fleet.clock.now += 3;
    await home.actor.alarm();
  };
  let [now, longest] = [0, 0];
  for (let seconds = 0; seconds < 120; seconds += 1) {
    await fleet.pass(1000);
    now = (await home.must("read", {})).active_slots === 0 ? 0 : now + 1;
    longest = Math.max(longest, now);
  }
  expect(longest).toBeLessThan(10);
});

test("a limit that was disabled while an acquire waited for another counts when that has room", async () => {
  const fleet = await new Fleet(["a", "b"]).create(1);
  const [home, last] = fleet.limits as [LimitWorld, LimitWorld];
  const taken = granted(await last.acquire({ lease_seconds: 86_000 }));
  home.sockets.set("request:one", []);
  void fleet.acquire({ request_id: "one", caller: SOCKET });
  await fleet.pass(40_000);
  await home.must("update", { active: false });
  await fleet.pass(60_000);
  await home.must("update", { active: true });
  granted(await home.acquire({ request_id: "other", lease_seconds: 86_000 }));
  await fleet.pass(60_000);
  await last.must("release", { lease_id: taken.lease_id });
  await fleet.pass(60_000);
  expect(await fleet.inUse()).toEqual([1, 0]);
  expect(home.sockets.get("request:one")).toEqual([]);
});

/** Asks again and again, as it is told to; tells whether it was granted within that time. */
async function poll(fleet: Fleet, asking: Asking, ms: number): Promise<boolean> {
  for (const end = fleet.clock.now + ms; fleet.clock.now < end;) {
    const asked = fleet.acquire({ request_id: "one", ...asking });
    let answer = await peek(asked);
    for (; answer === undefined; answer = await peek(asked)) await fleet.pass(50, 50);
    if (!answer.ok) expect.fail(answer.error.code);
    if (answer.value.status === "granted") return true;
    await fleet.pass(answer.value.retry_after_seconds * 1000 + 20, 50);
  }
  return false;
}

test("a member whose answer was taken for an old one, as code before did, is asked anew, however its caller asks", async () => {
  const prefect = { type: "prefect" as const, csrf_client: "one", first_retry_after_seconds: 1 };
  for (const asking of [{ wait_seconds: 25 }, { wait_seconds: 0 }, { wait_seconds: 25, caller: prefect }]) {
    const fleet = await new Fleet(["a", "b"]).create(1);
    const [home, last] = fleet.limits as [LimitWorld, LimitWorld];
    const taken = granted(await last.acquire({ lease_seconds: 86_000 }));
    await poll(fleet, asking, 130_000);
    fleet.onAnswered = ({ operation }) => {
      if (operation !== "reserve") return Promise.resolve();
      home.host.sql.all(
        "UPDATE joint SET record = json_set(record, '$.round', json_extract(record, '$.round') + 1)",
      );
      fleet.onAnswered = () => Promise.resolve();
      return Promise.resolve();
    };
    await poll(fleet, asking, 40_000);
    await last.must("release", { lease_id: taken.lease_id });
    expect(await poll(fleet, asking, 60_000)).toBe(true);
  }
});

test("a try that nobody asks or gives back for any more goes on", async () => {
  const { fleet, home, last, wait } = await makeThree();
  granted(await last.acquire({ lease_seconds: 86_000 }));
  await wait();
  // As code before leaves it, which hears of what is given back and does nothing.
  home.host.sql.all("UPDATE joint SET record = json_set(record, '$.phase', 'trying')");
  const [taken] = await last.must("list_holders", { after_fence: 0, limit: 1 });
  await last.must("release", { lease_id: taken?.lease_id ?? "" });
  await takeOffer(fleet);
});

test("who polls keeps what it has while a limit is slow to answer", async () => {
  const fleet = await new Fleet(["a", "b"]).create(1);
  const [home, last] = fleet.limits as [LimitWorld, LimitWorld];
  granted(await last.acquire({ lease_seconds: 86_000 }));
  await poll(fleet, { wait_seconds: 0 }, 90_000);
  expect(await fleet.inUse()).toEqual([1, 1]);
  cutOff(last);
  const polling = poll(fleet, { wait_seconds: 0 }, 14_000);
  const other = home.acquire({ request_id: "other", wait_seconds: 20 });
  await polling;
  expect(await peek(other)).toBe(undefined);
});

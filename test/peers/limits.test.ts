/** Bugs of others that concern lines for slots: each situation as it was told there, and how it ends here. Time is the test's. */
import { expect, test } from "vitest";
import { granted, peek, waiting } from "../support/limit-world.ts";
import { inUse, isGranted, open, prefect, release, take } from "./limits.ts";

// A release wakes nobody there: waiters sleep until their Retry-After is over, so 778 runs of 0.12 s began 1-60 s apart.
test("PrefectHQ/prefect#23183: whoever is next hears of a slot in the release that frees it", async () => {
  const limit = await open(1);
  const began = limit.clock.now;
  let holder = granted(await limit.acquire({ request_id: "run 0" }));
  for (let run = 1; run < 778; run += 1) {
    const held = limit.acquire({ request_id: `run ${run}`, wait_seconds: 20 });
    await limit.quiet();
    limit.clock.now += 120;
    await release(limit, holder);
    expect(waiting(await peek(held)).reason).toBe("offered");
    holder = granted(await limit.acquire({ request_id: `run ${run}` }));
  }
  expect(limit.clock.now - began).toBe(777 * 120);
});

// Slots are taken in batches there: all holders end, and for a while nothing happens until the next batch begins.
test("PrefectHQ/prefect#15618: no slot is free while somebody who is there waits", async () => {
  const limit = await open(3);
  const holders = [1, 2, 3].map((run) => `first ${run}`);
  const grants = new Map(
    await Promise.all(
      holders.map(async (id) => [id, granted(await limit.acquire({ request_id: id }))] as const),
    ),
  );
  const line = Array.from({ length: 17 }, (_, index) => `later ${index + 1}`);
  for (const request_id of line) void limit.open(request_id);
  await limit.quiet();
  for (const next of line) {
    const [id, grant] = [...grants][0] ?? expect.fail();
    limit.clock.now += 1000;
    grants.delete(id);
    await release(limit, grant);
    grants.set(next, granted(await limit.open(next)));
    expect(await inUse(limit)).toBe(3);
  }
});

// Many tasks that asked at the same time were let in beyond their tag's limit of 4.
test("PrefectHQ/prefect#9270: a herd that asks at once gets as many slots as there are", async () => {
  const limit = await open(4);
  const answers = await Promise.all(Array.from({ length: 100 }, () => limit.acquire()));
  expect(answers.filter((answer) => answer.ok && answer.value.status === "granted")).toHaveLength(4);
});

// Who waits for a slot there seems to hang, and is not told for what.
test("PrefectHQ/prefect#12035: who waits is told for which limit, in which place and behind whom", async () => {
  const limit = await open(1);
  const grant = granted(await limit.acquire({ lease_seconds: 60 }));
  waiting(await limit.acquire({ request_id: "first" }));
  expect(waiting(await limit.acquire({ request_id: "second" }))).toMatchObject({
    reason: "full",
    blocking_limit: "gpu",
    position: 2,
    blockers: [{ lease_id: grant.lease_id, slots: 1, expires_in_seconds: 60 }],
  });
});

// Only whole queues have a priority there: one run that waits cannot be let go before the others.
test("PrefectHQ/prefect#22563: one who waits can be let go before the others", async () => {
  const limit = await open(1);
  const grant = granted(await limit.acquire());
  for (const request_id of ["first", "second", "urgent"]) waiting(await limit.acquire({ request_id }));
  const line = await limit.must("list_waiters", { offset: 0, limit: 9 });
  await limit.must("set_priority", { waiter_id: line[2]?.waiter_id ?? "", priority: -1 });
  await release(limit, grant);
  expect(await isGranted(limit, "first")).toBe(false);
  expect(await isGranted(limit, "urgent")).toBe(true);
});

// A limit that was set while runs were under way did not count those, and let as many begin again.
test("PrefectHQ/prefect#19404: a lowered limit counts those who hold already", async () => {
  const limit = await open(5);
  const grants = await Promise.all(Array.from({ length: 5 }, () => limit.acquire()));
  await limit.must("update", { limit: 2 });
  for (const [index, answer] of grants.entries()) {
    expect(await isGranted(limit, "next")).toBe(false);
    await release(limit, granted(answer));
    expect(await inUse(limit)).toBe(4 - index);
    if (index === 3) break;
  }
  expect(await isGranted(limit, "next")).toBe(true);
  expect(await isGranted(limit, "one more")).toBe(false);
});

// A workflow that waited for a lock and was terminated ended only when it had got the lock.
test("argoproj/argo-workflows#10733: who gives up waiting is out of the line at once", async () => {
  const limit = await open(1);
  granted(await limit.acquire());
  const held = limit.acquire({ request_id: "waiter", wait_seconds: 20 });
  await limit.quiet();
  await limit.must("withdraw", { request_id: "waiter" });
  expect(await peek(held)).toMatchObject({ ok: false, error: { code: "gone" } });
  expect(await limit.must("list_waiters", { offset: 0, limit: 9 })).toEqual([]);
});

// With a limit of 2 a killed execution let two others begin, and the kill of one that waited let one more begin.
test("kestra-io/kestra#13211: one end lets one begin, and the end of a waiter none", async () => {
  const limit = await open(2);
  const holder = granted(await limit.acquire());
  granted(await limit.acquire());
  const waiters = ["first", "second", "third"];
  for (const request_id of waiters) waiting(await limit.acquire({ request_id }));
  await limit.must("withdraw", { request_id: "first" });
  expect(await isGranted(limit, "second")).toBe(false);
  await release(limit, holder);
  expect(await isGranted(limit, "second")).toBe(true);
  expect(await isGranted(limit, "third")).toBe(false);
  expect(await inUse(limit)).toBe(2);
});

// Two executions were killed at once, and one of those who waited began; sixty pods ended, and one began after the other.
test("kestra-io/kestra#13743, argoproj/argo-workflows#6110: as many begin as end, also when they end at once", async () => {
  const limit = await open(2);
  const grants = [granted(await limit.acquire()), granted(await limit.acquire())];
  for (const request_id of ["first", "second"]) waiting(await limit.acquire({ request_id }));
  await Promise.all(grants.map((grant) => release(limit, grant)));
  expect(await isGranted(limit, "first")).toBe(true);
  expect(await isGranted(limit, "second")).toBe(true);
});

// A count of the refused made the server tell a burst of callers to come back in 89 minutes.
test("PrefectHQ/prefect#20470: however many are refused, each is told to come back within a second", async () => {
  const limit = await open(30);
  for (let holder = 0; holder < 30; holder += 1) await take(limit);
  for (let caller = 0; caller < 1000; caller += 1) {
    const asking = { caller: prefect(`client ${caller}`), wait_seconds: 25 };
    expect(waiting(await limit.acquire(asking)).retry_after_seconds).toBeLessThanOrEqual(1);
  }
  // Later tries are held; those end as soon.
  await limit.pass(1000);
  const held = [0, 500, 999].map((caller) =>
    limit.acquire({ caller: prefect(`client ${caller}`), wait_seconds: 25 }),
  );
  await limit.pass(25_000);
  for (const answer of held) expect(waiting(await peek(answer)).retry_after_seconds).toBeLessThanOrEqual(1);
});

// A task that needs ten slots of a pool waited as long as tasks that need one kept coming.
test("apache/airflow#29474: who wants many slots has its turn before those who came later", async () => {
  const limit = await open(10);
  const holders = [];
  for (let holder = 0; holder < 10; holder += 1) holders.push(await take(limit));
  const large = () => limit.acquire({ request_id: "large", slots: 10 });
  waiting(await large());
  for (const [index, holder] of holders.entries()) {
    waiting(await limit.acquire({ request_id: `small ${index}` }));
    await release(limit, holder);
    expect(await isGranted(limit, `small ${index}`)).toBe(false);
    limit.clock.now += 1000;
    if (index < 9) waiting(await large());
  }
  granted(await large());
});

// With 2 in 120 s one job began at once, then two, then one; with 1 in 60 s each was put off for ever.
test("windmill-labs/windmill#1924: at 2 in 120 s two begin at once and one each minute, in their order", async () => {
  const limit = await open(2, { slot_decay_per_second: 2 / 120 });
  const begun: [request_id: string, seconds: number][] = [];
  for (let seconds = 0; seconds <= 600; seconds += 1) {
    for (const request_id of ["first", "second", "third", "fourth", "fifth"]) {
      if (begun.some(([other]) => other === request_id)) continue;
      const answer = await limit.acquire({ request_id, mode: "rate_limit" });
      if (answer.ok && answer.value.status === "granted") begun.push([request_id, seconds]);
    }
    await limit.pass(1000);
  }
  expect(begun).toEqual([
    ["first", 0],
    ["second", 0],
    ["third", 60],
    ["fourth", 120],
    ["fifth", 180],
  ]);
});

// What was freed for one who had given up was not given to those who had come meanwhile, until the next release.
test("iterate/iterate#2163: a slot that is offered to one who is gone goes to who came meanwhile", async () => {
  const limit = await open(1);
  const holder = await take(limit);
  const gone = limit.acquire({ request_id: "gone", wait_seconds: 20 });
  await limit.quiet();
  await release(limit, holder);
  expect(waiting(await peek(gone)).reason).toBe("offered");
  const later = limit.acquire({ request_id: "later", wait_seconds: 20 });
  await limit.pass(250);
  expect(waiting(await peek(later)).reason).toBe("offered");
  expect(await isGranted(limit, "later")).toBe(true);
});

/** Bugs of others that concern limits: each situation as it was told there, and how it ends here. Time is the test's. */
import { expect, test } from "vitest";
import { END_OF_GRACE_MS, LEASE_MS } from "./times.ts";
import { granted, LimitWorld, peek, waiting } from "../support/limit-world.ts";

async function open(limit: number): Promise<LimitWorld> {
  const world = new LimitWorld();
  await world.must("create", { name: world.name, limit });
  return world;
}

const inUse = async (limit: LimitWorld) => (await limit.must("read", {})).active_slots;
const isGranted = async (limit: LimitWorld, request_id: string) => {
  const answer = await limit.acquire({ request_id });
  return answer.ok && answer.value.status === "granted";
};
const release = (limit: LimitWorld, { lease_id }: { lease_id: string }) =>
  limit.must("release", { lease_id });

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

// Counter and lease were written in two transactions: where the second failed, the slot was taken for ever.
test("PrefectHQ/prefect#18991: an acquire that fails half-way has taken nothing", async () => {
  const limit = await open(1);
  limit.distort = (statement) => statement.replace("RETURNING fence", "RETURNING no_such_column");
  expect(await limit.acquire({ request_id: "run" })).toMatchObject({ error: { code: "unavailable" } });
  limit.distort = (statement) => statement;
  expect(await inUse(limit)).toBe(0);
  granted(await limit.acquire({ request_id: "run" }));
});

// An error in a release was swallowed there: the counter stayed too high, and the end of the lease did not mend it.
test("PrefectHQ/prefect#21794: a release that fails says so, and the slot is free at its deadline all the same", async () => {
  const limit = await open(1);
  const grant = granted(await limit.acquire());
  limit.distort = (statement) => statement.replace("DELETE FROM lease", "DELETE FROM no_such_table");
  const failed = await limit.do("release", { lease_id: grant.lease_id });
  expect(failed).toMatchObject({ ok: false, error: { code: "unavailable" } });
  limit.distort = (statement) => statement;
  await limit.pass(LEASE_MS + END_OF_GRACE_MS);
  expect(await inUse(limit)).toBe(0);
});

// A lease that was renewed after it had been listed as expired was revoked, under a holder who renewed in time.
test("PrefectHQ/prefect#22983: a renewal that comes before the end counts, however late the look at deadlines is", async () => {
  const limit = await open(1);
  const { lease_id } = granted(await limit.acquire());
  await limit.pass(LEASE_MS + 9000, { isAlarmLate: true });
  await limit.must("renew", { lease_id, lease_seconds: null });
  await limit.fireAlarm();
  await limit.fireAlarm();
  await limit.pass(LEASE_MS - 1000);
  await limit.must("renew", { lease_id, lease_seconds: null });
  expect(await inUse(limit)).toBe(1);
});

// Two renewals at the same time wrote one shared file of deadlines, one was lost, and a run of 20 hours died of it.
test("PrefectHQ/prefect#22935: renewals at the same time are all kept", async () => {
  const limit = await open(20);
  const grants = await Promise.all(Array.from({ length: 20 }, () => limit.acquire()));
  const ids = grants.map((answer) => granted(answer).lease_id);
  await limit.pass(LEASE_MS - 1000);
  await Promise.all(ids.map((lease_id) => limit.must("renew", { lease_id, lease_seconds: null })));
  await limit.pass(LEASE_MS - 1000);
  for (const lease_id of ids) await limit.must("renew", { lease_id, lease_seconds: null });
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

// A controller that started anew dropped the first holder of each lock, and let another in beside it.
test("argoproj/argo-workflows#10286: a restart with holders forgets none of them", async () => {
  const limit = await open(1);
  const { lease_id } = granted(await limit.acquire({ request_id: "holder" }));
  waiting(await limit.acquire({ request_id: "next" }));
  await limit.restart();
  expect(await isGranted(limit, "next")).toBe(false);
  await limit.must("renew", { lease_id, lease_seconds: null });
  expect(await limit.must("list_holders", { after_fence: 0, limit: 9 })).toMatchObject([{ lease_id }]);
  await limit.must("release", { lease_id });
  expect(await isGranted(limit, "next")).toBe(true);
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

// Two executions were killed at once, and only one of those who waited began.
test("kestra-io/kestra#13743: as many begin as end, also when they end at once", async () => {
  const limit = await open(2);
  const grants = [granted(await limit.acquire()), granted(await limit.acquire())];
  for (const request_id of ["first", "second"]) waiting(await limit.acquire({ request_id }));
  await Promise.all(grants.map((grant) => release(limit, grant)));
  expect(await isGranted(limit, "first")).toBe(true);
  expect(await isGranted(limit, "second")).toBe(true);
});

// The slot of an execution whose executor had died was never given back.
test("kestra-io/kestra#14356: the slot of a holder that is never heard of again is free when its lease ends", async () => {
  const limit = await open(1);
  granted(await limit.acquire());
  const next = limit.open("next");
  await limit.pass(LEASE_MS + END_OF_GRACE_MS - 2);
  expect(waiting(await next).status).toBe("waiting");
  expect(await inUse(limit)).toBe(1);
  await limit.pass(2);
  expect(await isGranted(limit, "next")).toBe(true);
});

// What stood in the set of holders by a failed release blocked itself when it came again; sets were cleared by hand.
test("triggerdotdev/trigger.dev#4540: who asks again for what it holds gets the same, and takes no second slot", async () => {
  const limit = await open(1);
  const first = granted(await limit.acquire({ request_id: "message" }));
  expect(granted(await limit.acquire({ request_id: "message" })).lease_id).toBe(first.lease_id);
  expect(await inUse(limit)).toBe(1);
});

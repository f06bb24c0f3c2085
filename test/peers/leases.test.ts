/** Bugs of others that concern what is held: each situation as it was told there, and how it ends here. Time is the test's. */
import { expect, test } from "vitest";
import { granted, waiting } from "../support/limit-world.ts";
import { inUse, isGranted, open, release, take } from "./limits.ts";
import { END_OF_GRACE_MS, LEASE_MS } from "./times.ts";

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

// After a restart a holder was kept under another name than it asked by, and waited for itself for ever.
test("argoproj/argo-workflows#8684: who holds a slot and asks again after a restart has it, and does not wait for itself", async () => {
  const limit = await open(1);
  const { lease_id } = await take(limit, "workflow");
  await limit.restart();
  expect((await take(limit, "workflow")).lease_id).toBe(lease_id);
  expect(await inUse(limit)).toBe(1);
  await release(limit, { lease_id });
  expect(await isGranted(limit, "next")).toBe(true);
});

// The slot of an execution whose executor had died, or of a task whose container had, was never given back.
test("kestra-io/kestra#14356, PrefectHQ/prefect#17415: the slot of a holder that is never heard of again is free when its lease ends", async () => {
  const limit = await open(1);
  granted(await limit.acquire());
  const next = limit.open("next");
  await limit.pass(LEASE_MS + END_OF_GRACE_MS - 2);
  expect(waiting(await next).status).toBe("waiting");
  expect(await inUse(limit)).toBe(1);
  await limit.pass(2);
  expect(await isGranted(limit, "next")).toBe(true);
});

// What stood in the set of holders blocked itself when it asked again, and all behind it; sets were cleared by hand.
test("triggerdotdev/trigger.dev#4540, dagster-io/dagster#31243: who asks again for what it holds gets the same, and takes no second slot", async () => {
  const limit = await open(1);
  const first = granted(await limit.acquire({ request_id: "message" }));
  expect(granted(await limit.acquire({ request_id: "message" })).lease_id).toBe(first.lease_id);
  expect(await inUse(limit)).toBe(1);
});

// Who was cancelled while it asked for a slot left a lease behind of which it did not know, and gave nothing back.
test("PrefectHQ/prefect#22542, #22619, #22621: who gives up while its grant is on its way holds nothing, nor later", async () => {
  const limit = await open(1);
  const ask = () => limit.acquire({ request_id: "cancelled" });
  const answer = ask();
  await limit.must("withdraw", { request_id: "cancelled" });
  granted(await answer);
  expect(await inUse(limit)).toBe(0);
  await take(limit);
  // A repetition of the request that was under way.
  expect(await ask()).toMatchObject({ ok: false, error: { code: "gone" } });
  expect(await inUse(limit)).toBe(1);
});

// The session with the database broke: who failed to get its lock stood there as its holder, until somebody wrote SQL.
test("argoproj/argo-workflows#16772: a holder that has never heard of its grant holds it for one lease, over a restart too", async () => {
  const limit = await open(1);
  await take(limit, "never heard");
  await limit.restart();
  const next = limit.open("next");
  await limit.pass(LEASE_MS + END_OF_GRACE_MS);
  expect(waiting(await next).status).toBe("waiting");
  expect(await isGranted(limit, "next")).toBe(true);
});

// An end that was worked on twice gave back two slots, and one execution too many began.
test("kestra-io/kestra#17759: a release that comes twice lets one begin", async () => {
  const limit = await open(2);
  const [first] = [await take(limit), await take(limit)];
  for (const request_id of ["third", "fourth"]) waiting(await limit.acquire({ request_id }));
  await release(limit, first);
  expect(await isGranted(limit, "third")).toBe(true);
  await release(limit, first);
  expect(await isGranted(limit, "fourth")).toBe(false);
  expect(await inUse(limit)).toBe(2);
});

/** Bugs of others that concern the limits of deployments: each situation as it was told there, and how it ends here. */
import { expect, test } from "vitest";
import { createPair } from "../unit/pool/pair.ts";
import { draftOf, type TestPool } from "../unit/pool/support.ts";
import {
  exited,
  FREE_DEPLOYMENT,
  idsOf,
  nameOf,
  poll,
  propose,
  SESSION_MS,
  start,
  stateOf,
} from "./pools.ts";
import { END_OF_GRACE_MS, LEASE_MS } from "./times.ts";

const leaseOf = async (pool: TestPool, id: string) => {
  const { state } = await pool.do("read_run", { id });
  return state?.state_details.deployment_concurrency_lease_id ?? expect.fail("it holds no slot");
};

// More than 200 runs that waited for their deployment's limit filled each poll, and no other run began.
test("PrefectHQ/prefect#19403: runs that wait for their deployment's limit hold up no other run", async () => {
  const { pool, submit, claim } = await createPair();
  for (let run = 0; run < 250; run += 1) await submit();
  const free = await pool.do("create_run", {
    draft: draftOf({ deployment_id: FREE_DEPLOYMENT }),
    deployment: null,
  });
  const begun = new Set<string>();
  // A claim asks the limit on behalf of a few; those step aside for the next ones.
  for (let polls = 0; polls < 40 && !begun.has(free.flow_run.id); polls += 1)
    for (const id of idsOf(await claim(10))) begun.add(id);
  expect(begun).toContain(free.flow_run.id);
  expect(begun.size).toBe(2);
});

// A run stayed Cancelling for ever, and held the one slot of its deployment.
test("PrefectHQ/prefect#17563, #4490, #8972: a cancellation that nobody confirms ends, and gives the deployment's slot to the next", async () => {
  const { pool, submit, claim, used, elapse } = await createPair();
  const [first, second] = [await submit(), await submit()];
  await claim();
  await start(pool, (await claim()).claims[0]);
  await propose(pool, first, "CANCELLING");
  await elapse(SESSION_MS + END_OF_GRACE_MS);
  expect(await stateOf(pool, first)).toBe("CANCELLED");
  expect(idsOf(await claim())).toEqual([second]);
  expect(await used()).toBe(1);
});

// A run that was refused gave back a slot that it had never had: the count fell below zero, and runs waited for ever.
test("PrefectHQ/prefect#19845: runs that are refused give nothing back, and each has its turn", async () => {
  const { pool, submit, used } = await createPair();
  let holder = await submit();
  expect((await propose(pool, holder, "PENDING")).status).toBe("ACCEPT");
  const waiting = [await submit(), await submit(), await submit(), await submit()];
  while (waiting.length > 0) {
    for (const id of waiting) expect((await propose(pool, id, "PENDING")).status).toBe("REJECT");
    expect(await used()).toBe(1);
    await propose(pool, holder, "RUNNING");
    await propose(pool, holder, "COMPLETED");
    [holder = ""] = await poll(pool);
    expect(waiting.shift()).toBe(holder);
    expect((await propose(pool, holder, "PENDING")).status).toBe("ACCEPT");
  }
  expect(await used()).toBe(1);
});

// A run that is to be tried again loses its slot there, its process renews what is gone, and crashes before it tries.
test("PrefectHQ/prefect#20251, #21933: a run keeps its deployment's slot while its process waits to try again", async () => {
  const { pool, ask, used, elapse, deployment } = await createPair();
  const retries = { retries: 5, retry_delay: 600 };
  const draft = draftOf({ empirical_policy: retries });
  const { id } = (await pool.do("create_run", { draft, deployment })).flow_run;
  await propose(pool, id, "PENDING");
  await propose(pool, id, "RUNNING");
  expect(await propose(pool, id, "FAILED")).toMatchObject({ state: { name: "AwaitingRetry" } });
  const lease_id = await leaseOf(pool, id);
  for (let renewal = 0; renewal < 3; renewal += 1) {
    await elapse(225_000);
    await ask("renew", { lease_id, lease_seconds: 300 });
    expect(await used()).toBe(1);
  }
  expect((await propose(pool, id, "RUNNING")).status).toBe("ACCEPT");
  expect((await propose(pool, id, "COMPLETED")).status).toBe("ACCEPT");
  expect(await used()).toBe(0);
});

// A worker died between Pending and Running: its run kept the slot, and each later one was cancelled at once.
test("opsmill/infrahub#9856: a run that never begins holds its deployment's slot for one lease, whatever is cancelled meanwhile", async () => {
  const { pool, submit, elapse } = await createPair({ collision_strategy: "CANCEL_NEW" });
  const [stuck, early] = [await submit(), await submit()];
  await propose(pool, stuck, "PENDING");
  await propose(pool, early, "PENDING");
  expect(await stateOf(pool, early)).toBe("CANCELLED");
  await elapse(LEASE_MS + END_OF_GRACE_MS);
  const late = await submit();
  expect((await propose(pool, late, "PENDING")).status).toBe("ACCEPT");
});

// A refused run was put off by 30 s, while workers look 10 s ahead: it was seen by none, and put off again.
test("PrefectHQ/prefect#19824: the next in line is seen by Prefect's workers as soon as the slot is free", async () => {
  const { pool, submit } = await createPair();
  const [first, second] = [await submit(), await submit()];
  await propose(pool, first, "PENDING");
  await propose(pool, second, "PENDING");
  expect(await poll(pool)).toEqual([]);
  await propose(pool, first, "RUNNING");
  await propose(pool, first, "COMPLETED");
  expect(await poll(pool)).toEqual([second]);
  expect((await propose(pool, second, "PENDING")).status).toBe("ACCEPT");
});

// Transactions on the counter of slots got into each other's way: 1,500 runs could neither end nor be cancelled.
test("PrefectHQ/prefect#22597: runs of a full deployment that end and are cancelled at once all do", async () => {
  const { pool, submit, claim, used } = await createPair({ concurrency_limit: 4 });
  const ids = await Promise.all(Array.from({ length: 16 }, () => submit()));
  await claim(16);
  const { claims } = await claim(16);
  expect(claims).toHaveLength(4);
  for (const claimed of claims) await start(pool, claimed);
  const waiting = ids.filter((id) => !idsOf({ claims }).includes(id));
  const cancelled = waiting.splice(0, 6);
  await Promise.all([
    ...claims.map((claimed) => pool.do("end_attempt", { ...nameOf(claimed), ...exited })),
    ...cancelled.map((id) => propose(pool, id, "CANCELLING")),
  ]);
  for (const id of idsOf({ claims })) expect(await stateOf(pool, id)).toBe("COMPLETED");
  for (const id of cancelled) expect(await stateOf(pool, id)).toBe("CANCELLED");
  expect(idsOf(await claim(16))).toHaveLength(4);
  expect(await used()).toBe(4);
});

// An execution that was let in and ended before it began had the history of one that was refused: its slot was lost.
test("kestra-io/kestra#17759: a run that has a slot and is cancelled before it begins gives it to the next", async () => {
  const { pool, submit, claim, used } = await createPair();
  const [first, second] = [await submit(), await submit()];
  await claim();
  expect(await used()).toBe(1);
  await propose(pool, first, "CANCELLING");
  expect(await stateOf(pool, first)).toBe("CANCELLED");
  expect(idsOf(await claim())).toEqual([second]);
  expect(await used()).toBe(1);
});

// A run that was resumed before it had been put aside never gave back a token, until nothing was put aside any more.
test("triggerdotdev/trigger.dev#1933: a run that is suspended and at once resumed, however often, holds one slot or none", async () => {
  const { pool, submit, used } = await createPair();
  const id = await submit();
  for (let turn = 0; turn < 5; turn += 1) {
    expect((await propose(pool, id, "PENDING")).status).toBe("ACCEPT");
    await propose(pool, id, "RUNNING");
    expect(await used()).toBe(1);
    const state_details = { pause_key: `${turn}`, pause_reschedule: true };
    const state = { type: "PAUSED", name: "Suspended", state_details } as never;
    await pool.do("set_state", { id, state, is_forced: false, run: null });
    await pool.do("resume_run", { id, run_input: null });
    expect(await used()).toBe(0);
  }
  expect(await poll(pool)).toEqual([id]);
});

/** Bugs of others that concern runs and who runs them: each situation as it was told there, and how it ends here. */
import { expect, test } from "vitest";
import type { ClaimedRun } from "../../src/contract/wire/agents.ts";
import { createPair } from "../unit/pool/pair.ts";
import { attemptId, createTestPool, draftOf, SESSION, type TestPool } from "../unit/pool/support.ts";
import { END_OF_GRACE_MS } from "./times.ts";

const SESSION_MS = 60_000;
const OTHER_SESSION = SESSION.replace(/.$/, "2");
const FREE_DEPLOYMENT = "0f9a1c52-0000-4000-8000-0000000000d2";
const GONE = { ok: false, error: { code: "gone" } };

async function submit(pool: TestPool): Promise<string> {
  // Runs of the same millisecond have no order among them.
  await pool.advance(1);
  return (await pool.do("create_run", { draft: draftOf(), deployment: null })).flow_run.id;
}

async function claim(pool: TestPool, attempts: number[], worker_name = "gpu-1", session_id = SESSION) {
  const attempt_ids = attempts.map(attemptId);
  return pool.do("claim", { worker_name, session_id, attempt_ids, work_queue_names: [] });
}

/** How an attempt names itself. */
function nameOf({ flow_run, attempt_id, fence }: ClaimedRun) {
  return { flow_run_id: flow_run.id, attempt_id, fence };
}

/** A pool whose one slot is taken by a run that is under way; another one waits. */
async function openFull(lost_run_policy: "crash" | "reschedule" = "crash") {
  const pool = await createTestPool();
  await pool.do("update", { concurrency_limit: 1, lost_run_policy });
  await pool.beat();
  const [first, second] = [await submit(pool), await submit(pool)];
  const [claimed] = (await claim(pool, [1])).claims;
  const run = nameOf(claimed ?? expect.fail("nothing was claimed"));
  expect(run.flow_run_id).toBe(first);
  await pool.do("start_attempt", { ...run, sets_own_state: false });
  return { pool, first, second, run };
}

const stateOf = async (pool: TestPool, id: string) => (await pool.do("read_run", { id })).state_type;
const idsOf = ({ claims }: { claims: ClaimedRun[] }) => claims.map(({ flow_run }) => flow_run.id);
const exited = { outcome: "exited", exit_code: 0, signal: null, sets_own_state: false } as const;

// More than 200 runs that waited for their deployment's limit filled each poll, and no other run began.
test("PrefectHQ/prefect#19403: runs that wait for their deployment's limit hold up no other run", async () => {
  const { pool, submit: submitLimited, claim: claimSome } = await createPair();
  for (let run = 0; run < 250; run += 1) await submitLimited();
  const free = await pool.do("create_run", {
    draft: draftOf({ deployment_id: FREE_DEPLOYMENT }),
    deployment: null,
  });
  const begun = new Set<string>();
  // A claim asks the limit on behalf of a few; those step aside for the next ones.
  for (let polls = 0; polls < 40 && !begun.has(free.flow_run.id); polls += 1)
    for (const id of idsOf(await claimSome(10))) begun.add(id);
  expect(begun).toContain(free.flow_run.id);
  expect(begun.size).toBe(2);
});

// A worker went down, its runs stayed Running, and a pool with a limit of 1 never ran anything again.
test("PrefectHQ/prefect#16746: the runs of a worker that is gone end, and their slots are free", async () => {
  const { pool, first, second } = await openFull();
  await pool.advance(SESSION_MS + END_OF_GRACE_MS);
  expect(await stateOf(pool, first)).toBe("CRASHED");
  await pool.beat({ session_id: OTHER_SESSION });
  expect(idsOf(await claim(pool, [2], "gpu-1", OTHER_SESSION))).toEqual([second]);
});

// The answer to the step to Pending was lost; asked again, the server refused it, and the run stayed Pending.
test("PrefectHQ/prefect#10263: a claim whose answer is lost gets the same answer again", async () => {
  const pool = await createTestPool();
  await pool.beat();
  await submit(pool);
  const [lost] = (await claim(pool, [1])).claims;
  const [again] = (await claim(pool, [1])).claims;
  expect(nameOf(again ?? expect.fail())).toEqual(nameOf(lost ?? expect.fail()));
});

// A worker died between claim and start: the run stays Pending, as nobody can tell a slow start from none.
test("PrefectHQ/prefect#22664: a run that was claimed and never begun goes back, and the first attempt is void", async () => {
  const pool = await createTestPool();
  await pool.beat();
  const id = await submit(pool);
  const [claimed] = (await claim(pool, [1])).claims;
  await pool.advance(SESSION_MS + END_OF_GRACE_MS);
  expect(await stateOf(pool, id)).toBe("SCHEDULED");
  await pool.beat({ name: "gpu-2", session_id: OTHER_SESSION });
  const [second] = (await claim(pool, [2], "gpu-2", OTHER_SESSION)).claims;
  expect(second?.fence).toBeGreaterThan(claimed?.fence ?? 0);
  const late = { ...nameOf(claimed ?? expect.fail()), infrastructure_pid: "1" };
  expect(await pool.ask("start_attempt", late)).toMatchObject(GONE);
});

// Two workers wanted the same run; the one that did not get it counted it as its own for ever, and locked up.
test("PrefectHQ/prefect#15952: of two workers that want a run one gets it, and the other is as free as before", async () => {
  const pool = await createTestPool();
  await pool.beat({ limit: 1 });
  await pool.beat({ name: "gpu-2", session_id: OTHER_SESSION, limit: 1 });
  const first = await submit(pool);
  const both = await Promise.all([claim(pool, [1]), claim(pool, [2], "gpu-2", OTHER_SESSION)]);
  expect(both.flatMap(idsOf)).toEqual([first]);
  const next = await submit(pool);
  const isSecondFree = both[1]?.claims.length === 0;
  const more = await (isSecondFree
    ? claim(pool, [2], "gpu-2", OTHER_SESSION)
    : claim(pool, [1], "gpu-1", SESSION));
  expect(idsOf(more)).toEqual([next]);
});

// A run stayed Cancelling for ever, and held the one slot of its deployment.
test("PrefectHQ/prefect#17563: a cancellation that nobody confirms ends, and gives the deployment's slot to the next", async () => {
  const { pool, submit: submitLimited, claim: claimSome, used, elapse } = await createPair();
  const [first, second] = [await submitLimited(), await submitLimited()];
  await claimSome();
  const [running] = (await claimSome()).claims;
  const run = nameOf(running ?? expect.fail("nothing was claimed"));
  await pool.do("start_attempt", { ...run, sets_own_state: false });
  await pool.do("set_state", { id: first, state: { type: "CANCELLING" }, is_forced: false, run: null });
  await elapse(SESSION_MS + END_OF_GRACE_MS);
  expect(await stateOf(pool, first)).toBe("CANCELLED");
  expect(idsOf(await claimSome())).toEqual([second]);
  expect(await used()).toBe(1);
});

// A renewal that came after the end was refused, and turned a completed run into a crashed one.
test("PrefectHQ/prefect#18942: a run that has completed stays so, whatever comes late", async () => {
  const { pool, first, run } = await openFull();
  await pool.do("end_attempt", { ...run, ...exited });
  await pool.ask("set_state", { id: first, state: { type: "CRASHED" }, is_forced: true, run });
  expect(await stateOf(pool, first)).toBe("COMPLETED");
});

// The queue's entry went before the assignment was sure: a run that was dropped in between held its slot for 30 hours.
test("hatchet-dev/hatchet#4494: a run that is lost on its way to a worker is neither gone nor holds a slot", async () => {
  const pool = await createTestPool();
  await pool.do("update", { concurrency_limit: 1 });
  await pool.beat();
  const id = await submit(pool);
  // The answer never arrives, nor is the claim ever repeated; the worker itself goes on.
  await claim(pool, [1]);
  for (let beats = 0; beats < 5; beats += 1) {
    await pool.advance(20_000);
    await pool.beat({ attempt_ids: [] });
  }
  expect(idsOf(await claim(pool, [2]))).toEqual([id]);
});

// A step was given to another worker while the first was still tried; the first one's end freed the slot of the second.
test("hatchet-dev/hatchet#1052: the end of an older attempt leaves the slot of the newer one", async () => {
  const { pool, first, second, run } = await openFull("reschedule");
  await pool.advance(SESSION_MS + END_OF_GRACE_MS);
  await pool.beat({ name: "gpu-2", session_id: OTHER_SESSION });
  const again = await claim(pool, [2], "gpu-2", OTHER_SESSION);
  expect(idsOf(again)).toHaveLength(1);
  await pool.ask("end_attempt", { ...run, ...exited });
  expect(idsOf(await claim(pool, [3], "gpu-2", OTHER_SESSION))).toEqual([]);
  const states = new Set([await stateOf(pool, first), await stateOf(pool, second)]);
  expect(states).toEqual(new Set(["PENDING", "SCHEDULED"]));
});

// A message whose time was over went back to its queue and kept its slot, so that everything stood still.
test("triggerdotdev/trigger.dev#2907: a run that goes back to its queue holds no slot there", async () => {
  const { pool, first, second } = await openFull("reschedule");
  await pool.advance(SESSION_MS + END_OF_GRACE_MS);
  expect(await stateOf(pool, first)).toBe("SCHEDULED");
  await pool.do("update", { concurrency_limit: 2 });
  await pool.beat({ session_id: OTHER_SESSION });
  expect(idsOf(await claim(pool, [2, 3], "gpu-1", OTHER_SESSION)).toSorted()).toEqual(
    [first, second].toSorted(),
  );
});

// After a restart an execution showed as running without a process; killed, it stayed so, and nothing behind it began.
test("kestra-io/kestra#19679: a run without a process can be cancelled, and the next one begins", async () => {
  const { pool, first, second } = await openFull();
  await pool.evict();
  await pool.do("set_state", { id: first, state: { type: "CANCELLING" }, is_forced: false, run: null });
  await pool.advance(SESSION_MS + END_OF_GRACE_MS);
  expect(await stateOf(pool, first)).toBe("CANCELLED");
  await pool.beat({ session_id: OTHER_SESSION });
  expect(idsOf(await claim(pool, [2], "gpu-1", OTHER_SESSION))).toEqual([second]);
});

// A worker that cannot renew its lock in time may be slow and not dead: the job runs twice, and is completed twice.
test("OptimalBits/bull#308: of two attempts of a run only the newer one is heard", async () => {
  const { pool, first, run } = await openFull("reschedule");
  await pool.advance(SESSION_MS + END_OF_GRACE_MS);
  await pool.do("update", { concurrency_limit: 2 });
  await pool.beat({ name: "gpu-2", session_id: OTHER_SESSION });
  const { claims } = await claim(pool, [2, 3], "gpu-2", OTHER_SESSION);
  const newer = nameOf(claims.find(({ flow_run }) => flow_run.id === first) ?? expect.fail());
  await pool.do("start_attempt", { ...newer, sets_own_state: false });
  expect(await pool.beat({ attempt_ids: [run.attempt_id] })).toMatchObject({
    ended_attempt_ids: [run.attempt_id],
  });
  await pool.ask("set_state", { id: first, state: { type: "FAILED" }, is_forced: true, run });
  await pool.ask("end_attempt", { ...run, ...exited, exit_code: 1 });
  expect(await stateOf(pool, first)).toBe("RUNNING");
  await pool.do("end_attempt", { ...newer, ...exited });
  expect(await stateOf(pool, first)).toBe("COMPLETED");
});

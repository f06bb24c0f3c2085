/** Bugs of others that concern runs and who runs them: each situation as it was told there, and how it ends here. */
import { expect, test } from "vitest";
import { createTestPool, SESSION } from "../unit/pool/support.ts";
import {
  claim,
  exited,
  GONE,
  idsOf,
  nameOf,
  openFull,
  OTHER_SESSION,
  SESSION_MS,
  stateOf,
  submit,
} from "./pools.ts";
import { END_OF_GRACE_MS } from "./times.ts";

// A worker went down, its runs stayed Running, and a pool with a limit of 1 never ran anything again.
test("PrefectHQ/prefect#16746, #7239: the runs of a worker that is gone end, and their slots are free", async () => {
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
  expect(nameOf(again)).toEqual(nameOf(lost));
});

// A worker died between claim and start: the run stays Pending, as nobody can tell a slow start from none.
test("PrefectHQ/prefect#22664, #18933: a run that was claimed and never begun goes back, and the first attempt is void", async () => {
  const pool = await createTestPool();
  await pool.beat();
  const id = await submit(pool);
  const [claimed] = (await claim(pool, [1])).claims;
  await pool.advance(SESSION_MS + END_OF_GRACE_MS);
  expect(await stateOf(pool, id)).toBe("SCHEDULED");
  await pool.beat({ name: "gpu-2", session_id: OTHER_SESSION });
  const [second] = (await claim(pool, [2], "gpu-2", OTHER_SESSION)).claims;
  expect(second?.fence).toBeGreaterThan(claimed?.fence ?? 0);
  const late = { ...nameOf(claimed), infrastructure_pid: "1" };
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
  // The other run was first in line by then; when it has ended, the one that was lost is tried again.
  const other = await claim(pool, [2], "gpu-2", OTHER_SESSION);
  expect(idsOf(other)).toEqual([second]);
  await pool.do("end_attempt", { ...nameOf(other.claims[0] ?? expect.fail()), ...exited });
  expect(idsOf(await claim(pool, [3], "gpu-2", OTHER_SESSION))).toEqual([first]);
  const third = await submit(pool);
  await pool.ask("end_attempt", { ...run, ...exited });
  expect(await stateOf(pool, first)).toBe("PENDING");
  expect(idsOf(await claim(pool, [4], "gpu-2", OTHER_SESSION))).toEqual([]);
  expect(await stateOf(pool, third)).toBe("SCHEDULED");
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
  const newer = nameOf(claims.find(({ flow_run }) => flow_run.id === first));
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

// A worker gave up waiting for a pod, and called the run Crashed; then the pod began after all, and completed it.
test("PrefectHQ/prefect#16429: a run of an agent that was given up stays so, whatever its process says later", async () => {
  const { pool, first, run } = await openFull();
  await pool.advance(SESSION_MS + END_OF_GRACE_MS);
  expect(await stateOf(pool, first)).toBe("CRASHED");
  await pool.beat({ session_id: OTHER_SESSION });
  expect(await pool.ask("start_attempt", { ...run, infrastructure_pid: "1" })).toMatchObject(GONE);
  for (const type of ["RUNNING", "COMPLETED"]) {
    const late = { id: first, state: { type } as never, is_forced: true, run };
    expect((await pool.do("set_state", late)).result.status).toBe("ABORT");
  }
  await pool.ask("end_attempt", { ...run, ...exited });
  expect(await stateOf(pool, first)).toBe("CRASHED");
});

// A worker hung without a word, looked online, and took nothing; somebody had to start it anew.
test("PrefectHQ/prefect#9052: a worker of which nothing is heard is soon offline, and another one does its work", async () => {
  const { pool, first, second } = await openFull("reschedule");
  await pool.advance(SESSION_MS + END_OF_GRACE_MS);
  const workers = await pool.do("filter_workers", { limit: 9, offset: 0 });
  expect(workers).toMatchObject([{ name: "gpu-1", status: "OFFLINE" }]);
  await pool.do("update", { concurrency_limit: null });
  await pool.beat({ name: "gpu-2", session_id: OTHER_SESSION });
  const { claims } = await claim(pool, [2, 3], "gpu-2", OTHER_SESSION);
  expect(idsOf({ claims }).toSorted()).toEqual([first, second].toSorted());
});

// A job that took longer than the broker hides it for was given to another worker, while the first was at it.
test("celery/celery#5935: a run that takes days is given to nobody else while its worker is heard of", async () => {
  const { pool, first, run } = await openFull("reschedule");
  await pool.do("update", { concurrency_limit: null });
  const begun: string[] = [];
  for (let beats = 0; beats < 48 * 60; beats += 1) {
    await pool.advance(SESSION_MS);
    await pool.beat({ attempt_ids: [run.attempt_id] });
    if (beats % 60 > 0) continue;
    await pool.beat({ name: "gpu-2", session_id: OTHER_SESSION });
    begun.push(...idsOf(await claim(pool, [2 + beats], "gpu-2", OTHER_SESSION)));
  }
  expect(begun).not.toContain(first);
  expect(await stateOf(pool, first)).toBe("RUNNING");
});

/** What a pool and the limit of a deployment do together. */
import { expect, test } from "vitest";
import { ENVELOPE_VERSION } from "../../../src/contract/envelope.ts";
import { refuse, type Result } from "../../../src/contract/errors.ts";
import type { Grant, WaiterRecord } from "../../../src/contract/wire/limits.ts";
import { createPair, NAME } from "./pair.ts";
import { attemptId, draftOf, SESSION, type TestPool } from "./support.ts";

async function finish(
  pool: TestPool,
  claim: { attempt_id: string; fence: number; flow_run: { id: string } },
) {
  await pool.do("end_attempt", {
    flow_run_id: claim.flow_run.id,
    attempt_id: claim.attempt_id,
    fence: claim.fence,
    exit_code: 0,
    signal: null,
    outcome: "exited",
    sets_own_state: false,
  });
}

test("a deployment's limit lets one run through at a time and blocks nobody else", async () => {
  const { pool, submit, used, claim } = await createPair();
  const [first, second] = [await submit(), await submit()];
  const other = await pool.do("create_run", {
    draft: draftOf({ deployment_id: "0f9a1c52-0000-4000-8000-0000000000d2" }),
    deployment: null,
  });
  // The first claim finds that the limit must be asked, and goes on with who needs none.
  const asked = await claim();
  expect(asked.claims.map(({ flow_run }) => flow_run.id)).toEqual([other.flow_run.id]);
  expect(await used()).toBe(1);
  const granted = await claim();
  expect(granted.claims.map(({ flow_run }) => flow_run.id)).toEqual([first]);
  const [running] = granted.claims;
  expect(running?.flow_run.state?.state_details.deployment_concurrency_lease_id).toBeTypeOf("string");
  expect(await claim()).toMatchObject({ claims: [], reason: "nothing_due" });
  expect(await pool.do("explain_run", { id: second })).toMatchObject({
    reason: "deployment_full",
    blocking: { kind: "limit", name: NAME },
  });
  pool.wakes.length = 0;
  if (running !== undefined) await finish(pool, running);
  // The end of the first hands its slot to the second, and agents hear of it.
  expect(pool.wakes).toContainEqual({ reason: "run_ready", worker_name: undefined });
  const next = await claim();
  expect(next.claims.map(({ flow_run }) => flow_run.id)).toEqual([second]);
  expect(await used()).toBe(1);
  const [last] = next.claims;
  if (last !== undefined) await finish(pool, last);
  expect(await used()).toBe(0);
});

test("a claim says so as long as a deployment's limit has not answered for a run that is due", async () => {
  const { pool, submit, claim, elapse } = await createPair();
  const answered = pool.answer;
  pool.answer = () => refuse("unavailable");
  const id = await submit();
  for (let round = 0; round < 2; round += 1)
    expect(await claim()).toMatchObject({ claims: [], reason: "deployment_full" });
  pool.answer = answered;
  await elapse(5000);
  expect((await claim()).claims.map(({ flow_run }) => flow_run.id)).toEqual([id]);
  expect(await claim()).toMatchObject({ claims: [], reason: "nothing_due" });
});

test("a command keeps its deployment's slot for as long as it runs, though it renews nothing", async () => {
  const { pool, submit, used, claim, elapse } = await createPair();
  await submit();
  await claim();
  const [running] = (await claim()).claims;
  if (running === undefined) throw new Error("nothing was claimed");
  const { attempt_id, fence, flow_run } = running;
  const start = { flow_run_id: flow_run.id, attempt_id, fence, sets_own_state: false };
  await pool.do("start_attempt", start);
  for (let hours = 0; hours < 50; hours += 1) {
    await pool.beat({ session_seconds: 3600, attempt_ids: [attempt_id] });
    await elapse(3_500_000);
    expect([hours, await used()]).toEqual([hours, 1]);
  }
  await finish(pool, running);
  expect(await used()).toBe(0);
});

test("a slot that nobody claims lapses, and the run asks again later", async () => {
  const { submit, used, claim, elapse } = await createPair();
  const id = await submit();
  await claim();
  expect(await used()).toBe(1);
  await elapse(21_000);
  expect(await used()).toBe(0);
  await claim();
  const { claims } = await claim();
  expect(claims.map(({ flow_run }) => flow_run.id)).toEqual([id]);
});

test("a run that finds its queue full when the deployment's limit has granted it a slot gives that back", async () => {
  const { pool, submit, used } = await createPair({ concurrency_limit: 2 });
  await pool.do("update_queue", { name: "default", update: { concurrency_limit: 1 } });
  const ids = [await submit(), await submit()];
  const answers = await Promise.all(
    ids.map((id) => pool.do("set_state", { id, state: { type: "PENDING" }, is_forced: false, run: null })),
  );
  expect(answers.map(({ result }) => result.status).toSorted()).toEqual(["ABORT", "ACCEPT"]);
  expect(await used()).toBe(1);
});

/** A pair whose limit has one slot, though the pool believes in two: as after `sluice gcl update`, or beside another pool. */
async function createShortPair(note: Parameters<typeof createPair>[0] = {}) {
  const pair = await createPair({ concurrency_limit: 2, ...note });
  await pair.ask("update", { limit: 1 });
  const propose = (id: string, type = "PENDING", is_forced = false) =>
    pair.pool.do("set_state", { id, state: { type } as never, is_forced, run: null });
  const line = async () => {
    const waiters = (await pair.ask("list_waiters", { offset: 0, limit: 100 })) as WaiterRecord[];
    return waiters.map(({ holder }) => holder?.id);
  };
  return { ...pair, propose, line };
}

test("a run that is refused again and again stands in line once, at its first place, and no more when it is cancelled", async () => {
  const { submit, propose, line, elapse, used } = await createShortPair();
  const [first, second, third] = [await submit(), await submit(), await submit()];
  await propose(first);
  for (let round = 0; round < 5; round += 1) {
    for (const id of [second, third]) expect((await propose(id)).result.status).toBe("REJECT");
    expect(await line()).toEqual([second, third]);
    await elapse(31_000);
  }
  await propose(third, "CANCELLED", true);
  expect(await line()).toEqual([second]);
  await propose(first, "COMPLETED", true);
  expect(await line()).toEqual([]);
  expect((await propose(second)).result.status).toBe("ACCEPT");
  expect(await used()).toBe(1);
});

test.each([
  ["waits on", "ENQUEUE", 1],
  ["does not wait", "CANCEL_NEW", 0],
] as const)(
  "a run that finds its deployment and its pool full %s where its deployment says %s, and no more when it is cancelled",
  async (_, collision_strategy, places) => {
    const { pool, submit, propose, line } = await createShortPair({ collision_strategy });
    await pool.do("update", { concurrency_limit: 2 });
    const [first, second] = [await submit(), await submit()];
    const { flow_run: other } = await pool.do("create_run", {
      draft: draftOf({ deployment_id: "0f9a1c52-0000-4000-8000-0000000000d2" }),
      deployment: null,
    });
    await propose(first);
    const [told] = await Promise.all([propose(second), propose(other.id)]);
    expect(told.result.status).toBe("ABORT");
    expect(await line()).toHaveLength(places);
    await propose(second, "CANCELLED", true);
    expect(await line()).toEqual([]);
  },
);

test("a run that is cancelled while its deployment's limit is asked leaves no place in its line", async () => {
  const { submit, propose, line } = await createShortPair();
  const [first, second] = [await submit(), await submit()];
  await propose(first);
  await Promise.all([propose(second), propose(second, "CANCELLED", true)]);
  expect(await line()).toEqual([]);
});

test.each([
  ["1", 1],
  ["0, by now", 0],
])(
  "agents claim while a run with a place in the line of a deployment with a limit of %s is due",
  async (_, concurrency_limit) => {
    const { pool, submit, propose, elapse, deployment } = await createShortPair();
    const [first, second] = [await submit(), await submit()];
    await propose(first);
    await propose(second);
    if (concurrency_limit === 0)
      await pool.do("put_deployment", { ...deployment, revision: 2, concurrency_limit });
    await elapse(31_000);
    await pool.beat();
    const claim = {
      worker_name: "gpu-1",
      session_id: SESSION,
      attempt_ids: [attemptId(1)],
      work_queue_names: [],
    };
    for (let times = 0; times < 3; times += 1) {
      expect(await pool.do("claim", claim)).toMatchObject({ claims: [] });
      await elapse(30_000);
    }
    expect(pool.host.events).toEqual([]);
  },
);

/** What happens at the limit between its answer to the next question and the pool's hearing of it. */
function beforeNextAnswer(pool: TestPool, act: () => Promise<unknown>): void {
  const answered = pool.answer;
  pool.answer = async (envelope) => {
    const result = await answered(envelope);
    if (envelope.operation !== "acquire") return result;
    pool.answer = answered;
    await act();
    return result;
  };
}

test("a run whose place is granted while its next proposal is refused takes that slot", async () => {
  const { pool, submit, propose, endHolders, elapse } = await createShortPair();
  const [first, second] = [await submit(), await submit()];
  await propose(first);
  expect((await propose(second)).result.status).toBe("REJECT");
  await elapse(31_000);
  beforeNextAnswer(pool, endHolders);
  expect((await propose(second)).result.status).toBe("ACCEPT");
});

test("a run whose place and whose next proposal are both granted has one slot", async () => {
  const { pool, ask, submit, propose, used } = await createShortPair();
  const [first, second] = [await submit(), await submit()];
  await propose(first);
  await propose(second);
  const place = () =>
    pool.host.sql.all<{ slot_request_id: string }>(
      "SELECT slot_request_id FROM flow_run WHERE id = ?",
      second,
    )[0]?.slot_request_id;
  const before = place();
  beforeNextAnswer(pool, async () => {
    void ask("update", { limit: 3 });
    // The word of the grant of the later request comes last.
    await expect.poll(place).not.toBe(before);
  });
  await propose(second);
  await pool.advance(30_000);
  expect(await used()).toBe(2);
});

test("a place in line outlives the refusal before it", async () => {
  const { ask, submit, propose, claim, line, elapse } = await createShortPair();
  await ask("update", { limit: 0 });
  const waiting = await submit();
  await claim();
  await ask("update", { limit: 1 });
  await propose(await submit());
  expect((await propose(waiting)).result.status).toBe("REJECT");
  await elapse(31_000);
  expect(await line()).toEqual([waiting]);
  await propose(waiting, "CANCELLED", true);
  expect(await line()).toEqual([]);
});

test("a slot that a run has by the word of its grant stays its own when it finds its pool full then", async () => {
  const { pool, submit, used } = await createPair({ concurrency_limit: 2 });
  await pool.do("update", { concurrency_limit: 1 });
  const [first, second] = [await submit(), await submit()];
  const answered = pool.answer;
  const pending = (id: string) =>
    pool.do("set_state", { id, state: { type: "PENDING" }, is_forced: false, run: null });
  // The word overtakes the answer to the question.
  pool.answer = async (envelope) => {
    const result = await answered(envelope);
    if (envelope.operation !== "acquire" || !result.ok) return result;
    const { lease_id } = result.value as Grant;
    const { holder } = envelope.command as { holder: { id: string } };
    await pool.receive({
      v: ENVELOPE_VERSION,
      address: pool.host.address,
      actor: "limit",
      request_id: `granted-${lease_id}`,
      operation: "deployment_slot_granted",
      command: {
        flow_run_id: holder.id,
        lease_id,
        request_id: envelope.request_id,
        expires_at: pool.clock.now + 60_000,
      },
    });
    return result;
  };
  const answers = await Promise.all([pending(first), pending(second)]);
  expect(answers.map(({ result }) => result.status).toSorted()).toEqual(["ABORT", "ACCEPT"]);
  expect(await used()).toBe(2);
  const begun = answers[0]?.result.status === "ACCEPT" ? first : second;
  await pool.do("set_state", { id: begun, state: { type: "COMPLETED" }, is_forced: true, run: null });
  expect((await pending(begun === first ? second : first)).result.status).toBe("ACCEPT");
  expect(await used()).toBe(1);
});

test("Prefect's own proposal of PENDING waits for the limit's answer and gets it", async () => {
  const { pool, submit, used } = await createPair();
  const [first, second] = [await submit(), await submit()];
  const pending = (id: string) =>
    pool.do("set_state", { id, state: { type: "PENDING" }, is_forced: false, run: null });
  const taken = await pending(first);
  expect(taken.result).toMatchObject({ status: "ACCEPT", state: { type: "PENDING" } });
  const refused = await pending(second);
  expect(refused.result).toMatchObject({
    status: "REJECT",
    state: { type: "SCHEDULED", name: "AwaitingConcurrencySlot" },
  });
  expect(await used()).toBe(1);
  await pool.do("set_state", { id: first, state: { type: "RUNNING" }, is_forced: false, run: null });
  await pool.do("set_state", { id: first, state: { type: "COMPLETED" }, is_forced: false, run: null });
  // The slot went to the second, which does not have to wait out its thirty seconds.
  expect(await used()).toBe(1);
  const visible = await pool.do("get_scheduled", {
    work_queue_names: null,
    scheduled_before: new Date(pool.clock.now + 10_000).toISOString().replace("Z", "000Z"),
    scheduled_after: null,
    limit: 10,
    csrf_client: null,
  });
  expect(visible.map(({ id }) => id)).toEqual([second]);
  expect((await pending(second)).result.status).toBe("ACCEPT");
  expect(await used()).toBe(1);
});

test("runs of a full deployment stand in its line, and in the way of nobody that Prefect's worker asks for", async () => {
  const { pool, ask, submit, used } = await createPair();
  const poll = (limit: number) =>
    pool.do("get_scheduled", {
      work_queue_names: null,
      scheduled_before: new Date(pool.clock.now + 10_000).toISOString().replace("Z", "000Z"),
      scheduled_after: null,
      limit,
      csrf_client: null,
    });
  const pending = (id: string) =>
    pool.do("set_state", { id, state: { type: "PENDING" }, is_forced: false, run: null });
  const first = await submit();
  const blocked: string[] = [];
  for (let index = 0; index < 250; index += 1) blocked.push(await submit());
  const other = { deployment_id: "0f9a1c52-0000-4000-8000-0000000000d2" };
  const free = await pool.do("create_run", { draft: draftOf(other), deployment: null });
  // Only as many as there is room for are handed out; the first one to come has it.
  expect((await poll(3)).map(({ id }) => id)).toEqual([first]);
  expect(await ask("list_waiters", { offset: 0, limit: 3 })).toEqual([]);
  await pending(first);
  expect((await poll(3)).map(({ id }) => id)).toEqual([free.flow_run.id]);
  const line = (await ask("list_waiters", { offset: 0, limit: 3 })) as { holder: { id: string } | null }[];
  expect(line.map(({ holder }) => holder?.id)).toEqual(blocked.slice(0, 3));
  await pool.do("set_state", { id: first, state: { type: "RUNNING" }, is_forced: false, run: null });
  await pool.do("set_state", { id: first, state: { type: "COMPLETED" }, is_forced: false, run: null });
  expect((await poll(3)).map(({ id }) => id)).toEqual([blocked[0], free.flow_run.id]);
  expect((await pending(blocked[0]!)).result.status).toBe("ACCEPT");
  expect(await used()).toBe(1);
});

test("CANCEL_NEW cancels what finds no slot and leaves no place in line", async () => {
  const { pool, ask, submit, claim } = await createPair({ collision_strategy: "CANCEL_NEW" });
  const [first, second] = [await submit(), await submit()];
  await claim();
  const { claims } = await claim();
  expect(claims.map(({ flow_run }) => flow_run.id)).toEqual([first]);
  expect(await pool.do("read_run", { id: second })).toMatchObject({ state_type: "CANCELLED" });
  expect(await ask("list_waiters", { offset: 0, limit: 10 })).toEqual([]);
});

test("CANCEL_NEW cancels what is late while the limit is full, and only then", async () => {
  const { pool, submit, claim, elapse, used } = await createPair({ collision_strategy: "CANCEL_NEW" });
  const first = await submit();
  await claim();
  const running = (await claim()).claims;
  expect(running.map(({ flow_run }) => flow_run.id)).toEqual([first]);
  const second = await submit();
  await elapse(16_000);
  expect(await pool.do("read_run", { id: second })).toMatchObject({
    state_type: "CANCELLED",
    state: { message: "Deployment concurrency limit reached." },
  });
  for (const one of running) await finish(pool, one);
  // Looking took no slot: two that are late together do not cancel each other.
  const late = [await submit(), await submit()];
  await elapse(16_000);
  for (const id of late) expect(await pool.do("read_run", { id })).toMatchObject({ state_name: "Late" });
  expect(await used()).toBe(0);
  expect(pool.host.sql.all("SELECT * FROM intent")).toEqual([]);
});

test("CANCEL_NEW cancels what is late under a limit of 0 without asking", async () => {
  const { pool, submit, elapse } = await createPair({
    collision_strategy: "CANCEL_NEW",
    concurrency_limit: 0,
  });
  const id = await submit();
  pool.calls.length = 0;
  await elapse(16_000);
  expect(await pool.do("read_run", { id })).toMatchObject({ state_type: "CANCELLED" });
  expect(pool.calls.filter(({ operation }) => operation === "read")).toEqual([]);
});

test("a cancelled or deleted run leaves the line of its deployment's limit", async () => {
  const { pool, ask, submit, claim } = await createPair();
  const [, second, third] = [await submit(), await submit(), await submit()];
  await claim(3);
  expect(await ask("list_waiters", { offset: 0, limit: 10 })).toHaveLength(2);
  await pool.do("set_state", { id: second, state: { type: "CANCELLING" }, is_forced: false, run: null });
  await pool.do("delete_run", { id: third });
  expect(await ask("list_waiters", { offset: 0, limit: 10 })).toEqual([]);
});

test("a run that is deleted while its slot is there for it leaves the slot to the next at once", async () => {
  const { pool, submit, used, claim } = await createPair();
  const [first, second] = [await submit(), await submit()];
  await claim();
  expect(await used()).toBe(1);
  await pool.do("delete_run", { id: first });
  expect((await claim()).claims.map(({ flow_run }) => flow_run.id)).toEqual([second]);
});

test("eviction between the question and the answer loses neither the run nor the slot", async () => {
  const { pool, submit, used, claim } = await createPair();
  const id = await submit();
  await claim();
  await pool.evict();
  const { claims } = await claim();
  expect(claims.map(({ flow_run }) => flow_run.id)).toEqual([id]);
  expect(await used()).toBe(1);
  const [only] = claims;
  if (only !== undefined) await finish(pool, only);
  expect(await used()).toBe(0);
  expect(pool.host.events).toEqual([]);
});

test("a limit of 0 holds its deployment's runs without a storm of questions, and a raise lets them go", async () => {
  const { pool, ask, submit, claim, deployment } = await createPair({ concurrency_limit: 0 });
  const id = await submit();
  pool.calls.length = 0;
  for (let round = 0; round < 5; round += 1) expect((await claim()).claims).toEqual([]);
  expect(pool.calls.filter(({ operation }) => operation === "acquire").length).toBeLessThanOrEqual(1);
  expect(await pool.do("explain_run", { id })).toMatchObject({ reason: "deployment_full" });
  await pool.do("put_deployment", { ...deployment, revision: 2, concurrency_limit: 1 });
  await ask("update", { limit: 1 });
  await claim();
  const { claims } = await claim();
  expect(claims.map(({ flow_run }) => flow_run.id)).toEqual([id]);
});

test("a parked run that was cancelled and is run again starts afresh", async () => {
  const { pool, submit, claim } = await createPair({ concurrency_limit: 0 });
  const id = await submit();
  await claim();
  await pool.do("set_state", { id, state: { type: "CANCELLING" }, is_forced: false, run: null });
  expect(await pool.do("read_run", { id })).toMatchObject({ state_type: "CANCELLED" });
  expect(pool.host.sql.all("SELECT * FROM deadline")).toEqual([]);
  await pool.do("set_state", { id, state: { type: "SCHEDULED" }, is_forced: false, run: null });
  await pool.advance(5);
  expect(pool.host.sql.all("SELECT run_id FROM ready")).toEqual([{ run_id: id }]);
});

test("a limit that was raised by hand lets the runs go that it had refused", async () => {
  const { ask, submit, claim, elapse } = await createPair({ concurrency_limit: 0 });
  const id = await submit();
  await claim();
  await ask("update", { limit: 1 });
  expect((await claim()).claims).toEqual([]);
  await elapse(31_000);
  await claim();
  expect((await claim()).claims.map(({ flow_run }) => flow_run.id)).toEqual([id]);
});

test("a limit that is gone holds nobody back", async () => {
  const { pool, ask, submit, claim, deployment } = await createPair();
  await ask("delete", { is_forced: true });
  const id = await submit();
  pool.wakes.length = 0;
  await claim();
  expect((await claim()).claims.map(({ flow_run }) => flow_run.id)).toEqual([id]);
  expect(pool.wakes.length).toBeLessThan(10);
  expect(deployment.concurrency_limit).toBe(1);
});

test("runs that wait for a limit that is disabled go at once", async () => {
  const { ask, submit, claim } = await createPair();
  const [first, second] = [await submit(), await submit()];
  await claim();
  expect((await claim()).claims.map(({ flow_run }) => flow_run.id)).toEqual([first]);
  await ask("update", { active: false });
  expect((await claim()).claims.map(({ flow_run }) => flow_run.id)).toEqual([second]);
});

/** Lets a test act after the limit has answered an acquire and before the pool hears of it. */
function intercept(pool: TestPool, act: (result: Result<unknown>) => Promise<Result<unknown>>): void {
  const { answer } = pool;
  pool.answer = async (envelope) => {
    if (envelope.operation !== "acquire") return answer(envelope);
    pool.answer = answer;
    return act(await answer(envelope));
  };
}

test("a grant that overtakes the refusal of a proposal is taken", async () => {
  const { pool, endHolders, submit, used } = await createPair();
  const [first, second] = [await submit(), await submit()];
  const pending = (id: string) =>
    pool.do("set_state", { id, state: { type: "PENDING" }, is_forced: false, run: null });
  await pending(first);
  intercept(pool, async (refused) => {
    await endHolders();
    return refused;
  });
  expect((await pending(second)).result).toMatchObject({ status: "ACCEPT", state: { type: "PENDING" } });
  expect(await used()).toBe(1);
});

test("a slot that ended before its grant was heard is asked for again, not gone without", async () => {
  const { pool, endHolders, submit, used, claim, elapse } = await createPair();
  const id = await submit();
  intercept(pool, async () => {
    await endHolders();
    return refuse("unavailable");
  });
  await claim();
  await elapse(300);
  const { claims } = await claim();
  expect(claims.map(({ flow_run }) => flow_run.id)).toEqual([id]);
  expect(await used()).toBe(1);
});

test("the word of a slot that comes when the slot has ended lets nobody go", async () => {
  const { pool, wire, ask, submit, used, claim, elapse } = await createPair();
  await submit();
  await claim();
  const [running] = (await claim()).claims;
  if (running === undefined) throw new Error("nothing was claimed");
  await submit();
  await claim();
  wire.isCut = true;
  await finish(pool, running);
  expect(await used()).toBe(1);
  await elapse(71_000);
  expect(await used()).toBe(0);
  const other = { names: [NAME], request_id: "other", slots: 1, mode: "concurrency", lease_seconds: 3600 };
  const caller = { type: "request" };
  const { status } = (await ask("acquire", {
    ...other,
    members: [],
    wait_seconds: 0,
    priority: 0,
    caller,
    run: null,
  })) as { status: string };
  expect(status).toBe("granted");
  wire.isCut = false;
  await elapse(60_000);
  for (let round = 0; round < 3; round += 1) {
    expect((await claim()).claims).toEqual([]);
    expect(await used()).toBe(1);
    await elapse(5000);
  }
});

test("a run that went on with its slot keeps it when its request is answered at last", async () => {
  const { pool, endHolders, submit, used, claim, elapse } = await createPair();
  const first = await submit();
  await claim(1);
  expect((await claim(1)).claims.map(({ flow_run }) => flow_run.id)).toEqual([first]);
  const second = await submit();
  intercept(pool, async () => {
    await endHolders();
    const claimed = await pool.receive({
      v: ENVELOPE_VERSION,
      address: pool.host.address,
      actor: "test",
      request_id: crypto.randomUUID(),
      operation: "claim",
      command: {
        worker_name: "gpu-1",
        session_id: SESSION,
        attempt_ids: [attemptId(99)],
        work_queue_names: [],
      },
    });
    expect(claimed).toMatchObject({ ok: true, value: { claims: [{ flow_run: { id: second } }] } });
    return refuse("unavailable");
  });
  await claim(1);
  await elapse(300);
  expect(await used()).toBe(1);
  expect((await pool.do("read_run", { id: second })).state_type).toBe("PENDING");
});

test("what a limit has given to a run that is gone when the answer comes goes back", async () => {
  const { pool, submit, used, claim, elapse, endHolders } = await createPair();
  const id = await submit();
  await claim();
  const [running] = (await claim()).claims;
  if (running === undefined) throw new Error("nothing was claimed");
  await endHolders();
  // The limit hears what it is asked, and that it has granted another slot is lost.
  const answered = pool.answer;
  pool.answer = async (envelope) => {
    const answer = await answered(envelope);
    return envelope.operation === "acquire" ? refuse("unavailable") : answer;
  };
  const { attempt_id, fence } = running;
  const run = { flow_run_id: id, attempt_id, fence };
  const beginning = pool.ask("set_state", { id, state: { type: "RUNNING" }, is_forced: false, run });
  await elapse(1000);
  expect(await used()).toBe(1);
  await finish(pool, running);
  await pool.do("delete_run", { id });
  pool.answer = answered;
  await elapse(60_000);
  await elapse(60_000);
  expect(await used()).toBe(0);
  expect(await beginning).toMatchObject({ error: { code: "not_found" } });
});

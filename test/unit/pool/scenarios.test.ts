import { expect, test } from "vitest";
import type { ClaimedRun } from "../../../src/contract/wire/agents.ts";
import { deriveShardKey } from "../../../src/contract/ids.ts";
import { attemptId, createTestPool, DEPLOYMENT, draftOf, FLOW, SESSION, type TestPool } from "./support.ts";

const at = (ms: number) => new Date(ms).toISOString().replace("Z", "000Z");

async function submit(pool: TestPool, more: Parameters<typeof draftOf>[0] = {}): Promise<string> {
  // Runs of the same millisecond have no order among them.
  await pool.advance(1);
  return (await pool.do("create_run", { draft: draftOf(more), deployment: null })).flow_run.id;
}

async function claim(pool: TestPool, ids: number[], queues: string[] = []): Promise<ClaimedRun[]> {
  const { claims } = await pool.do("claim", {
    worker_name: "gpu-1",
    session_id: SESSION,
    attempt_ids: ids.map(attemptId),
    work_queue_names: queues,
  });
  return claims;
}

/** Submits one run and brings it to RUNNING under the agent. */
async function launch(pool: TestPool, index = 1) {
  const id = await submit(pool);
  await pool.beat();
  const [claimed] = await claim(pool, [index]);
  const run = { flow_run_id: id, attempt_id: attemptId(index), fence: claimed?.fence ?? 0 };
  await pool.do("start_attempt", { ...run, infrastructure_pid: "1" });
  await pool.do("set_state", { id, state: { type: "RUNNING" }, is_forced: false, run });
  return { id, run };
}

test("a lost agent's run is Crashed after session and grace, never before, and its limits are visited", async () => {
  const pool = await createTestPool();
  const { id, run } = await launch(pool);
  const key = deriveShardKey("limit", "default", "gpu:gpu-1");
  await pool.do("note_limit", { run, limit_key: key });
  await pool.do("note_limit", { run, limit_key: key });
  // It becomes due between the session's deadline and the end of its grace, so the pool looks at its deadlines then.
  const scheduled_time = at(pool.clock.now + 65_000);
  await submit(pool, { state: { type: "SCHEDULED", state_details: { scheduled_time } } });
  await pool.advance(68_990);
  expect(await pool.do("read_run", { id })).toMatchObject({ state_type: "RUNNING" });
  pool.calls.length = 0;
  await pool.advance(2000);
  const crashed = await pool.do("read_run", { id });
  expect(crashed).toMatchObject({ state_type: "CRASHED", infrastructure_pid: "1" });
  expect(crashed.state?.message).toContain("gpu-1");
  const visits = pool.calls.filter(({ operation }) => operation === "end_attempt");
  expect(visits.map(({ address, command }) => [address.key, command])).toEqual([
    [key, { flow_run_id: id, attempt_id: run.attempt_id }],
  ]);
  // What the process still does counts for nothing: a late note is passed on at once.
  await pool.do("note_limit", { run, limit_key: key });
  expect(pool.calls.filter(({ operation }) => operation === "end_attempt")).toHaveLength(2);
  expect(await pool.beat({ attempt_ids: [run.attempt_id] })).toMatchObject({
    ended_attempt_ids: [run.attempt_id],
  });
});

test("what a run that is deleted under its process had taken is visited, too", async () => {
  const pool = await createTestPool();
  const { id, run } = await launch(pool);
  const key = deriveShardKey("limit", "default", "gpu:gpu-1");
  await pool.do("note_limit", { run, limit_key: key });
  pool.calls.length = 0;
  await pool.do("delete_run", { id });
  const visits = pool.calls.filter(({ operation }) => operation === "end_attempt");
  expect(visits.map(({ address, command }) => [address.key, command])).toEqual([
    [key, { flow_run_id: id, attempt_id: run.attempt_id }],
  ]);
});

test("who has a run's attempt id but not its fence changes nothing", async () => {
  const pool = await createTestPool();
  const { id, run } = await launch(pool);
  for (const fence of [run.fence - 1, run.fence + 1]) {
    const stale = { ...run, fence };
    const gone = { ok: false, error: { code: "gone" } };
    expect(await pool.ask("start_attempt", { ...stale, infrastructure_pid: "2" })).toMatchObject(gone);
    const end = { outcome: "exited", exit_code: 1, signal: null, sets_own_state: false, message: null };
    expect(await pool.ask("end_attempt", { ...stale, ...end })).toMatchObject(gone);
    await pool.ask("set_state", { id, state: { type: "FAILED" }, is_forced: true, run: stale });
    expect(await pool.do("read_run", { id })).toMatchObject({
      state_type: "RUNNING",
      infrastructure_pid: "1",
    });
  }
});

test("an attempt that has ended is given nothing when its claim is sent again", async () => {
  const pool = await createTestPool();
  const { run } = await launch(pool);
  const end = {
    outcome: "exited",
    exit_code: 0,
    signal: null,
    sets_own_state: false,
    message: null,
  } as const;
  await pool.do("end_attempt", { ...run, ...end });
  await submit(pool);
  expect(await claim(pool, [1])).toEqual([]);
  expect(await claim(pool, [2])).toHaveLength(1);
});

test("a lost agent's run is run again where the pool says so", async () => {
  const pool = await createTestPool();
  await pool.do("update", { lost_run_policy: "reschedule" });
  const { id, run } = await launch(pool);
  await pool.advance(71_000);
  expect(await pool.do("read_run", { id })).toMatchObject({
    state_type: "SCHEDULED",
    infrastructure_pid: null,
  });
  await pool.beat();
  const [again] = await claim(pool, [2]);
  expect(again).toMatchObject({ flow_run: { id }, fence: run.fence + 1 });
});

test("nothing expires while a server that has just started waits to hear from its agents", async () => {
  const pool = await createTestPool({ expiry_floor: Date.UTC(2026, 10, 22, 12) + 300_000 });
  const { id } = await launch(pool);
  await pool.advance(305_000);
  expect(await pool.do("read_run", { id })).toMatchObject({ state_type: "RUNNING" });
  await pool.advance(10_000);
  expect(await pool.do("read_run", { id })).toMatchObject({ state_type: "CRASHED" });
});

test("a beat is a write only when half the session has passed", async () => {
  const pool = await createTestPool();
  await pool.beat();
  const changes = () => pool.host.sql.all<{ n: number }>("SELECT total_changes() AS n")[0]?.n ?? 0;
  const before = changes();
  await pool.advance(20_000);
  expect(await pool.beat()).toMatchObject({ expires_in_seconds: 40 });
  expect(changes()).toBe(before);
  await pool.advance(20_000);
  expect(await pool.beat()).toMatchObject({ expires_in_seconds: 60 });
  expect(changes()).toBe(before + 1);
});

test("an idle agent costs no alarm", async () => {
  const pool = await createTestPool();
  await pool.beat();
  await pool.advance(5000);
  expect(pool.host.alarm_at).toBeNull();
});

test("an agent that has nothing to do need not beat: its pings keep it online, its next claim begins the session anew", async () => {
  const pool = await createTestPool();
  const list = async () => (await pool.do("filter_workers", { limit: 10, offset: 0 }))[0];
  const changes = () => pool.host.sql.all<{ n: number }>("SELECT total_changes() AS n")[0]?.n ?? 0;
  expect((await pool.beat()).idle_poll_seconds).toBeGreaterThan(60);
  // Between two pings of the socket a shorter session would seem to be over.
  expect((await pool.beat({ session_seconds: 30 })).idle_poll_seconds).toBeUndefined();
  await pool.beat();
  const before = changes();
  await pool.advance(3_600_000);
  pool.pings.set("gpu-1", pool.clock.now - 20_000);
  expect(await list()).toMatchObject({
    status: "ONLINE",
    last_heartbeat_time: at(pool.clock.now - 20_000),
  });
  const queues = await pool.do("filter_queues", { limit: 10, offset: 0 });
  expect(queues).toMatchObject([{ status: "READY", last_polled: at(pool.clock.now) }]);
  expect(await pool.do("read", {})).toMatchObject({ status: "READY" });
  const other = { session_id: attemptId(0x77), process: { host: "node-8", pid: 1, started_at: "" } };
  const stranger = await pool.ask("beat", {
    ...other,
    name: "gpu-1",
    session_seconds: 60,
    labels: {},
    gpus: [],
  });
  expect(stranger).toMatchObject({ ok: false, error: { code: "conflict" } });
  // A claim that gives nothing writes nothing.
  expect(await claim(pool, [1])).toEqual([]);
  expect(changes()).toBe(before);
  await submit(pool);
  const given = await pool.do("claim", {
    worker_name: "gpu-1",
    session_id: SESSION,
    attempt_ids: [attemptId(1)],
    work_queue_names: [],
  });
  expect(given).toMatchObject({ claims: [{ attempt_id: attemptId(1) }], session_expires_in_seconds: 60 });
  const [{ flow_run, fence } = expect.fail("nothing was given")] = given.claims;
  const run = { flow_run_id: flow_run.id, attempt_id: attemptId(1), fence };
  await pool.do("start_attempt", { ...run, infrastructure_pid: "1" });
  await pool.advance(69_000);
  expect(await pool.do("read_run", { id: flow_run.id })).not.toMatchObject({ state_type: "CRASHED" });
  // Pings do not stand for beats while something runs, and a lapsed session is not begun anew by asking for more.
  pool.pings.set("gpu-1", pool.clock.now);
  const more = {
    worker_name: "gpu-1",
    session_id: SESSION,
    attempt_ids: [attemptId(2)],
    work_queue_names: [],
  };
  expect(await pool.ask("claim", more)).toMatchObject({ ok: false, error: { code: "gone" } });
  await pool.advance(1000);
  expect(await pool.do("read_run", { id: flow_run.id })).toMatchObject({ state_type: "CRASHED" });
});

test("when the socket of an idle agent closes, what its pings told is written down; without it, it is soon OFFLINE", async () => {
  const pool = await createTestPool();
  await pool.beat();
  const list = async () => (await pool.do("filter_workers", { limit: 10, offset: 0 }))[0];
  await pool.advance(3_600_000);
  const heard_at = pool.clock.now - 5000;
  await pool.do("socket_closed", { name: "gpu-1", heard_at });
  expect(await list()).toMatchObject({ status: "ONLINE", last_heartbeat_time: at(heard_at) });
  await pool.advance(55_000);
  expect(await list()).toMatchObject({ status: "OFFLINE", last_heartbeat_time: at(heard_at) });
  // While it has another one, or for a name that nobody has, a close changes nothing.
  await pool.do("socket_closed", { name: "nobody", heard_at });
  pool.pings.set("gpu-1", pool.clock.now);
  await pool.beat();
  const heard = (await list())?.last_heartbeat_time;
  await pool.do("socket_closed", { name: "gpu-1", heard_at });
  expect(await list()).toMatchObject({ status: "ONLINE", last_heartbeat_time: heard });
});

test("after a restart an idle agent whose socket was open counts as online for as long as everybody is waited for", async () => {
  const pool = await createTestPool({ expiry_floor: Date.UTC(2026, 10, 22, 13, 0, 30) });
  const other = { session_id: attemptId(0x77), process: { host: "node-8", pid: 1, started_at: "" } };
  const rival = { ...other, session_seconds: 60, work_queue_names: [], labels: {}, gpus: [] };
  const online = async () =>
    (await pool.do("filter_workers", { limit: 10, offset: 0 })).map(({ status }) => status);
  await pool.beat({ name: "closed" });
  await pool.beat({ name: "open" });
  await pool.do("socket_closed", { name: "closed", heard_at: pool.clock.now });
  // An hour later the server is killed, and starts again.
  await pool.advance(3_600_000);
  expect(await online()).toEqual(["OFFLINE", "ONLINE"]);
  expect(await pool.ask("beat", { ...rival, name: "open" })).toMatchObject({ error: { code: "conflict" } });
  expect(await pool.ask("beat", { ...rival, name: "closed" })).toMatchObject({ ok: true });
  await pool.advance(30_000);
  expect(await online()).toEqual(["ONLINE", "OFFLINE"]);
  expect(await pool.ask("beat", { ...rival, name: "open" })).toMatchObject({ ok: true });
});

test("a name whose session lives belongs to its agent: another one is told whose it is and changes nothing", async () => {
  const pool = await createTestPool();
  const owner = { host: "node-7", pid: 41, started_at: "2026-11-22T04:08:34Z" };
  const { run } = await launch(pool);
  await pool.beat({ process: owner, attempt_ids: [run.attempt_id] });
  const other = {
    name: "gpu-1",
    session_id: attemptId(0x77),
    session_seconds: 60,
    work_queue_names: [],
    labels: {},
    gpus: [],
    process: { ...owner, host: "node-8" },
  };
  await pool.advance(59_000);
  const refused = await pool.ask("beat", other);
  expect(refused).toMatchObject({ ok: false, error: { code: "conflict" } });
  expect(JSON.stringify(refused)).toMatch(/node-7 \(process 41, since 2026.*--name.*free in 1 s/);
  // The one that has it goes on, from another process, too.
  const restarted = { process: { ...owner, pid: 42 }, attempt_ids: [run.attempt_id] };
  expect(await pool.beat(restarted)).toMatchObject({ expires_in_seconds: 60, ended_attempt_ids: [] });
  // Its goodbye frees the name at once, silence when the session is over.
  await pool.do("end_session", { name: "gpu-1", session_id: SESSION });
  expect(await pool.ask("beat", other)).toMatchObject({ ok: true });
  expect(await pool.ask("beat", { ...other, session_id: SESSION })).toMatchObject({ ok: false });
  await pool.advance(60_000);
  expect(await pool.ask("beat", { ...other, session_id: SESSION })).toMatchObject({ ok: true });
});

test("a restarted agent keeps the runs that it names, and the others go when the old session would have", async () => {
  const pool = await createTestPool();
  const kept = await launch(pool, 1);
  const lost = await launch(pool, 2);
  const session_id = attemptId(0x77);
  await pool.advance(10_000);
  const answer = await pool.beat({ session_id, attempt_ids: [kept.run.attempt_id] });
  expect(answer.ended_attempt_ids).toEqual([]);
  for (let passed = 0; passed < 65; passed += 5) {
    await pool.advance(5000);
    await pool.beat({ session_id, attempt_ids: [kept.run.attempt_id] });
  }
  expect(await pool.do("read_run", { id: kept.id })).toMatchObject({ state_type: "RUNNING" });
  expect(await pool.do("read_run", { id: lost.id })).toMatchObject({ state_type: "CRASHED" });
  // The old session is no more: it may not claim.
  const old = await pool.ask("claim", {
    worker_name: "gpu-1",
    session_id: SESSION,
    attempt_ids: [attemptId(9)],
    work_queue_names: [],
  });
  expect(old).toMatchObject({ ok: false, error: { code: "gone" } });
});

test("a started attempt that its own agent stops naming is given up after a session's time", async () => {
  const pool = await createTestPool();
  const { id } = await launch(pool);
  for (let passed = 0; passed < 55; passed += 5) {
    await pool.beat({ attempt_ids: [] });
    await pool.advance(5000);
  }
  expect(await pool.do("read_run", { id })).toMatchObject({ state_type: "RUNNING" });
  await pool.beat({ attempt_ids: [] });
  await pool.advance(6000);
  expect(await pool.do("read_run", { id })).toMatchObject({ state_type: "CRASHED" });
});

test("a claim that is not started in time goes back to its queue, at its old place", async () => {
  const pool = await createTestPool();
  const [first, second] = [await submit(pool), await submit(pool)];
  await pool.beat();
  expect((await claim(pool, [1])).map(({ flow_run }) => flow_run.id)).toEqual([first]);
  for (let passed = 0; passed < 61; passed += 20) {
    await pool.advance(20_500);
    await pool.beat();
  }
  const again = await claim(pool, [2, 3]);
  expect(again.map(({ flow_run, fence }) => [flow_run.id, fence])).toEqual([
    [first, 2],
    [second, 1],
  ]);
  // The attempt that was given up gets nothing more.
  expect(await claim(pool, [1])).toEqual([]);
  const late = await pool.ask("start_attempt", { flow_run_id: first, attempt_id: attemptId(1), fence: 1 });
  expect(late).toMatchObject({ ok: false, error: { code: "gone" } });
});

test("a claim is given to nobody else while its agent, of which nothing is heard, may run it", async () => {
  const pool = await createTestPool();
  const id = await submit(pool);
  await pool.beat({ session_seconds: 300 });
  await claim(pool, [1]);
  // Sent before the claim, processed after it: the agent counts its session from when it was sent.
  await pool.beat({ session_seconds: 300, attempt_ids: [] });
  await pool.advance(300_000);
  expect(await pool.do("read_run", { id })).toMatchObject({ state_type: "PENDING" });
  await pool.advance(11_000);
  expect(await pool.do("read_run", { id })).toMatchObject({ state_type: "SCHEDULED" });
});

test("a start that is reported when the session is over ends nothing before the claim would have lapsed", async () => {
  const pool = await createTestPool();
  const id = await submit(pool);
  await pool.beat();
  await pool.advance(29_000);
  await claim(pool, [1]);
  await pool.advance(45_000);
  await pool.do("start_attempt", {
    flow_run_id: id,
    attempt_id: attemptId(1),
    fence: 1,
    sets_own_state: false,
  });
  await pool.advance(1000);
  expect(await pool.do("read_run", { id })).toMatchObject({ state_type: "RUNNING" });
  await pool.advance(25_000);
  expect(await pool.do("read_run", { id })).toMatchObject({ state_type: "CRASHED" });
});

test("a claim whose start was not reported stays with the agent that names it", async () => {
  const pool = await createTestPool();
  const id = await submit(pool);
  await pool.beat();
  await claim(pool, [1]);
  for (let passed = 0; passed < 100; passed += 20) {
    await pool.advance(20_000);
    await pool.beat({ attempt_ids: [attemptId(1)] });
  }
  expect(await pool.do("read_run", { id })).toMatchObject({ state_type: "PENDING" });
  expect(await claim(pool, [2])).toEqual([]);
});

test("queues go by priority, runs by time; limits and pauses hold; the reason says why", async () => {
  const pool = await createTestPool();
  await pool.do("create_queue", { name: "fast", priority: 1 });
  const slow = await submit(pool);
  const quick = await submit(pool, { work_queue_name: "fast" });
  const ask = (ids: number[]) =>
    pool.do("claim", {
      worker_name: "gpu-1",
      session_id: SESSION,
      attempt_ids: ids.map(attemptId),
      work_queue_names: [],
    });
  await pool.beat();
  await pool.do("update", { is_paused: true });
  expect(await ask([1])).toMatchObject({ claims: [], reason: "pool_paused" });
  expect(await pool.do("explain_run", { id: slow })).toMatchObject({ reason: "pool_paused" });
  await pool.do("update", { is_paused: false, concurrency_limit: 1 });
  const one = await ask([1, 2]);
  expect(one).toMatchObject({ reason: "pool_full" });
  expect(one.claims.map(({ flow_run }) => flow_run.id)).toEqual([quick]);
  expect(await pool.do("explain_run", { id: slow })).toMatchObject({
    reason: "pool_full",
    position: 1,
    blocking: { kind: "work_pool", name: "ml-pool", work_pool_name: null },
  });
  await pool.do("update", { concurrency_limit: null });
  await pool.do("update_queue", { name: "default", update: { is_paused: true } });
  expect(await ask([2])).toMatchObject({ claims: [], reason: "queue_paused" });
  await pool.do("update_queue", { name: "default", update: { is_paused: false, concurrency_limit: 0 } });
  expect(await ask([2])).toMatchObject({ claims: [], reason: "queue_full" });
  await pool.do("update_queue", { name: "default", update: { concurrency_limit: null } });
  expect((await ask([2])).claims.map(({ flow_run }) => flow_run.id)).toEqual([slow]);
});

test("a new unknown queue comes into being with its first run; one that is deleted gives its runs to the default", async () => {
  const pool = await createTestPool();
  const id = await submit(pool, { work_queue_name: "new" });
  const queue = await pool.do("read_queue", { name: "new" });
  expect(queue.priority).toBe(2);
  await pool.do("update_queue", { id: queue.id, update: { name: "newer" } });
  expect(await pool.do("read_run", { id })).toMatchObject({ work_queue_name: "newer" });
  const inNewer = { flow_runs: { work_queue_name: { any_: ["newer"] } } };
  expect(await pool.do("count_runs", { filter: inNewer })).toBe(1);
  pool.wakes.length = 0;
  await pool.do("delete_queue", { id: queue.id });
  expect(pool.wakes).toEqual([{ reason: "run_ready", worker_name: undefined }]);
  expect(await pool.do("read_run", { id })).toMatchObject({ work_queue_name: "default" });
  await pool.beat();
  expect((await claim(pool, [1])).map(({ flow_run }) => flow_run.id)).toEqual([id]);
  expect(await pool.ask("delete_queue", { name: "default" })).toMatchObject({
    ok: false,
    error: { code: "conflict" },
  });
});

test("a future run becomes due by the alarm, wakes agents, and is Late when nobody takes it", async () => {
  const pool = await createTestPool();
  const id = await submit(pool, {
    state: { type: "SCHEDULED", state_details: { scheduled_time: at(pool.clock.now + 30_000) } },
  });
  await pool.beat();
  expect(await claim(pool, [1])).toEqual([]);
  expect(await pool.do("explain_run", { id })).toMatchObject({ reason: "not_due" });
  pool.wakes.length = 0;
  await pool.advance(30_000);
  expect(pool.wakes).toEqual([{ reason: "run_ready", worker_name: undefined }]);
  await pool.advance(15_100);
  expect(await pool.do("read_run", { id })).toMatchObject({ state_type: "SCHEDULED", state_name: "Late" });
  await pool.beat();
  expect(await claim(pool, [1])).toHaveLength(1);
});

test("a cancelled run of an agent: the agent is told, and the server ends it alone if nobody answers", async () => {
  const pool = await createTestPool();
  const { id, run } = await launch(pool);
  pool.wakes.length = 0;
  await pool.do("set_state", { id, state: { type: "CANCELLING" }, is_forced: false, run: null });
  expect(pool.wakes).toContainEqual({ reason: "cancel", worker_name: "gpu-1" });
  expect(await pool.beat({ attempt_ids: [run.attempt_id] })).toMatchObject({ cancelling: [id] });
  // The agent reports the process that it has just started.
  await pool.do("set_state", { id, state: { type: "RUNNING" }, is_forced: false, run: null });
  expect(await pool.do("read_run", { id })).toMatchObject({ state_type: "CANCELLING" });
  for (let passed = 0; passed < 301; passed += 20) {
    await pool.advance(20_000);
    await pool.beat({ attempt_ids: [run.attempt_id] });
  }
  expect(await pool.do("read_run", { id })).toMatchObject({ state_type: "CANCELLED" });
  // Its process lives as far as anybody knows, so its slot stays taken until the agent says otherwise.
  expect(await pool.beat({ attempt_ids: [run.attempt_id] })).toMatchObject({ cancelling: [id] });
  await pool.do("end_attempt", {
    ...run,
    exit_code: null,
    signal: "SIGKILL",
    outcome: "cancelled",
    sets_own_state: true,
  });
  expect(await pool.do("read_run", { id })).toMatchObject({ state_type: "CANCELLED" });
});

test("a failed command with retries left is handed out again as another attempt", async () => {
  const pool = await createTestPool();
  const id = await submit(pool, { empirical_policy: { retries: 1, retry_delay: 5 } });
  await pool.beat();
  for (const attempt of [1, 2]) {
    const [claimed] = await claim(pool, [attempt]);
    const run = { flow_run_id: id, attempt_id: attemptId(attempt), fence: claimed?.fence ?? 0 };
    expect(claimed?.flow_run.id).toBe(id);
    await pool.do("start_attempt", { ...run });
    await pool.do("set_state", { id, state: { type: "RUNNING" }, is_forced: false, run });
    const end = { ...run, exit_code: 3, signal: null, outcome: "exited" as const, sets_own_state: false };
    await pool.do("end_attempt", end);
    if (attempt === 1) {
      expect(await pool.do("read_run", { id })).toMatchObject({ state_name: "AwaitingRetry" });
      expect(await claim(pool, [7])).toEqual([]);
      await pool.advance(5000);
    }
  }
  const failed = await pool.do("read_run", { id });
  expect(failed).toMatchObject({ state_type: "FAILED", run_count: 2 });
  expect(failed.state?.message).toContain("code 3");
});

test("an engine that exits without a terminal state is Crashed, exit 0 or not; a suspended one is left alone", async () => {
  const pool = await createTestPool();
  const end = { exit_code: 0, signal: null, outcome: "exited" as const, sets_own_state: true };
  const crashed = await launch(pool, 1);
  await pool.do("end_attempt", { ...crashed.run, ...end });
  expect(await pool.do("read_run", { id: crashed.id })).toMatchObject({ state_type: "CRASHED" });
  const suspended = await launch(pool, 2);
  await pool.do("set_state", {
    id: suspended.id,
    state: {
      type: "PAUSED",
      name: "Suspended",
      state_details: { pause_reschedule: true, pause_timeout: at(pool.clock.now + 60_000) },
    },
    is_forced: false,
    run: suspended.run,
  });
  await pool.do("end_attempt", { ...suspended.run, ...end });
  expect(await pool.do("read_run", { id: suspended.id })).toMatchObject({ state_type: "PAUSED" });
  const resumed = await pool.do("resume_run", { id: suspended.id, run_input: null });
  expect(resumed.result).toMatchObject({ status: "ACCEPT", state: { name: "Resuming" } });
  expect((await claim(pool, [3])).map(({ flow_run }) => flow_run.id)).toEqual([suspended.id]);
});

test("a pause that nobody ends fails its run, also where it has no timeout of its own", async () => {
  const pool = await createTestPool();
  const DAYS_MS = 86_400_000;
  const { id, run } = await launch(pool);
  const pause = (state_details: object) =>
    pool.do("set_state", { id, state: { type: "PAUSED", state_details }, is_forced: false, run });
  await pause({ pause_timeout: at(pool.clock.now + 30_000) });
  await pool.advance(31_000);
  expect(await pool.do("read_run", { id })).toMatchObject({ state_type: "FAILED" });

  const { flow_run } = await pool.do("create_run", {
    draft: draftOf({ state: { type: "PAUSED" } }),
    deployment: null,
  });
  const read = () => pool.do("read_run", { id: flow_run.id });
  await pool.advance(29 * DAYS_MS);
  expect(await read()).toMatchObject({ state_type: "PAUSED" });
  await pool.advance(2 * DAYS_MS);
  expect(await read()).toMatchObject({ state_type: "FAILED" });
});

test("the same idempotency key of a flow is the same run", async () => {
  const pool = await createTestPool();
  const draft = draftOf({ idempotency_key: "key" });
  const first = await pool.do("create_run", { draft, deployment: null });
  const again = await pool.do("create_run", { draft, deployment: null });
  expect([again.flow_run.id, again.was_created]).toEqual([first.flow_run.id, false]);
  const other = { ...draft, flow_id: FLOW.replace(/1$/, "2") };
  expect((await pool.do("create_run", { draft: other, deployment: null })).was_created).toBe(true);
});

test("a deleted pool keeps its runs, cancels the scheduled ones, and comes back as another one", async () => {
  const pool = await createTestPool();
  const before = await pool.do("read", {});
  const { id: running, run } = await launch(pool);
  const id = await submit(pool);
  await pool.do("delete", {});
  await pool.advance(10);
  expect(await pool.ask("read", {})).toMatchObject({ ok: false, error: { code: "not_found" } });
  expect(await pool.do("read_run", { id })).toMatchObject({
    state_type: "CANCELLED",
    work_pool_name: "ml-pool",
  });
  const after = await pool.do("create", { name: "ml-pool" });
  expect(after.id).not.toBe(before.id);
  expect(after.default_queue_id).not.toBe(before.default_queue_id);
  expect(await pool.do("filter_queues", { limit: 10, offset: 0 })).toHaveLength(1);
  await pool.advance(71_000);
  expect(await pool.do("read_run", { id: running })).toMatchObject({ state_type: "CRASHED" });
  expect(run.fence).toBe(1);
});

test("schedules replace their planned runs, older revisions lose, removal takes the future away", async () => {
  const pool = await createTestPool();
  const deployment = {
    deployment_id: DEPLOYMENT,
    revision: 2,
    concurrency_limit: null,
    collision_strategy: "ENQUEUE" as const,
    grace_period_seconds: null,
  };
  const planned = (hours: number) =>
    draftOf({
      auto_scheduled: true,
      idempotency_key: `scheduled ${hours}`,
      state: { type: "SCHEDULED", state_details: { scheduled_time: at(pool.clock.now + hours * 3_600_000) } },
    });
  const count = () => pool.do("count_runs", { filter: { deployment_ids: [DEPLOYMENT] } });
  await pool.do("materialize", { deployment, is_replacing: false, runs: [planned(1), planned(2)] });
  await pool.do("materialize", { deployment, is_replacing: false, runs: [planned(1), planned(2)] });
  expect(await count()).toBe(2);
  await pool.do("materialize", { deployment, is_replacing: true, runs: [planned(2), planned(3)] });
  expect(await count()).toBe(2);
  const stale = await pool.ask("materialize", {
    deployment: { ...deployment, revision: 1 },
    is_replacing: true,
    runs: [planned(9)],
  });
  expect(stale).toMatchObject({ ok: false, error: { code: "conflict" } });
  await pool.do("remove_deployment", { deployment_id: DEPLOYMENT, revision: 3 });
  expect(await count()).toBe(0);
});

test("Prefect's poll reserves nothing, keeps to limits, and puts last what another worker was just given", async () => {
  const pool = await createTestPool();
  const ids = [await submit(pool), await submit(pool), await submit(pool)];
  const poll = async (csrf_client: string | null, limit = 10) =>
    (
      await pool.do("get_scheduled", {
        work_queue_names: null,
        scheduled_before: at(pool.clock.now + 10_000),
        scheduled_after: null,
        limit,
        csrf_client,
      })
    ).map(({ id }) => id);
  expect(new Set(await poll("a", 1))).toEqual(new Set(ids.slice(0, 1)));
  expect(await poll("b")).toEqual([ids[1], ids[2], ids[0]]);
  await pool.do("update", { concurrency_limit: 2 });
  expect(await poll(null)).toHaveLength(2);
  const [id = ""] = ids;
  const pending = await pool.do("set_state", { id, state: { type: "PENDING" }, is_forced: false, run: null });
  expect(pending.result.status).toBe("ACCEPT");
  expect(await poll(null)).toHaveLength(1);
  // A second worker that proposes the same loses.
  const second = await pool.do("set_state", { id, state: { type: "PENDING" }, is_forced: false, run: null });
  expect(second.result.status).toBe("ABORT");
  expect(await pool.do("concurrency_status", { limit: 10 })).toMatchObject({ active_slots: 1 });
  const unknown = await pool.ask("get_scheduled", {
    work_queue_names: ["nowhere"],
    scheduled_before: null,
    scheduled_after: null,
    limit: 1,
    csrf_client: null,
  });
  expect(unknown).toMatchObject({ ok: false, error: { code: "not_found" } });
});

test.each([
  ["pool", "The only slot of the work pool ml-pool is taken."],
  ["queue", "The only slot of the work queue default is taken."],
])(
  "what is due changes between the polls of two of Prefect's workers, and the limit of the %s holds",
  async (of, reason) => {
    const pool = await createTestPool();
    if (of === "pool") await pool.do("update", { concurrency_limit: 1 });
    else await pool.do("update_queue", { name: "default", update: { concurrency_limit: 1 } });
    const propose = (id: string, is_forced = false) =>
      pool.do("set_state", { id, state: { type: "PENDING" }, is_forced, run: null });
    const ids = [await submit(pool), await submit(pool)];
    const [first = "", second = ""] = ids;
    expect((await propose(second)).result.status).toBe("ACCEPT");
    expect((await propose(first)).result).toMatchObject({
      status: "ABORT",
      details: { type: "abort_details", reason },
      state: { type: "SCHEDULED" },
    });
    await pool.do("set_state", { id: second, state: { type: "COMPLETED" }, is_forced: true, run: null });
    expect((await propose(first)).result.status).toBe("ACCEPT");
    const third = await submit(pool);
    expect((await propose(third, true)).result.status).toBe("ACCEPT");
  },
);

test.each(["FAILED", "CRASHED", "COMPLETED"] as const)(
  "a run that was %s begins again only where its pool has room",
  async (type) => {
    const pool = await createTestPool();
    await pool.do("update_queue", { name: "default", update: { concurrency_limit: 2 } });
    await pool.do("ensure_queue", { name: "fast" });
    await pool.do("update", { concurrency_limit: 1 });
    const ended = await submit(pool);
    const other = await submit(pool, { work_queue_name: "fast" });
    const set = (id: string, to: string, is_forced = false) =>
      pool.do("set_state", { id, state: { type: to, name: to } as never, is_forced, run: null });
    for (const to of ["PENDING", "RUNNING", type]) await set(ended, to);
    await set(other, "PENDING");
    // The pool's limit holds across its queues.
    expect((await set(ended, "PENDING")).result.status).toBe("ABORT");
    // Who has a slot may tell how far its process has got.
    const submitting = { type: "PENDING", name: "InfrastructurePending" } as const;
    const told = await pool.do("set_state", { id: other, state: submitting, is_forced: false, run: null });
    expect(told.result.status).toBe("ACCEPT");
    await set(other, "COMPLETED", true);
    expect((await set(ended, "PENDING")).result.status).toBe("ACCEPT");
  },
);

test.each([
  ["has ended", ["PENDING", "RUNNING", "COMPLETED"]],
  ["is to be tried again", ["PENDING", "RUNNING", "FAILED", "SCHEDULED"]],
  ["is paused", ["PENDING", "RUNNING", "PAUSED"]],
])("a proposal that comes once more when its run %s changes nothing", async (_, types) => {
  const pool = await createTestPool();
  const id = await submit(pool);
  const set = (type: string, number: number) => {
    const transition_id = `0f9a1c52-0000-4000-8000-00000000000${number}`;
    const state = { type, state_details: { transition_id } } as never;
    return pool.do("set_state", { id, state, is_forced: false, run: null });
  };
  for (const [index, type] of types.entries()) await set(type, index);
  const last = types.at(-1);
  expect((await set("RUNNING", 1)).result).toMatchObject({ status: "REJECT", state: { type: last } });
  expect(await pool.do("read_run", { id })).toMatchObject({ state_type: last });
  // What somebody wants now is another matter.
  expect((await set("RUNNING", 9)).result.status).toBe("ACCEPT");
});

test("a run that waits for its next try in its process is not taken beyond its pool's limit", async () => {
  const pool = await createTestPool();
  await pool.do("update", { concurrency_limit: 1 });
  const retried = await submit(pool, { empirical_policy: { retries: 1, retry_delay: 0 } });
  const set = (id: string, type: string) =>
    pool.do("set_state", { id, state: { type } as never, is_forced: false, run: null });
  for (const type of ["PENDING", "RUNNING", "FAILED"]) await set(retried, type);
  expect((await set(await submit(pool), "PENDING")).result.status).toBe("ACCEPT");
  expect((await set(retried, "PENDING")).result.status).toBe("ABORT");
});

const RETRIED = { empirical_policy: { retries: 1, retry_delay: 0 } } as const;

test.each([
  ["suspended and resumed", "PAUSED"],
  ["crashed and retried by force", "CRASHED"],
  ["completed and retried by force", "COMPLETED"],
  ["set to be scheduled while it runs", "RUNNING"],
])("a run that has tried again in its process is given to a worker when it is %s", async (_, type) => {
  const pool = await createTestPool();
  const id = await submit(pool, RETRIED);
  const set = (state: object, is_forced = false) =>
    pool.do("set_state", { id, state: state as never, is_forced, run: null });
  for (const to of ["PENDING", "RUNNING", "FAILED", "RUNNING"]) await set({ type: to });
  if (type === "PAUSED") {
    await set({ type, name: "Suspended", state_details: { pause_reschedule: true, pause_key: "1" } });
    await pool.do("resume_run", { id, run_input: null });
  } else {
    if (type !== "RUNNING") await set({ type }, true);
    await set({ type: "SCHEDULED", name: "AwaitingRetry" }, true);
  }
  await pool.advance(1000);
  await pool.beat();
  expect(await claim(pool, [1])).toMatchObject([{ flow_run: { id } }]);
});

test("a run of Prefect's that nothing is heard of for a day is given up once its worker is gone", async () => {
  const pool = await createTestPool();
  await pool.do("heartbeat", { name: "theirs", heartbeat_interval_seconds: 30 });
  const id = await submit(pool, { labels: { "prefect.worker.name": "theirs" } });
  await pool.do("set_state", { id, state: { type: "PENDING" }, is_forced: false, run: null });
  await pool.do("set_state", { id, state: { type: "RUNNING" }, is_forced: false, run: null });
  await pool.advance(23 * 3_600_000);
  expect(await pool.do("read_run", { id })).toMatchObject({ state_type: "RUNNING" });
  await pool.do("heartbeat", { name: "theirs", heartbeat_interval_seconds: 3600 });
  await pool.advance(2 * 3_600_000);
  expect(await pool.do("read_run", { id })).toMatchObject({ state_type: "RUNNING" });
  await pool.advance(24 * 3_600_000);
  expect(await pool.do("read_run", { id })).toMatchObject({ state_type: "CRASHED" });
});

test("a run that was to retry in a process which nobody watches is given up too, and counts nowhere meanwhile", async () => {
  const pool = await createTestPool();
  const id = await submit(pool, { empirical_policy: { retries: 1, retry_delay: 3600 } });
  const set = (type: "PENDING" | "RUNNING" | "FAILED") =>
    pool.do("set_state", { id, state: { type }, is_forced: false, run: null });
  for (const type of ["PENDING", "RUNNING", "FAILED"] as const) await set(type);
  expect(await pool.do("read_run", { id })).toMatchObject({
    state_name: "AwaitingRetry",
    empirical_policy: { retry_type: "in_process" },
  });
  await pool.do("update", { concurrency_limit: 1 });
  await submit(pool);
  await pool.beat();
  expect(await claim(pool, [1])).toHaveLength(1);
  await pool.advance(24 * 3_600_000);
  expect(await pool.do("read_run", { id })).toMatchObject({ state_name: "AwaitingRetry" });
  await pool.advance(2 * 3_600_000);
  expect(await pool.do("read_run", { id })).toMatchObject({ state_type: "CRASHED" });
});

test("a run that no worker watches lives as long as it gives signs of life, which seldom write", async () => {
  const pool = await createTestPool();
  const id = await submit(pool);
  await pool.do("set_state", { id, state: { type: "RUNNING" }, is_forced: false, run: null });
  const deadline = () => pool.host.sql.all("SELECT deadline_at FROM active")[0]?.["deadline_at"];
  const before = deadline();
  await pool.advance(11 * 3_600_000);
  await pool.do("touch_run", { id });
  expect(deadline()).toBe(before);
  await pool.advance(12 * 3_600_000);
  await pool.do("touch_run", { id });
  await pool.advance(23 * 3_600_000);
  expect(await pool.do("read_run", { id })).toMatchObject({ state_type: "RUNNING" });
  await pool.advance(2 * 3_600_000);
  expect(await pool.do("read_run", { id })).toMatchObject({ state_type: "CRASHED" });
  // Nothing is left that a late sign of life could bring back.
  await pool.do("touch_run", { id });
  expect(deadline()).toBeUndefined();
});

test("job variables must fit the pool's template, and templates must declare what they use", async () => {
  const pool = await createTestPool();
  const bad = await pool.ask("create_run", {
    draft: draftOf({ job_variables: { stream_output: "loud" } }),
    deployment: null,
  });
  expect(bad).toMatchObject({ ok: false, error: { code: "invalid" } });
  await pool.do("create_run", {
    draft: draftOf({ job_variables: { command: "sh x.sh", "env.A": 1 } }),
    deployment: null,
  });
  const undeclared = await pool.ask("update", {
    base_job_template: { job_configuration: { command: "{{ cmd }}" }, variables: { properties: {} } },
  });
  expect(undeclared).toMatchObject({ ok: false, error: { code: "invalid" } });
  await pool.do("update", { base_job_template: {} });
});

test("deleting a run under its agent ends the attempt, and the agent hears of it", async () => {
  const pool = await createTestPool();
  const { id, run } = await launch(pool);
  await pool.do("delete_run", { id });
  expect(pool.wakes).toContainEqual({ reason: "attempt_ended", worker_name: "gpu-1" });
  expect(await pool.beat({ attempt_ids: [run.attempt_id] })).toMatchObject({
    ended_attempt_ids: [run.attempt_id],
  });
  for (const table of ["flow_run", "state", "ready", "deadline", "active"])
    expect([table, pool.host.sql.all(`SELECT * FROM ${table}`)]).toEqual([table, []]);
});

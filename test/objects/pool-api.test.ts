import { env, exports } from "cloudflare:workers";
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { expect, test } from "vitest";
import { waitFor } from "../support/wait-for.ts";
import type { ObjectRpc } from "../../src/objects/shared/stub.ts";
import {
  addressOfKey,
  addressOfName,
  addressOfWorkspace,
  formatAddress,
  type ObjectAddress,
} from "../../src/contract/envelope.ts";
import { keyOfId } from "../../src/contract/ids.ts";
import { send } from "./support/send.ts";

const api = async <Answer = Record<string, unknown>>(...call: Parameters<typeof send>) =>
  (await send(...call)) as { status: number; body: Answer };

/** Asks an object directly, past the API. */
async function ask<Answer>(address: ObjectAddress, operation: string, command: unknown): Promise<Answer> {
  const stub = env.WORKSPACE.getByName(formatAddress(address)) as unknown as ObjectRpc;
  const result = await stub.execute({
    v: 1,
    address,
    actor: "test",
    request_id: crypto.randomUUID(),
    operation,
    command,
  });
  if (!result.ok) throw new Error(`${operation}: ${result.error.detail}`);
  return result.value as Answer;
}

async function createFlow(name: string): Promise<string> {
  const { flow } = await ask<{ flow: { id: string } }>(addressOfWorkspace("default"), "create_flow", {
    name,
  });
  return flow.id;
}

test("a pool is created, listed, changed and deleted as Prefect's client expects", async () => {
  expect((await api("GET", "/work_pools/ml-pool")).status).toBe(404);
  const made = await api("POST", "/work_pools/", { name: "ml-pool", type: "process" });
  expect(made.status).toBe(201);
  expect(made.body).toMatchObject({
    name: "ml-pool",
    status: "NOT_READY",
    is_paused: false,
    active_slots: null,
  });
  expect((await api("POST", "/work_pools/", { name: "ml-pool" })).status).toBe(409);
  expect((await api("POST", "/work_pools/", { name: "prefect-x" })).status).toBe(403);
  const list = await api<{ name: string }[]>("POST", "/work_pools/filter", { work_pools: null });
  expect(list.body.map(({ name }) => name)).toEqual(["ml-pool"]);
  expect((await api("PATCH", "/work_pools/ml-pool", { is_paused: true, concurrency_limit: 3 })).status).toBe(
    204,
  );
  expect((await api("GET", "/work_pools/ml-pool")).body).toMatchObject({
    status: "PAUSED",
    concurrency_limit: 3,
    active_slots: 0,
  });
  const queue = await api<{ id: string }>("POST", "/work_pools/ml-pool/queues", {
    name: "fast",
    priority: 1,
  });
  expect(queue.body).toMatchObject({ priority: 1, work_pool_name: "ml-pool" });
  const queues = await api<{ name: string; priority: number }[]>(
    "POST",
    "/work_pools/ml-pool/queues/filter",
    {},
  );
  expect(queues.body.map(({ name, priority }) => [name, priority])).toEqual([
    ["fast", 1],
    ["default", 2],
  ]);
  const wanted = { work_queues: { name: { startswith_: ["fa", "x"] } } };
  for (const path of ["/work_pools/ml-pool/queues/filter", "/work_queues/filter"]) {
    const matching = await api<{ name: string }[]>("POST", path, wanted);
    expect(matching.body.map(({ name }) => name)).toEqual(["fast"]);
  }
  expect((await api("GET", `/work_queues/${queue.body.id}`)).body).toMatchObject({ name: "fast" });
  const slots = await api("POST", "/work_pools/ml-pool/concurrency_status", { limit: 1, page: 2 });
  expect(slots.body).toMatchObject({ queues: [{ queue_name: "default" }], count: 2, pages: 2, page: 2 });
  expect((await api("POST", `/work_queues/${queue.body.id}/concurrency_status`, {})).body).toMatchObject({
    flow_runs: [],
    count: 0,
    pages: 1,
    page: 1,
  });
  const preview = { queue: { id: queue.body.id, is_paused: true }, pool: { concurrency_limit: null } };
  expect((await api("POST", "/work_pools/ml-pool/preview_change", preview)).body).toEqual({
    active: 0,
    due: 0,
    room: 0,
    begins: 0,
    over: 0,
    blocked_by: null,
  });
  expect((await api("POST", "/work_pools/ml-pool/preview_change", { limit: 3 })).status).toBe(422);
  expect((await api("GET", `/work_queues/${queue.body.id}`)).body).toMatchObject({ is_paused: false });
  expect((await api("DELETE", "/work_pools/ml-pool")).status).toBe(204);
  expect((await api("GET", "/work_pools/ml-pool")).status).toBe(404);
  expect((await api<unknown[]>("POST", "/work_pools/filter", {})).body).toEqual([]);
});

test("a run without a pool is kept, found and counted; no probe makes an object", async () => {
  const flow_id = await createFlow("alone");
  const empty = await api<unknown[]>("POST", "/flow_runs/filter", { sort: "START_TIME_DESC" });
  expect(empty.body).toEqual([]);
  const run = await api<{ id: string; name: string }>("POST", "/flow_runs/", { flow_id, tags: ["a"] });
  expect(run.status).toBe(201);
  expect(run.body).toMatchObject({ state_type: "PENDING", work_pool_id: null });
  expect(run.body.name).toMatch(/^[a-z]+-[a-z]+$/);
  const running = await api("POST", `/flow_runs/${run.body.id}/set_state`, { state: { type: "RUNNING" } });
  expect(running.status).toBe(201);
  const found = await api<{ id: string }[]>("POST", "/flow_runs/filter", {
    flow_runs: { state: { type: { any_: ["RUNNING"] } }, tags: { all_: ["a"] } },
    flows: { name: { any_: ["alone"] } },
  });
  expect(found.body.map(({ id }) => id)).toEqual([run.body.id]);
  expect((await api<number>("POST", "/flow_runs/count", {})).body).toBe(1);
  expect((await api<number>("POST", "/flow_runs/count", { task_runs: { state: null } })).body).toBe(1);
  const states = await api<{ type: string }[]>("GET", `/flow_run_states/?flow_run_id=${run.body.id}`);
  expect(states.body.map(({ type }) => type)).toEqual(["PENDING", "RUNNING"]);
  expect((await api("DELETE", `/flow_runs/${run.body.id}`)).status).toBe(204);
  expect((await api("GET", `/flow_runs/${run.body.id}`)).status).toBe(404);
});

test("a null in a state's flags is their default: Prefect's clients cannot read one", async () => {
  const flow_id = await createFlow("nulls");
  const flags = { pause_reschedule: null, untrackable_result: null, cache_key: null };
  const { body } = await api<{ state: { state_details: object } }>("POST", "/flow_runs/", {
    flow_id,
    state: { type: "COMPLETED", state_details: flags },
  });
  const { state_details } = body.state;
  expect(state_details).toMatchObject({
    pause_reschedule: false,
    untrackable_result: false,
    cache_key: null,
  });
});

test("a deployment's run flows through an agent, across evictions and early alarms", async () => {
  await api("POST", "/work_pools/", { name: "gpu", type: "process" });
  const { deployment } = await ask<{ deployment: { id: string } }>(
    addressOfWorkspace("default"),
    "put_deployment",
    {
      create: {
        name: "image",
        flow_id: await createFlow("image"),
        parameters: { size: 1 },
        parameter_openapi_schema: { type: "object", properties: { size: { type: "integer" } } },
        enforce_parameter_schema: true,
      },
      place: { work_pool_name: "gpu", work_queue_name: "default", work_queue_id: null },
    },
  );
  const wrong = await api<{ detail: string }>("POST", `/deployments/${deployment.id}/create_flow_run`, {
    parameters: { size: "large" },
  });
  expect(wrong.status).toBe(409);
  expect(wrong.body.detail).toContain("Error creating flow run");

  const socket = await exports.default.fetch("http://sluice.test/api/work_pools/gpu/workers/w1/socket", {
    headers: { upgrade: "websocket" },
  });
  expect(socket.status).toBe(101);
  const frames: string[] = [];
  const isWoken = new Promise<void>((resolve) => {
    socket.webSocket?.accept();
    socket.webSocket?.addEventListener("message", ({ data }) => {
      frames.push(String(data));
      resolve();
    });
  });

  const run = await api<{ id: string }>("POST", `/deployments/${deployment.id}/create_flow_run`, {
    job_variables: { command: "true" },
  });
  expect(run.status).toBe(201);
  for (const [head, count] of [
    ["def", 1],
    ["q", 0],
  ]) {
    const filter = { work_pool_queues: { name: { startswith_: [head] } } };
    expect((await api<number>("POST", "/flow_runs/count", filter)).body).toBe(count);
  }
  await isWoken;
  expect(JSON.parse(frames[0] ?? "")).toEqual({ type: "wake", reason: "run_ready" });

  const session_id = crypto.randomUUID();
  const attempt_id = crypto.randomUUID();
  expect(
    (await api("POST", "/work_pools/gpu/workers/session", { name: "w1", session_id, limit: 1 })).status,
  ).toBe(200);
  const stub = env.WORK_POOL.getByName(formatAddress(addressOfName("default", "pool", "gpu")));
  await evictDurableObject(stub);
  const claim = () =>
    api<{ claims: { fence: number; flow_run: { id: string } }[] }>("POST", "/work_pools/gpu/claim", {
      worker_name: "w1",
      session_id,
      attempt_ids: [attempt_id],
    });
  const first = await claim();
  expect(first.body.claims).toHaveLength(1);
  await runDurableObjectAlarm(stub);
  expect((await claim()).body.claims[0]).toMatchObject({ fence: 1, flow_run: { id: run.body.id } });
  for (const [worker_name, count] of [
    ["w1", 1],
    ["w2", 0],
  ]) {
    const filter = { flow_runs: { worker_name: { any_: [worker_name] } } };
    expect((await api<number>("POST", "/flow_runs/count", filter)).body).toBe(count);
  }

  const attempt = `/flow_runs/${run.body.id}/attempts/${attempt_id}`;
  expect((await api("POST", `${attempt}/start`, { fence: 1, infrastructure_pid: "1" })).status).toBe(204);
  const identity = { "sluice-run": `${run.body.id}/${attempt_id}/1` };
  const running = await api(
    "POST",
    `/flow_runs/${run.body.id}/set_state`,
    { state: { type: "RUNNING" } },
    identity,
  );
  expect(running.body).toMatchObject({ status: "ACCEPT" });

  await api("POST", "/v2/concurrency_limits/", { name: "scarce", limit: 1 });
  const acquire = (request_id: string, run?: Record<string, string>) =>
    api("POST", "/v2/concurrency_limits/acquire", { names: ["scarce"], slots: 1, request_id }, run);
  expect((await acquire("somebody")).body).toMatchObject({ status: "granted" });
  expect((await acquire("the run", identity)).body).toMatchObject({ status: "waiting" });
  // The note of which limit a run asks is left off the way of the answer.
  await expect
    .poll(async () => (await api("GET", `/flow_runs/${run.body.id}/why`)).body)
    .toEqual({
      reason: "limit",
      detail: "The run waits for a slot of the limit scarce: 1 of 1 are taken.",
      blocking: { kind: "limit", name: "scarce", work_pool_name: null },
      help: "sluice gcl update scarce --limit 2",
      position: 1,
      estimated_seconds: null,
    });

  await evictDurableObject(stub);
  const end = { fence: 1, exit_code: 0, signal: null, outcome: "exited", sets_own_state: false };
  expect((await api("POST", `${attempt}/end`, end)).body).toMatchObject({ state_type: "COMPLETED" });
  expect((await api("POST", `${attempt}/end`, end)).body).toMatchObject({ state_type: "COMPLETED" });
  expect((await api("GET", `/flow_runs/${run.body.id}/why`)).body).toMatchObject({ reason: "ended" });
  socket.webSocket?.close();
});

test("the runs of a deleted pool stay in lists, and it is listed nowhere else", async () => {
  await api("POST", "/work_pools/", { name: "short-lived", type: "process" });
  const { deployment } = await ask<{ deployment: { id: string } }>(
    addressOfWorkspace("default"),
    "put_deployment",
    {
      create: { name: "d", flow_id: await createFlow("of-a-deleted-pool") },
      place: { work_pool_name: "short-lived", work_queue_name: "default", work_queue_id: null },
    },
  );
  const run = await api<{ id: string }>("POST", `/deployments/${deployment.id}/create_flow_run`, {});
  expect(run.status).toBe(201);
  expect((await api("DELETE", "/work_pools/short-lived")).status).toBe(204);
  const find = async () =>
    (
      await api<{ id: string; state_type: string }[]>("POST", "/flow_runs/filter", {
        flow_runs: { deployment_id: { any_: [deployment.id] } },
      })
    ).body;
  await waitFor(async () =>
    expect(await find()).toMatchObject([{ id: run.body.id, state_type: "CANCELLED" }]),
  );
  const pools = await api<{ name: string }[]>("POST", "/work_pools/filter", {});
  expect(pools.body.map(({ name }) => name)).not.toContain("short-lived");
  await api("POST", "/work_pools/", { name: "short-lived", type: "process" });
  expect(await find()).toHaveLength(1);
});

test("a deployment is ready while its queue is polled or a process serves it", async () => {
  const flow_id = await createFlow("polled");
  await api("POST", "/work_pools/", { name: "polled-pool", type: "process" });
  const make = async (name: string, more: object) =>
    (await api<{ id: string; status: string }>("POST", "/deployments/", { name, flow_id, ...more })).body;
  const pooled = await make("pooled", { work_pool_name: "polled-pool" });
  const served = await make("served", {});
  expect([pooled.status, served.status]).toEqual(["NOT_READY", "NOT_READY"]);
  await api("POST", "/work_pools/polled-pool/get_scheduled_flow_runs", {});
  await waitFor(async () => {
    // The catalog tells the pool of its deployments by outbox.
    await api("POST", "/deployments/get_scheduled_flow_runs", { deployment_ids: [served.id] });
    expect((await api("GET", `/deployments/${served.id}`)).body["status"]).toBe("READY");
  });
  for (const { id } of [pooled, served]) {
    const { body } = await api("GET", `/deployments/${id}`);
    expect(body).toMatchObject({ status: "READY" });
    expect(body["last_polled"]).toBeTypeOf("string");
  }
  const list = await api<{ status: string }[]>("POST", "/deployments/filter", {
    flows: { name: { any_: ["polled"] } },
  });
  expect(list.body.map(({ status }) => status)).toEqual(["READY", "READY"]);
});

test("logs and renewals of a long run without a worker are signs of life", async () => {
  const flow_id = await createFlow("long");
  const run = await api<{ id: string; work_pool_id: null }>("POST", "/flow_runs/", {
    flow_id,
    state: { type: "SCHEDULED", state_details: { scheduled_time: "2026-01-01T00:00:00Z" } },
  });
  await api("POST", `/flow_runs/${run.body.id}/set_state`, { state: { type: "RUNNING" } });
  const key = keyOfId(run.body.id, "flow_run");
  if (key === undefined) throw new Error("The run's id carries no key.");
  const stub = env.WORK_POOL.getByName(formatAddress(addressOfKey("default", "pool", key)));
  const isSafe = () =>
    runInDurableObject(stub, (_, state) => {
      const [row] = state.storage.sql
        .exec("SELECT deadline_at FROM active WHERE run_id = ?", run.body.id)
        .toArray();
      return Number(row?.["deadline_at"]) > Date.now() + 3_600_000;
    });
  const endanger = () =>
    runInDurableObject(stub, (_, state) => {
      state.storage.sql.exec(
        "UPDATE active SET deadline_at = ? WHERE run_id = ?",
        Date.now() + 1_800_000,
        run.body.id,
      );
    });
  await endanger();
  expect(await isSafe()).toBe(false);
  await api("POST", "/logs", [
    { name: "x", level: 20, message: "m", timestamp: "2026-11-22T12:00:00Z", flow_run_id: run.body.id },
  ]);
  await waitFor(async () => expect(await isSafe()).toBe(true));
  await api("POST", "/v2/concurrency_limits/", { name: "long-gpu", limit: 1 });
  const lease = await api<{ lease_id: string }>("POST", "/v2/concurrency_limits/increment-with-lease", {
    names: ["long-gpu"],
    slots: 1,
    mode: "concurrency",
    holder: { type: "flow_run", id: run.body.id },
  });
  expect(lease.status).toBe(200);
  await endanger();
  const renewed = await api("POST", `/v2/concurrency_limits/leases/${lease.body.lease_id}/renew`, {});
  expect(renewed.status).toBe(204);
  await waitFor(async () => expect(await isSafe()).toBe(true));
});

test("a finished run is the same to its readers after it has moved to its day's journal", async () => {
  const flow_id = await createFlow("moving");
  const run = await api<{ id: string }>("POST", "/flow_runs/", { flow_id, idempotency_key: "moves" });
  for (const type of ["RUNNING", "COMPLETED"])
    await api("POST", `/flow_runs/${run.body.id}/set_state`, { state: { type } });
  const look = async () => ({
    run: (await api("GET", `/flow_runs/${run.body.id}`)).body,
    states: (await api("GET", `/flow_run_states/?flow_run_id=${run.body.id}`)).body,
    list: (await api("POST", "/flow_runs/filter", { flows: { name: { any_: ["moving"] } } })).body,
    count: (await api("POST", "/flow_runs/count", { flows: { name: { any_: ["moving"] } } })).body,
  });
  const before = await look();
  const key = keyOfId(run.body.id, "flow_run");
  if (key === undefined) throw new Error("The run's id carries no key.");
  const stub = env.WORK_POOL.getByName(formatAddress(addressOfKey("default", "pool", key)));
  const countHere = () =>
    runInDurableObject(
      stub,
      (_, state) =>
        state.storage.sql.exec("SELECT id FROM flow_run WHERE id = ?", run.body.id).toArray().length,
    );
  await runInDurableObject(stub, (_, state) => {
    state.storage.sql.exec("UPDATE deadline SET at = 0 WHERE kind = 'move' AND run_id = ?", run.body.id);
  });
  await evictDurableObject(stub);
  await waitFor(async () => {
    await runDurableObjectAlarm(stub);
    expect(await countHere()).toBe(0);
  });
  expect(await look()).toEqual(before);
  const again = await api("POST", "/flow_runs/", { flow_id, idempotency_key: "moves" });
  expect(again).toMatchObject({ status: 200, body: { id: run.body.id } });
  expect(await countHere()).toBe(1);
  expect((await api("DELETE", `/flow_runs/${run.body.id}`)).status).toBe(204);
  expect((await api("GET", `/flow_runs/${run.body.id}`)).status).toBe(404);
});

test("a paused run that waits for an input goes on with one that fits, and reads it", async () => {
  const flow_id = await createFlow("asking");
  const run = (await api<{ id: string }>("POST", "/flow_runs/", { flow_id })).body;
  const path = `/flow_runs/${run.id}`;
  const schema = { type: "object", properties: { n: { type: "integer" } }, required: ["n"] };
  const input = { key: "ask-schema", value: JSON.stringify(schema) };
  await api("POST", `${path}/set_state`, { state: { type: "RUNNING" } });
  const stale = { key: "ask-response", value: '{"n":1}' };
  expect((await api("POST", `${path}/input`, stale)).status).toBe(201);
  expect(await api("POST", `${path}/resume`, {})).toMatchObject({
    status: 200,
    body: {
      status: "ABORT",
      state: null,
      details: { reason: "Cannot resume a flow run that is not paused." },
    },
  });
  const run_input_keyset = { response: "ask-response", schema: "ask-schema" };
  await api("POST", `${path}/set_state`, {
    state: { type: "PAUSED", state_details: { pause_key: "1", run_input_keyset } },
  });
  // What an earlier attempt was answered goes with the new question, whose schema follows it.
  expect((await api("GET", `${path}/input/ask-response`)).status).toBe(404);
  expect((await api("POST", `${path}/input`, input)).status).toBe(201);
  expect((await api("POST", `${path}/input`, input)).status).toBe(409);
  const bad = await api("POST", `${path}/resume`, { run_input: { n: "x" } });
  expect(bad.body).toMatchObject({ status: "REJECT", state: { type: "PAUSED" } });
  const good = await api("POST", `${path}/resume`, { run_input: { n: 3 } });
  expect(good.body).toMatchObject({ status: "ACCEPT", state: { type: "RUNNING" } });
  expect((await send("GET", `${path}/input/ask-response`)).text).toBe(`{"n":3}`);
  const found = await api<{ key: string }[]>("POST", `${path}/input/filter`, { prefix: "ask", limit: 10 });
  expect(found.body.map(({ key }) => key).toSorted()).toEqual(["ask-response", "ask-schema"]);
  const rest = { prefix: "ask", limit: 10, exclude_keys: ["ask-schema"] };
  expect((await api("POST", `${path}/input/filter`, rest)).body).toMatchObject([{ value: '{"n":3}' }]);
  expect((await api("DELETE", `${path}/input/ask-response`)).status).toBe(204);
  expect((await api("DELETE", `${path}/input/ask-response`)).status).toBe(404);
  expect((await api("GET", `${path}/input/ask-response`)).status).toBe(404);
});

test("a pool's workers come page by page, and one is found by its id or its name", async () => {
  await api("POST", "/work_pools/", { name: "many", type: "process" });
  for (const name of ["w1", "w2", "w3"]) await api("POST", "/work_pools/many/workers/heartbeat", { name });
  const find = async (body: object) =>
    (await api<{ id: string; name: string }[]>("POST", "/work_pools/many/workers/filter", body)).body;
  const all = await find({});
  expect(all.map(({ name }) => name)).toEqual(["w1", "w2", "w3"]);
  expect(await find({ limit: 2, offset: 2 })).toEqual(all.slice(2));
  expect(await find({ workers: { name: { any_: ["w2", "none"] } } })).toEqual([all[1]]);
  const id = all[2]?.id.toUpperCase();
  expect(await find({ workers: { id: { any_: [id] } } })).toEqual([all[2]]);
  expect(await find({ workers: { id: { any_: [id] }, name: { any_: ["w1"] } } })).toEqual([]);
  expect(await find({ workers: { id: { any_: [] } } })).toEqual([]);
});

test("an agent of the next release, which says more than is known here, is understood", async () => {
  await api("POST", "/work_pools/", { name: "newer", type: "process" });
  const beat = { name: "w1", session_id: crypto.randomUUID(), limit: 1, mood: "fine" };
  expect((await api("POST", "/work_pools/newer/workers/session", beat)).status).toBe(200);
  const claim = {
    worker_name: "w1",
    session_id: beat.session_id,
    attempt_ids: [crypto.randomUUID()],
    hurry: 1,
  };
  expect(await api("POST", "/work_pools/newer/claim", claim)).toMatchObject({
    status: 200,
    body: { claims: [], reason: "nothing_due" },
  });
});

test("values that would not fit in a row are refused, and a long message is cut", async () => {
  const flow_id = await createFlow("large");
  const text = (kib: number) => "x".repeat(kib * 1024);
  const create = (more: object) => api("POST", "/flow_runs/", { flow_id, ...more });
  expect((await create({ parameters: { a: text(511) }, context: { a: text(255) } })).status).toBe(201);
  for (const more of [
    { parameters: { a: text(513) } },
    { parameters: { a: "€".repeat(180 * 1024) } },
    { context: { a: text(257) } },
    { job_variables: { a: text(257) } },
    { state: { type: "COMPLETED", data: text(513) } },
  ])
    expect(await create(more)).toMatchObject({
      status: 422,
      body: { exception_detail: [{ msg: expect.stringContaining("may have at most") as string }] },
    });
  const long = await create({ state: { type: "FAILED", message: text(900) } });
  expect(long).toMatchObject({ status: 201, body: { state: { message: text(64) } } });
  const deployment = await api("POST", "/deployments/", {
    name: "d",
    flow_id,
    parameters: { a: text(300) },
  });
  const path = `/deployments/${String(deployment.body["id"])}`;
  expect(await api("POST", `${path}/create_flow_run`, { parameters: { b: text(300) } })).toMatchObject({
    status: 422,
    body: { detail: expect.stringContaining("a run's with its deployment's") as string },
  });
  expect((await api("POST", `${path}/create_flow_run`, { parameters: { a: text(300) } })).status).toBe(201);
  expect((await api("PATCH", path, { parameter_openapi_schema: { a: text(900) } })).status).toBe(204);
  expect((await api("PATCH", path, { pull_steps: [{ a: text(900) }] })).status).toBe(422);
});

test.each(["two\nlines", "nul\0", "\u001b[31mred"])(
  "the name %j, which could forge a line, is refused",
  async (name) => {
    expect((await api("POST", "/work_pools/", { name, type: "process" })).status).toBe(422);
    expect((await api("POST", "/v2/concurrency_limits/", { name, limit: 1 })).status).toBe(422);
    expect((await api("POST", "/flows/", { name })).status).toBe(422);
  },
);

test.each([".", "..", "half \ud800"])("the name %j, which no URL can hold, is refused", async (name) => {
  expect((await api("POST", "/work_pools/", { name, type: "process" })).status).toBe(422);
  expect(
    (await api("POST", "/work_pools/", { name: `${name}😀…`.replace("\ud800", ""), type: "process" })).status,
  ).toBe(201);
});

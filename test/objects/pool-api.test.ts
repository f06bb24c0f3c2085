import { env, exports } from "cloudflare:workers";
import { evictDurableObject, runDurableObjectAlarm } from "cloudflare:test";
import { expect, test } from "vitest";
import type { ObjectRpc } from "../../src/objects/shared/stub.ts";
import {
  addressOfName,
  addressOfWorkspace,
  formatAddress,
  type ObjectAddress,
} from "../../src/contract/envelope.ts";

async function api<Answer = Record<string, unknown>>(
  method: string,
  path: string,
  json?: unknown,
  headers: Record<string, string> = {},
): Promise<{ status: number; body: Answer }> {
  const response = await exports.default.fetch(`http://sluice.test/api${path}`, {
    method,
    headers: { "content-type": "application/json", ...headers },
    ...(json !== undefined && { body: JSON.stringify(json) }),
  });
  const text = await response.text();
  return { status: response.status, body: (text === "" ? null : JSON.parse(text)) as Answer };
}

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
  expect((await api("GET", `/work_queues/${queue.body.id}`)).body).toMatchObject({ name: "fast" });
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
  const states = await api<{ type: string }[]>("GET", `/flow_run_states/?flow_run_id=${run.body.id}`);
  expect(states.body.map(({ type }) => type)).toEqual(["PENDING", "RUNNING"]);
  expect((await api("DELETE", `/flow_runs/${run.body.id}`)).status).toBe(204);
  expect((await api("GET", `/flow_runs/${run.body.id}`)).status).toBe(404);
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
  await evictDurableObject(stub);
  const end = { fence: 1, exit_code: 0, signal: null, outcome: "exited", sets_own_state: false };
  expect((await api("POST", `${attempt}/end`, end)).body).toMatchObject({ state_type: "COMPLETED" });
  expect((await api("POST", `${attempt}/end`, end)).body).toMatchObject({ state_type: "COMPLETED" });
  expect((await api("GET", `/flow_runs/${run.body.id}/why`)).body).toMatchObject({ reason: "ended" });
  socket.webSocket?.close();
});

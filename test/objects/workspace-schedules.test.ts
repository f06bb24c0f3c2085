import { env } from "cloudflare:workers";
import { evictAllDurableObjects, evictDurableObject, runDurableObjectAlarm } from "cloudflare:test";
import { beforeAll, expect, test } from "vitest";
import { addressOfWorkspace, formatAddress } from "../../src/contract/envelope.ts";
import { send } from "./support/send.ts";

const POOL = "schedule-pool";
const HOURLY = { schedule: { cron: "0 * * * *", timezone: "UTC" } };

let flows = 0;
async function deploy(more: object): Promise<string> {
  flows += 1;
  const flow = await send("POST", "/flows/", { name: `scheduled-${flows}` });
  const sent = { name: "d", flow_id: flow.body.id, work_pool_name: POOL, ...more };
  const { status, body } = await send("POST", "/deployments/", sent);
  expect(status).toBe(201);
  return body.id;
}

interface Run {
  id: string;
  expected_start_time: string;
  state_name: string;
  parameters: unknown;
  work_queue_name: string;
}

async function runsOf(id: string): Promise<Run[]> {
  const filter = { flow_runs: { deployment_id: { any_: [id] } }, sort: "EXPECTED_START_TIME_ASC" };
  return (await send("POST", "/flow_runs/filter", filter)).body;
}

const workspaceStub = () => env.WORKSPACE.getByName(formatAddress(addressOfWorkspace("default")));

beforeAll(async () => {
  expect((await send("POST", "/work_pools/", { name: POOL, type: "process" })).status).toBe(201);
});

test("an hourly deployment has its next three runs, whatever alarms and evictions come", async () => {
  const id = await deploy({ schedules: [HOURLY], parameters: { n: 1 }, work_queue_name: "night" });
  await expect.poll(() => runsOf(id)).toHaveLength(3);
  const runs = await runsOf(id);
  for (const [index, run] of runs.entries()) {
    const hour = Math.floor(Date.now() / 3_600_000) * 3_600_000;
    // The hour may have turned since the runs were made.
    const ahead = (Date.parse(run.expected_start_time) - hour) / 3_600_000 - index;
    expect([0, 1]).toContain(ahead);
    expect(run).toMatchObject({ state_name: "Scheduled", parameters: { n: 1 }, work_queue_name: "night" });
  }
  await runDurableObjectAlarm(workspaceStub());
  await runDurableObjectAlarm(workspaceStub());
  await evictDurableObject(workspaceStub());
  await runDurableObjectAlarm(workspaceStub());
  await evictAllDurableObjects();
  expect((await runsOf(id)).map((run) => run.id)).toEqual(runs.map((run) => run.id));
});

test("it is told when schedules fire next, also of those that are not active", async () => {
  const id = await deploy({ schedules: [HOURLY, { ...HOURLY, active: false }, { schedule: {} }] });
  const { status, body } = await send("GET", `/deployments/${id}/schedules/next_times?limit=2`);
  expect(status).toBe(200);
  const [active, inactive, never] = body as { schedule_id: string; times: string[] }[];
  expect(active?.times).toHaveLength(2);
  const [first = "", second = ""] = active?.times ?? [];
  expect(Date.parse(second) - Date.parse(first)).toBe(3_600_000);
  expect(inactive?.times).toEqual(active?.times);
  expect(never?.times).toEqual([]);
  expect((await send("GET", `/deployments/${id}/schedules/next_times?limit=0`)).status).toBe(422);
  expect((await send("GET", `/deployments/${crypto.randomUUID()}/schedules/next_times`)).status).toBe(404);
});

test("the alarm makes the next runs by itself", async () => {
  const schedule = { schedule: { interval: 1 }, max_scheduled_runs: 2 };
  const id = await deploy({ schedules: [schedule] });
  await expect.poll(async () => (await runsOf(id)).length).toBeGreaterThanOrEqual(5);
  await send("PATCH", `/deployments/${id}`, { paused: true });
  const dates = (await runsOf(id)).map((run) => run.expected_start_time);
  expect(new Set(dates).size).toBe(dates.length);
});

test("pausing takes the runs to come away, resuming brings them back", async () => {
  const id = await deploy({ schedules: [HOURLY] });
  await expect.poll(() => runsOf(id)).toHaveLength(3);
  await send("POST", `/deployments/${id}/pause_deployment`);
  await expect.poll(() => runsOf(id)).toEqual([]);
  await send("POST", `/deployments/${id}/resume_deployment`);
  await expect.poll(() => runsOf(id)).toHaveLength(3);
  const [schedule] = (await send("GET", `/deployments/${id}/schedules`)).body;
  await send("PATCH", `/deployments/${id}/schedules/${schedule.id}`, { active: false });
  await expect.poll(() => runsOf(id)).toEqual([]);
});

test("a deployment that leaves its pool takes the planned runs along", async () => {
  const id = await deploy({ schedules: [HOURLY] });
  await expect.poll(() => runsOf(id)).toHaveLength(3);
  const first = await runsOf(id);
  expect((await send("POST", "/work_pools/", { name: "second-pool", type: "process" })).status).toBe(201);
  expect((await send("PATCH", `/deployments/${id}`, { work_pool_name: "second-pool" })).status).toBe(204);
  const dates = (runs: Run[]) => runs.map((run) => run.expected_start_time);
  await expect
    .poll(async () => (await runsOf(id)).filter(({ id: run }) => first.every((old) => old.id !== run)))
    .toHaveLength(3);
  expect(dates(await runsOf(id))).toEqual(dates(first));
  expect((await send("GET", `/deployments/${id}`)).body).toMatchObject({
    work_pool_name: "second-pool",
    work_queue_name: "default",
  });
});

test("a stretch of the past is filled on demand, each date once", async () => {
  const id = await deploy({ schedules: [HOURLY] });
  await expect.poll(() => runsOf(id)).toHaveLength(3);
  const stretch = { start_time: "2026-01-01T00:00:00Z", end_time: "2026-01-01T05:30:00Z", min_time: 86_400 };
  expect((await send("POST", `/deployments/${id}/schedule`, stretch)).status).toBe(200);
  expect((await send("POST", `/deployments/${id}/schedule`, { ...stretch, max_runs: 2 })).status).toBe(200);
  await expect
    .poll(async () => (await runsOf(id)).filter((run) => run.expected_start_time < "2026-02"))
    .toHaveLength(6);
  // Before the epoch there are no ids; nothing is made, and nothing gets stuck on its way to the pool.
  const ancient = { start_time: "1900-01-01T00:00:00Z", end_time: "9999-12-31T00:00:00Z" };
  expect((await send("POST", `/deployments/${id}/schedule`, ancient)).status).toBe(200);
  await send("POST", `/deployments/${id}/pause_deployment`);
  await expect
    .poll(async () => (await runsOf(id)).filter((run) => run.expected_start_time >= "2026-02"))
    .toEqual([]);
});

test("a deployment in a pool knows its queue; job variables must fit the pool's template", async () => {
  const id = await deploy({ work_queue_name: "fresh" });
  const { body } = await send("GET", `/deployments/${id}`);
  const queue = await send("GET", `/work_pools/${POOL}/queues/fresh`);
  expect(body).toMatchObject({
    work_pool_name: POOL,
    work_queue_name: "fresh",
    work_queue_id: queue.body.id,
    last_polled: null,
    status: "NOT_READY",
  });
  await send("POST", `/work_pools/${POOL}/get_scheduled_flow_runs`, { work_queue_names: ["fresh"] });
  expect((await send("GET", `/deployments/${id}`)).body).toMatchObject({ status: "READY" });
  expect((await send("GET", `/deployments/${id}/work_queue_check`)).body).toMatchObject([{ name: "fresh" }]);
  const template = {
    job_configuration: {},
    variables: { type: "object", properties: { gpus: { type: "integer" } } },
  };
  await send("PATCH", `/work_pools/${POOL}`, { base_job_template: template });
  expect(await send("PATCH", `/deployments/${id}`, { job_variables: { gpus: "two" } })).toMatchObject({
    status: 409,
    body: { detail: expect.stringMatching(/^Error updating deployment: .*gpus/) },
  });
  expect((await send("PATCH", `/deployments/${id}`, { job_variables: { gpus: 2 } })).status).toBe(204);
  const schema = { type: "object", properties: { n: { type: "integer" } } };
  expect((await send("PATCH", `/deployments/${id}`, { parameter_openapi_schema: schema })).status).toBe(204);
  expect((await send("PATCH", `/deployments/${id}`, { parameters: { n: "x" } })).status).toBe(409);
  expect((await send("GET", `/deployments/${id}`)).body).toMatchObject({
    job_variables: { gpus: 2 },
    parameters: {},
  });
});

test("runs follow a queue that gets another name", async () => {
  const id = await deploy({ work_queue_name: "before" });
  expect((await send("PATCH", `/work_pools/${POOL}/queues/before`, { name: "after" })).status).toBe(204);
  expect((await send("GET", `/deployments/${id}`)).body.work_queue_name).toBe("after");
  const run = await send("POST", `/deployments/${id}/create_flow_run`, {});
  expect(run).toMatchObject({ status: 201, body: { work_queue_name: "after" } });
  await send("PATCH", `/deployments/${id}`, { schedules: [HOURLY] });
  await expect
    .poll(async () => (await runsOf(id)).map((each) => each.work_queue_name))
    .toEqual(Array.from({ length: 4 }, () => "after"));
  expect((await send("GET", `/work_pools/${POOL}/queues/before`)).status).toBe(404);
});

test("a deployment whose pool is deleted stays, without one", async () => {
  await send("POST", "/work_pools/", { name: "short-lived", type: "process" });
  const id = await deploy({ work_pool_name: "short-lived" });
  expect((await send("DELETE", "/work_pools/short-lived")).status).toBe(204);
  await expect
    .poll(async () => (await send("GET", `/deployments/${id}`)).body)
    .toMatchObject({ work_pool_name: null, work_queue_name: null, work_queue_id: null });
});

/**
 * What Prefect's own server answers to its own clients' calls, call by call: the same statuses, and records with the same
 * fields of the same types.
 */
import { exports } from "cloudflare:workers";
import { expect, test } from "vitest";
import { PREFECT_RECORDS } from "./support/prefect-records.ts";

const RECORDS = new Map(
  PREFECT_RECORDS.trim()
    .split(/\n(?! )/)
    .map((record) => {
      const [name = "", ...fields] = record.split(/\s+/);
      return [name, fields.map((field) => field.split(":") as [string, string])] as const;
    }),
);

/** What nobody gave is left out of these, and Prefect's clients read it as their default. */
const WITH_GAPS: ReadonlySet<string> = new Set(["StateDetails", "TaskRunPolicy"]);

type Made = { id: string; [field: string]: unknown };

/** Says where a value is not of one of the types; nothing where it is. */
function findFaults(types: string, value: unknown, path: string): string[] {
  const faults = types.split("|").map((type) => findFaultsByType(type, value, path));
  return (
    faults.find((found) => found.length === 0) ?? faults.toSorted((a, b) => b.length - a.length)[0] ?? []
  );
}

function findFaultsByType(type: string, value: unknown, path: string): string[] {
  if (type.endsWith("[]"))
    return Array.isArray(value)
      ? value.flatMap((item, index) => findFaults(type.slice(0, -2), item, `${path}[${index}]`))
      : [`${path} is not a list`];
  const fields = RECORDS.get(type);
  const kind = Array.isArray(value) ? "list" : value === null ? "null" : typeof value;
  if (fields === undefined) return kind === type ? [] : [`${path} is ${kind}, not ${type}`];
  if (kind !== "object") return [`${path} is ${kind}, not ${type}`];
  return fields.flatMap(([field, types]) =>
    Object.hasOwn(value as object, field)
      ? findFaults(types, (value as Made)[field], `${path}.${field}`)
      : WITH_GAPS.has(type)
        ? []
        : [`${path}.${field} is missing`],
  );
}

/** Calls and compares: the status, and the record that is named; `refused` has Prefect's shape of a refusal. */
async function call<Answer = Made>(
  route: string,
  status: number,
  type: string,
  body?: unknown,
): Promise<Answer> {
  const [method = "", path = ""] = route.split(" ");
  const response = await exports.default.fetch(`http://sluice.test/api${path}`, {
    method,
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const answer = await response.text();
  expect([response.status, answer.slice(0, status === response.status ? 0 : 300)], route).toEqual([
    status,
    "",
  ]);
  if (type === "empty") {
    expect(answer, route).toBe("");
    return undefined as Answer;
  }
  const value: unknown = JSON.parse(answer);
  if (type === "refused") {
    expect(Object.keys(value as object).toSorted(), route).toSatisfy(
      (keys: string[]) => keys.includes("detail") || keys.includes("exception_message"),
    );
    expect(status !== 422 || "detail" in (value as object) || "exception_detail" in (value as object)).toBe(
      true,
    );
  } else expect(findFaults(type, value, route)).toEqual([]);
  if (status === 423) expect(Number(response.headers.get("retry-after"))).toBeGreaterThanOrEqual(0);
  return value as Answer;
}

test("of the server", async () => {
  await call("GET /health", 200, "boolean");
  await call("GET /admin/version", 200, "string");
  await call("GET /admin/storage", 200, "ServerDefaultResultStorage");
  await call("GET /collections/views/aggregate-worker-metadata", 200, "object");
  await call("DELETE /automations/owned-by/prefect.deployment.x", 202, "null");
  expect(await call("GET /automations/related-to/prefect.deployment.x", 200, "list")).toEqual([]);
});

test("about limits", async () => {
  const v2 = "/v2/concurrency_limits";
  const sent = { name: "gpu:answers", limit: 1, active: true, active_slots: 0, slot_decay_per_second: 0 };
  await call(`GET ${v2}/gpu:answers`, 404, "refused");
  await call(`POST ${v2}/`, 201, "ConcurrencyLimitV2", sent);
  await call(`POST ${v2}/`, 409, "refused", sent);
  await call(`POST ${v2}/`, 422, "refused", { name: "less", limit: -1 });
  await call(`GET ${v2}/gpu:answers`, 200, "GlobalConcurrencyLimitResponse");
  await call(`GET ${v2}/gpu:answers/`, 200, "GlobalConcurrencyLimitResponse");
  await call(`POST ${v2}/filter`, 200, "GlobalConcurrencyLimitResponse[]", { limit: 100, offset: 0 });
  const acquire = { names: ["gpu:answers"], slots: 1, mode: "concurrency", lease_duration: 300 };
  const held = await call<{ lease_id: string }>(
    `POST ${v2}/increment-with-lease`,
    200,
    "ConcurrencyLimitWithLeaseResponse",
    acquire,
  );
  await call(`POST ${v2}/increment-with-lease`, 423, "refused", acquire);
  await call(`POST ${v2}/increment-with-lease`, 422, "refused", { ...acquire, slots: 5 });
  await call(`POST ${v2}/leases/${held.lease_id}/renew`, 204, "empty", { lease_duration: 300 });
  await call(`POST ${v2}/decrement-with-lease`, 204, "empty", { lease_id: held.lease_id });
  const rate = { names: ["gpu:answers"], slots: 1, mode: "rate_limit" };
  await call(`POST ${v2}/increment`, 422, "refused", rate);
  await call(`PATCH ${v2}/gpu:answers`, 204, "empty", { limit: 1, slot_decay_per_second: 0.01 });
  await call(`POST ${v2}/increment`, 200, "MinimalConcurrencyLimitResponse[]", rate);
  await call(`POST ${v2}/increment`, 423, "refused", rate);
  await call(`DELETE ${v2}/gpu:answers`, 204, "empty");

  const tag = { tag: "answers", concurrency_limit: 2 };
  await call("POST /concurrency_limits/", 201, "ConcurrencyLimit", tag);
  await call("POST /concurrency_limits/", 200, "ConcurrencyLimit", tag);
  await call("GET /concurrency_limits/tag/answers", 200, "ConcurrencyLimit");
  await call("POST /concurrency_limits/filter", 200, "ConcurrencyLimit[]", { limit: 15, offset: 0 });
  await call("POST /concurrency_limits/tag/answers/reset", 200, "null", { slot_override: null });
  await call("DELETE /concurrency_limits/tag/answers", 200, "null");
  await call("DELETE /concurrency_limits/tag/answers", 404, "refused");
});

test("about pools, queues and workers", async () => {
  const pool = { name: "answers", type: "process", base_job_template: {} };
  await call("GET /work_pools/answers", 404, "refused");
  await call("POST /work_pools/", 201, "WorkPoolResponse", pool);
  await call("POST /work_pools/", 409, "refused", pool);
  await call("GET /work_pools/answers", 200, "WorkPoolResponse");
  const nulls = { limit: null, offset: null, work_queues: null };
  await call("POST /work_pools/filter", 200, "WorkPoolResponse[]", {
    limit: null,
    offset: 0,
    work_pools: null,
  });
  await call("PATCH /work_pools/answers", 204, "empty", { is_paused: true });
  await call("PATCH /work_pools/answers", 204, "empty", { is_paused: false });
  const queue = {
    name: "q",
    description: null,
    is_paused: false,
    concurrency_limit: null,
    priority: 2,
    filter: null,
  };
  const { id } = await call("POST /work_pools/answers/queues", 201, "WorkQueueResponse", queue);
  await call("POST /work_pools/answers/queues", 409, "refused", { ...queue, priority: null });
  await call("POST /work_pools/answers/queues/", 201, "WorkQueueResponse", { name: "with-slash" });
  await call("POST /work_pools/answers/queues/filter", 200, "WorkQueueResponse[]", nulls);
  await call("GET /work_pools/answers/queues/q", 200, "WorkQueueResponse");
  await call("POST /work_queues/", 201, "WorkQueueResponse", {
    ...queue,
    name: "without-pool",
    priority: null,
  });
  await call("POST /work_queues/filter", 200, "WorkQueueResponse[]", nulls);
  await call(`GET /work_queues/${id}`, 200, "WorkQueueResponse");
  await call(`PATCH /work_queues/${id}`, 204, "empty", { concurrency_limit: 3 });
  await call(`GET /work_queues/${id}/status`, 200, "WorkQueueStatusDetail");
  const heartbeat = { name: "w", heartbeat_interval_seconds: 30 };
  await call("POST /work_pools/answers/workers/heartbeat", 204, "empty", heartbeat);
  const online = { workers: { status: { any_: ["ONLINE"] } }, offset: null, limit: null };
  const workers = await call<Made[]>(
    "POST /work_pools/answers/workers/filter",
    200,
    "WorkerResponse[]",
    online,
  );
  expect(workers).toHaveLength(1);
  const status = { page: 1, flow_run_limit: 200 };
  await call("POST /work_pools/answers/concurrency_status", 200, "WorkPoolConcurrencyStatus", status);
  await call(`DELETE /work_queues/${id}`, 204, "empty");
  await call("DELETE /work_pools/answers", 204, "empty");
});

test("about flows, deployments and their runs", async () => {
  const pool = "answers-of-runs";
  await call("POST /work_pools/", 201, "WorkPoolResponse", { name: pool, type: "process" });
  const sent = { name: "answers", tags: [], labels: {} };
  const flow = await call("POST /flows/", 201, "Flow", sent);
  await call("POST /flows", 200, "Flow", sent);
  await call("POST /flows/", 422, "refused", { name: "x", zzz: 1 });
  await call(`GET /flows/${flow.id}`, 200, "Flow");
  await call("POST /flows/filter", 200, "Flow[]", { flows: { operator: "and_", id: { any_: [flow.id] } } });
  await call("POST /flows/filter", 422, "refused", { limit: 201 });

  const schedule = (cron: string) => ({ schedule: { cron, timezone: "UTC", day_or: true }, active: false });
  const draft = { name: "d", flow_id: flow.id, work_pool_name: pool, schedules: [schedule("0 * * * *")] };
  await call("GET /deployments/name/answers/d", 404, "refused");
  await call("POST /deployments/", 404, "refused", { ...draft, work_pool_name: "nowhere" });
  const { id } = await call("POST /deployments/", 201, "DeploymentResponse", {
    ...draft,
    concurrency_limit: 3,
  });
  await call("GET /deployments/name/answers/d", 200, "DeploymentResponse");
  await call(`GET /deployments/${id}`, 200, "DeploymentResponse");
  await call("POST /deployments/filter", 200, "DeploymentResponse[]", {
    flows: null,
    limit: null,
    offset: 0,
  });
  await call(`PATCH /deployments/${id}`, 204, "empty", { description: "changed" });
  const interval = { interval: 600, anchor_date: "2026-11-22T04:06:56.799614Z", timezone: "UTC" };
  const made = [{ schedule: interval, active: true, max_scheduled_runs: null, parameters: {}, slug: null }];
  const [added] = await call<Made[]>(`POST /deployments/${id}/schedules`, 201, "DeploymentSchedule[]", made);
  await call(`PATCH /deployments/${id}/schedules/${added?.id}`, 204, "empty", { active: false });
  await call(`DELETE /deployments/${id}/schedules/${added?.id}`, 204, "empty");

  const due = { state: { type: "SCHEDULED", name: "Scheduled", message: null, data: null } };
  const scheduled = await call(`POST /deployments/${id}/create_flow_run`, 201, "FlowRunResponse", due);
  const poll = { deployment_ids: [id], scheduled_before: "2099-11-22 04:18:06.684522+00:00" };
  await call("POST /deployments/get_scheduled_flow_runs", 200, "FlowRunResponse[]", poll);
  const handed = `POST /work_pools/${pool}/get_scheduled_flow_runs`;
  expect(await call<Made[]>(handed, 200, "WorkerFlowRunResponse[]", {})).toHaveLength(1);
  const queued = `POST /work_queues/${String(scheduled["work_queue_id"])}/get_runs`;
  await call(queued, 200, "FlowRunResponse[]", { limit: 10 });
  const propose = (run: string, type: string, status: number, more: object = {}) =>
    call(`POST /flow_runs/${run}/set_state`, status, status === 404 ? "refused" : "OrchestrationResult", {
      state: { type, ...more },
    });
  await propose("11111111-1111-4111-8111-111111111111", "PENDING", 404);
  await propose(scheduled.id, "PENDING", 201);
  await propose(scheduled.id, "RUNNING", 201);
  await propose(scheduled.id, "PENDING", 200);
  const details = { pause_timeout: Date.now() / 1000 + 60, pause_key: "1", pause_reschedule: false };
  await propose(scheduled.id, "PAUSED", 201, { state_details: details });
  await call(`POST /flow_runs/${scheduled.id}/resume`, 201, "OrchestrationResult", { run_input: null });
  await call(`GET /flow_runs/${scheduled.id}`, 200, "FlowRunResponse");
  await call("GET /flow_runs/abc", 404, "refused");
  await call("POST /flow_runs/filter", 200, "FlowRunResponse[]", {
    flows: null,
    sort: "EXPECTED_START_TIME_DESC",
  });
  await call(`PATCH /flow_runs/${scheduled.id}`, 204, "empty", { infrastructure_pid: "20703" });
  await call(`PATCH /flow_runs/${scheduled.id}/labels`, 204, "empty", { "prefect.worker.name": "x" });

  const alone = await call("POST /flow_runs/", 201, "FlowRunResponse", {
    flow_id: flow.id,
    state: { type: "PENDING" },
  });
  const task = { flow_run_id: alone.id, task_key: "t", dynamic_key: "0", state: { type: "PENDING" } };
  await call("POST /task_runs/", 201, "TaskRun", task);
  await call("POST /task_runs/", 200, "TaskRun", task);
  const ofRun = { flow_runs: { id: { any_: [alone.id] } }, sort: "EXPECTED_START_TIME_DESC", limit: 15 };
  expect(await call<Made[]>("POST /task_runs/filter", 200, "TaskRun[]", ofRun)).toHaveLength(1);
  const log = {
    name: "l",
    level: 20,
    message: "m",
    timestamp: "2026-11-22T04:08:34.807049Z",
    flow_run_id: alone.id,
  };
  await call("POST /logs/", 201, "null", [{ ...log, task_run_id: null }]);
  const ofLogs = { logs: { operator: "and_", level: null, flow_run_id: { any_: [alone.id] } } };
  expect(await call<Made[]>("POST /logs/filter", 200, "Log[]", ofLogs)).toHaveLength(1);

  await call(`DELETE /flow_runs/${alone.id}`, 204, "empty");
  await call(`DELETE /flow_runs/${alone.id}`, 404, "refused");
  await call(`DELETE /deployments/${id}`, 204, "empty");
});

test("about variables", async () => {
  await call("GET /variables/name/answers", 404, "refused");
  await call("POST /variables/", 201, "Variable", { name: "answers", value: "bar", tags: [] });
  await call("GET /variables/name/answers", 200, "Variable");
  await call("POST /variables/filter", 200, "Variable[]", { limit: 100 });
  await call("DELETE /variables/name/answers", 204, "empty");
});

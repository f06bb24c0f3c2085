/** Flow runs by their task runs, flows and deployments by their runs: what lives in other objects is resolved to ids. */
import { exports } from "cloudflare:workers";
import { expect, test } from "vitest";

const API = "http://sluice.test/api";
async function ask<Answer>(path: string, body: unknown = {}): Promise<Answer> {
  const response = await exports.default.fetch(`${API}${path}`, {
    method: "POST",
    body: JSON.stringify(body),
  });
  expect(response.status, path).toBeLessThan(300);
  return response.json();
}
type Made = { id: string };

const failed = { state: { type: { any_: ["FAILED"] } } };

async function makeRuns() {
  const pool = `pool-${crypto.randomUUID()}`;
  await ask("/work_pools/", { name: pool, type: "process" });
  const [flow, other] = await Promise.all(
    ["a", "b"].map((name) => ask<Made>("/flows/", { name: `${pool}-${name}` })),
  );
  const deployment = await ask<Made>("/deployments/", { name: "d", flow_id: flow?.id, work_pool_name: pool });
  const inPool = await ask<Made>(`/deployments/${deployment.id}/create_flow_run`, {
    name: "in-pool",
    idempotency_key: "k1",
  });
  const alone = await ask<Made>("/flow_runs/", { flow_id: other?.id, name: "alone", idempotency_key: "k2" });
  const idle = await ask<Made>("/flow_runs/", { flow_id: other?.id, name: "idle" });
  const addTask = (run: Made, dynamic_key: string, type: string) =>
    ask("/task_runs/", {
      flow_run_id: run.id,
      task_key: "t",
      dynamic_key,
      name: `${type}-task`,
      state: { type },
    });
  for (const key of ["1", "2"]) await addTask(inPool, key, "FAILED");
  await addTask(alone, "1", "COMPLETED");
  return { flow, other, deployment, inPool, alone, idle };
}

test("flow runs by their task runs, in every question about them", async () => {
  const { flow, other, inPool, alone, idle } = await makeRuns();
  const ours = { flows: { id: { any_: [flow?.id, other?.id] } } };
  const find = async (more: object) =>
    (await ask<Made[]>("/flow_runs/filter", { ...ours, ...more })).map(({ id }) => id).toSorted();
  expect(await find({ task_runs: failed })).toEqual([inPool.id]);
  expect(await find({ task_runs: { name: { like_: "-TASK" } } })).toEqual([inPool.id, alone.id].toSorted());
  expect(await find({ task_runs: failed, flow_runs: { name: { any_: ["alone"] } } })).toEqual([]);
  expect(await find({ task_runs: failed, flow_runs: { id: { any_: [inPool.id, idle.id] } } })).toEqual([
    inPool.id,
  ]);
  expect(await find({ task_runs: { state: null } })).toHaveLength(3);
  expect(await find({ flow_runs: { idempotency_key: { not_any_: ["k1"] } } })).toEqual(
    [alone.id, idle.id].toSorted(),
  );
  const question = { ...ours, task_runs: failed };
  expect(await ask("/flow_runs/count", question)).toBe(1);
  expect(await ask("/flow_runs/paginate", question)).toMatchObject({
    count: 1,
    results: [{ id: inPool.id }],
  });
  expect(await ask("/ui/flow_runs/history", question)).toMatchObject([{ id: inPool.id }]);
  const hour = 3_600_000;
  const history = await ask<{ states: { count_runs: number }[] }[]>("/flow_runs/history", {
    ...question,
    history_start: new Date(Date.now() - hour).toISOString(),
    history_end: new Date(Date.now() + hour).toISOString(),
    history_interval_seconds: 3600,
  });
  expect(history.flatMap(({ states }) => states.map(({ count_runs }) => count_runs))).toEqual([1]);
});

test("flows and deployments by their runs and these runs' task runs", async () => {
  const { flow, other, deployment } = await makeRuns();
  const ours = { flows: { id: { any_: [flow?.id, other?.id] } } };
  const ids = async (path: string, more: object) =>
    (await ask<Made[]>(path, { ...ours, ...more })).map(({ id }) => id);
  expect(await ids("/flows/filter", { task_runs: failed })).toEqual([flow?.id]);
  expect(await ids("/flows/filter", { flow_runs: { name: { any_: ["idle", "alone"] } } })).toEqual([
    other?.id,
  ]);
  expect(await ids("/flows/filter", { flow_runs: { name: { any_: ["none"] } } })).toEqual([]);
  expect(await ids("/flows/filter", { flow_runs: { id: null }, task_runs: {} })).toHaveLength(2);
  expect(await ask("/flows/count", { ...ours, task_runs: failed })).toBe(1);
  expect(await ids("/deployments/filter", { task_runs: failed })).toEqual([deployment.id]);
  expect(await ids("/deployments/filter", { flow_runs: { name: { any_: ["alone"] } } })).toEqual([]);
  expect(await ask("/deployments/paginate", { ...ours, task_runs: failed })).toMatchObject({ count: 1 });
});

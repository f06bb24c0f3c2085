import { expect, test } from "vitest";
import { send } from "./support/send.ts";

let names = 0;
/** A pool and a deployment of its own for each test. */
async function makeDeployment(more: object = {}) {
  names += 1;
  const name = `many-${names}`;
  await send("POST", "/work_pools/", { name, type: "process" });
  const flow = (await send("POST", "/flows/", { name })).body;
  const { body } = await send("POST", "/deployments/", {
    name,
    flow_id: flow.id,
    work_pool_name: name,
    ...more,
  });
  return { id: body.id as string, work_pools: { name: { any_: [name] } } };
}

const createMany = (id: string, runs: object[]) =>
  send("POST", `/deployments/${id}/create_flow_run/bulk`, runs);

test("many runs of a deployment are created at once, each for itself", async () => {
  const { id, work_pools } = await makeDeployment({
    enforce_parameter_schema: true,
    parameter_openapi_schema: { type: "object", properties: { x: { type: "integer" } } },
  });
  const answer = await createMany(id, [
    { parameters: { x: 1 } },
    { parameters: { x: "no" } },
    { name: "third" },
  ]);
  expect(answer).toMatchObject({
    status: 200,
    body: {
      results: [
        { status: "CREATED", error: null },
        { status: "FAILED", flow_run_id: null },
        { status: "CREATED" },
      ],
    },
  });
  expect(answer.body.results[1].error).toMatch(/x/);
  const { body: page } = await send("POST", "/flow_runs/paginate", { work_pools, limit: 1, page: 2 });
  expect(page).toMatchObject({ results: [{ deployment_id: id }], count: 2, limit: 1, pages: 2, page: 2 });
  const deployments = { id: { any_: [id] } };
  const { body: none } = await send("POST", "/deployments/paginate", { deployments, limit: 0 });
  expect(none).toEqual({ results: [], count: 1, limit: 0, pages: 0, page: 1 });
  expect(
    await createMany(
      id,
      Array.from({ length: 101 }, () => ({})),
    ),
  ).toMatchObject({ status: 400 });
  expect((await send("POST", "/flow_runs/count", { work_pools })).body).toBe(2);
  expect(await createMany(crypto.randomUUID(), [])).toMatchObject({ status: 404 });
});

test("many runs take a state, or are deleted, at once", async () => {
  const { id, work_pools } = await makeDeployment();
  const { results } = (await createMany(id, [{ tags: ["a"] }, { tags: ["a"] }, {}])).body;
  const ids = results.map(({ flow_run_id }: { flow_run_id: string }) => flow_run_id);
  const flow_runs = { id: { any_: ids }, tags: { all_: ["a"] } };
  const state = { type: "CANCELLED" };
  const set = await send("POST", "/flow_runs/bulk_set_state", { flow_runs, state });
  expect(set.body.results).toHaveLength(2);
  expect(set.body.results[0]).toMatchObject({ status: "ACCEPT", state: { type: "CANCELLED" } });
  expect(ids).toContain(set.body.results[0].flow_run_id);
  const again = await send("POST", "/flow_runs/bulk_set_state", {
    flow_runs,
    state: { type: "CANCELLING" },
    limit: 1,
  });
  expect(again.body.results).toMatchObject([{ status: "ABORT" }]);
  const gone = await send("POST", "/flow_runs/bulk_delete", { flow_runs });
  expect(gone.body.deleted.toSorted()).toEqual(ids.slice(0, 2).toSorted());
  expect((await send("POST", "/flow_runs/count", { work_pools })).body).toBe(1);
  expect((await send("POST", "/flow_runs/bulk_delete", { flow_runs })).body).toEqual({ deleted: [] });
  expect(await send("POST", "/flow_runs/bulk_delete", { limit: 51 })).toMatchObject({ status: 422 });
});

test("a history counts runs of several pools by stretch and state, and lateness is averaged", async () => {
  const start = Date.now() - 600_000;
  const at = (seconds: number) => new Date(start + seconds * 1000).toISOString();
  const places = [await makeDeployment(), await makeDeployment()];
  const work_pools = { name: { any_: places.flatMap((place) => place.work_pools.name.any_) } };
  for (const { id } of places)
    await createMany(
      id,
      [10, 70].map((seconds) => ({
        state: { type: "SCHEDULED", state_details: { scheduled_time: at(seconds) } },
      })),
    );
  const history = await send("POST", "/flow_runs/history", {
    work_pools,
    history_start: at(0),
    history_end: at(150),
    history_interval_seconds: 60,
  });
  expect(history.status).toBe(200);
  // Each may be marked late meanwhile, which is another state.
  const counts = history.body.map(({ states }: { states: { state_type: string; count_runs: number }[] }) =>
    states.reduce(
      (sum, { state_type, count_runs }) => sum + (state_type === "SCHEDULED" ? count_runs : 0),
      0,
    ),
  );
  expect(counts).toEqual([2, 2, 0]);
  expect(history.body[1].interval_start).toBe(at(60).replace("Z", "000Z"));
  const { body: lateness } = await send("POST", "/flow_runs/lateness", { work_pools });
  expect(lateness).toBeGreaterThan(550);
  expect(lateness).toBeLessThan(570);
  const none = { flow_runs: { id: { any_: [] } } };
  expect((await send("POST", "/flow_runs/lateness", none)).body).toBeNull();
});

test.each(["flow_runs", "task_runs"])("a history of %s has stretches that can be written", async (kind) => {
  const ask = (history_interval_seconds: number) =>
    send("POST", `/${kind}/history`, {
      history_start: "2026-01-01T00:00:00Z",
      history_end: "2026-01-01T01:00:00Z",
      history_interval_seconds,
      flow_runs: { id: { any_: [] } },
    });
  for (const seconds of [0.5, 1e10, 1e308]) expect(await ask(seconds)).toMatchObject({ status: 422 });
  expect((await ask(2700)).body).toEqual([
    {
      interval_start: "2026-01-01T00:00:00.000000Z",
      interval_end: "2026-01-01T00:45:00.000000Z",
      states: [],
    },
    {
      interval_start: "2026-01-01T00:45:00.000000Z",
      interval_end: "2026-01-01T01:30:00.000000Z",
      states: [],
    },
  ]);
  expect((await ask(1)).body).toHaveLength(500);
});

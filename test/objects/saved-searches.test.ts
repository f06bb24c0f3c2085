import { expect, test } from "vitest";
import { send } from "./support/send.ts";

test("a search is saved by its name, replaced, listed and deleted", async () => {
  const filters = [
    { object: "flow_run", property: "state", type: "state", operation: "equals", value: ["FAILED"] },
  ];
  const saved = await send("PUT", "/saved_searches/", { name: "failed", filters });
  expect(saved).toMatchObject({ status: 201, body: { name: "failed", filters } });
  expect(await send("PUT", "/saved_searches/", { name: "failed" })).toMatchObject({
    status: 200,
    body: { id: saved.body.id, filters: [] },
  });
  expect((await send("POST", "/saved_searches/filter", { limit: 5 })).body).toHaveLength(1);
  expect((await send("GET", `/saved_searches/${saved.body.id}`)).body.name).toBe("failed");
  expect((await send("DELETE", `/saved_searches/${saved.body.id}`)).status).toBe(204);
  expect(await send("GET", `/saved_searches/${saved.body.id}`)).toMatchObject({ status: 404 });
  expect(await send("DELETE", `/saved_searches/${saved.body.id}`)).toMatchObject({ status: 404 });
  expect(await send("PUT", "/saved_searches/", { name: "x", filters: [{ object: 1 }] })).toMatchObject({
    status: 422,
  });
});

test("the dashboard counts deployments, runs and task runs for many at once", async () => {
  const [busy, idle] = await Promise.all(
    ["busy", "idle"].map(async (name) => (await send("POST", "/flows/", { name })).body.id),
  );
  const deployment = (await send("POST", "/deployments/", { name: "d", flow_id: busy })).body;
  const at = (seconds: number) => new Date(Date.now() + seconds * 1000).toISOString();
  const make = async (seconds: number) =>
    (
      await send("POST", `/deployments/${deployment.id}/create_flow_run`, {
        state: { type: "SCHEDULED", state_details: { scheduled_time: at(seconds) } },
      })
    ).body.id;
  const later = await make(7200);
  const next = await make(3600);
  const flow_ids = [busy, idle];
  expect((await send("POST", "/ui/flows/count-deployments", { flow_ids })).body).toEqual({
    [busy]: 1,
    [idle]: 0,
  });
  expect((await send("POST", "/ui/flows/next-runs", { flow_ids })).body).toMatchObject({
    [busy]: { id: next, flow_id: busy, state_type: "SCHEDULED" },
    [idle]: null,
  });
  const history = await send("POST", "/ui/flow_runs/history", {
    flows: { id: { any_: [busy] } },
    sort: "EXPECTED_START_TIME_ASC",
    limit: 1000,
  });
  expect(history.body.map(({ id }: { id: string }) => id)).toEqual([next, later]);
  expect(history.body[0]).toMatchObject({ duration: 0, lateness: 0 });
  const counts = await send("POST", "/ui/flow_runs/count-task-runs", { flow_run_ids: [next] });
  expect(counts.body).toEqual({ [next]: 0 });
});

test("there are no automations, and creating one says so", async () => {
  expect((await send("POST", "/automations/filter", {})).body).toEqual([]);
  const created = await send("POST", "/automations/", { name: "a", trigger: {}, actions: [] });
  expect(created.status).toBe(422);
  expect(created.body.detail).toMatch(/no automations/);
  const path = `/automations/${crypto.randomUUID()}`;
  for (const method of ["GET", "PUT", "PATCH", "DELETE"])
    expect(await send(method, path, method === "GET" ? undefined : {})).toMatchObject({ status: 404 });
});

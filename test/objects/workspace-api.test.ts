import { expect, test } from "vitest";
import { send } from "./support/send.ts";

let names = 0;
/** A flow of its own for each test: all share one workspace. */
async function makeFlow(more: object = {}) {
  names += 1;
  const { body } = await send("POST", "/flows/", { name: `flow-${names}`, ...more });
  return body as { id: string; name: string };
}

const WRITTEN_AT = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);

test("a flow is found or created by its name, changed and deleted", async () => {
  const sent = { name: "my flow", tags: ["b", "a"], labels: { kind: "gpu", n: 1 } };
  const created = await send("POST", "/flows/", sent);
  expect(created.status).toBe(201);
  expect(created.body).toEqual({ ...sent, id: created.body.id, created: WRITTEN_AT, updated: WRITTEN_AT });
  expect(await send("POST", "/flows", { name: "my flow", tags: ["c"] })).toMatchObject({
    status: 200,
    body: created.body,
  });
  expect((await send("GET", `/flows/${created.body.id}`)).body).toEqual(created.body);
  expect((await send("GET", "/flows/name/my%20flow")).body).toEqual(created.body);
  expect((await send("PATCH", `/flows/${created.body.id}`, { tags: [] })).status).toBe(204);
  expect((await send("GET", `/flows/${created.body.id}`)).body.tags).toEqual([]);
  expect((await send("DELETE", `/flows/${created.body.id}`)).status).toBe(204);
  expect(await send("GET", `/flows/${created.body.id}`)).toMatchObject({ status: 404 });
  expect(await send("DELETE", `/flows/${created.body.id}`)).toMatchObject({ status: 404 });
});

test.each([
  ["an unknown field", "/flows/", { name: "x", zzz: 1 }, 422],
  ["a forbidden character", "/flows/", { name: "a/b" }, 422],
  ["no name", "/flows/", {}, 422],
  ["an unknown sort", "/flows/filter", { sort: "RANDOM" }, 422],
  ["too much at once", "/flows/filter", { limit: 201 }, 422],
  ["a filter that is none", "/flows/filter", { flow_runs: { id: { any_: "x" } } }, 422],
  ["an unknown flow", "/deployments/", { name: "d", flow_id: "b870b007-c9bc-4c1a-b6a1-a24fa24d000f" }, 409],
  ["a name with upper case", "/variables/", { name: "Foo", value: 1 }, 422],
  ["no value", "/variables/", { name: "foo" }, 422],
])("%s is refused and changes nothing", async (_what, path, body, status) => {
  const answer = await send("POST", path, body);
  expect(answer.status).toBe(status);
  expect(answer.body.detail ?? answer.body.exception_detail?.[0]?.msg).toBeTruthy();
});

test("flows are filtered, sorted and paged as Prefect does", async () => {
  const tag = "filter-flows";
  for (const name of ["f-a", "f-b", "f-C"]) await makeFlow({ name, tags: [tag, name] });
  const list = async (body: object) =>
    (await send("POST", "/flows/filter", body)).body.map(({ name }: { name: string }) => name);
  const tagged = { tags: { all_: [tag] } };
  expect(await list({ flows: tagged })).toEqual(["f-C", "f-a", "f-b"]);
  expect(await list({ flows: tagged, sort: "NAME_DESC", limit: 1, offset: 1 })).toEqual(["f-a"]);
  expect(await list({ flows: { ...tagged, name: { like_: "F-c" } } })).toEqual(["f-C"]);
  expect(await list({ flows: { ...tagged, name: { any_: ["f-a", "zz"] } } })).toEqual(["f-a"]);
  expect(await list({ flows: { ...tagged, id: { any_: [] } } })).toEqual([]);
  expect(await list({ flows: { ...tagged, id: { not_any_: [] } } })).toHaveLength(3);
  expect(await list({ flows: { tags: { all_: [tag, "f-b"] } } })).toEqual(["f-b"]);
  expect(await list({ flows: { tags: { any_: ["f-a", "f-C"] } } })).toEqual(["f-C", "f-a"]);
  expect(
    await list({ flows: { operator: "or_", name: { any_: ["f-a"] }, tags: { all_: ["f-b"] } } }),
  ).toEqual(["f-a", "f-b"]);
  expect(await list({ flows: { ...tagged, deployment: { is_null_: false } } })).toEqual([]);
  expect((await send("POST", "/flows/count", { flows: tagged })).body).toBe(3);
  expect((await send("POST", "/flows/paginate", { flows: tagged, limit: 2, page: 2 })).body).toMatchObject({
    results: [{ name: "f-b" }],
    count: 3,
    pages: 2,
    page: 2,
    limit: 2,
  });
});

test("a deployment keeps what it was given, key by key, and is replaced by flow and name", async () => {
  const flow = await makeFlow({ labels: { team: "vision" } });
  const sent = {
    name: "d",
    flow_id: flow.id,
    paused: true,
    description: "Says äöü",
    version: "1",
    entrypoint: "flows.py:f",
    parameters: { z: 1, a: { y: [1, null, "x"], b: 2.5 } },
    parameter_openapi_schema: {
      type: "object",
      title: "Parameters",
      properties: { z: { position: 0 }, a: { position: 1 } },
    },
    pull_steps: [{ "prefect.deployments.steps.set_working_directory": { directory: "/srv" } }],
    job_variables: { env: { B: "1", A: "2" } },
    tags: ["y", "x"],
    concurrency_options: { collision_strategy: "CANCEL_NEW" },
    labels: { own: true },
  };
  const created = await send("POST", "/deployments/", sent);
  expect(created.status).toBe(201);
  const { labels, ...kept } = sent;
  expect(created.body).toMatchObject({
    ...kept,
    concurrency_options: { collision_strategy: "CANCEL_NEW", grace_period_seconds: null },
    labels: { team: "vision", "prefect.flow.id": flow.id, ...labels },
    schedules: [],
    concurrency_limit: null,
    global_concurrency_limit: null,
    work_pool_name: null,
    work_queue_name: null,
    status: "NOT_READY",
    enforce_parameter_schema: true,
  });
  for (const part of ["parameters", "parameter_openapi_schema", "pull_steps", "job_variables"] as const)
    expect(created.text).toContain(`"${part}":${JSON.stringify(sent[part])}`);
  const path = `/deployments/${created.body.id}`;
  expect((await send("GET", path)).body).toEqual(created.body);
  expect((await send("GET", `/deployments/name/${flow.name}/d`)).body).toEqual(created.body);

  const again = await send("POST", "/deployments/", {
    name: "d",
    flow_id: flow.id,
    version: "2",
    paused: false,
  });
  expect(again.status).toBe(200);
  expect(again.body).toMatchObject({
    id: created.body.id,
    version: "2",
    paused: false,
    description: "Says äöü",
  });

  expect((await send("PATCH", path, { job_variables: {}, description: null })).status).toBe(204);
  expect((await send("GET", path)).body).toMatchObject({
    job_variables: {},
    description: null,
    version: "2",
    tags: ["y", "x"],
  });
  expect((await send("POST", `${path}/pause_deployment`)).status).toBe(200);
  expect((await send("GET", path)).body.paused).toBe(true);
  expect((await send("POST", `${path}/resume_deployment`)).status).toBe(200);
  expect((await send("GET", path)).body.paused).toBe(false);
  expect((await send("DELETE", path)).status).toBe(204);
  expect(await send("GET", path)).toMatchObject({ status: 404, body: { detail: "Deployment not found" } });
  expect(await send("PATCH", path, { paused: true })).toMatchObject({ status: 404 });
  expect(await send("GET", "/deployments/not-a-uuid")).toMatchObject({
    status: 404,
    body: { detail: "Not Found" },
  });
});

test("parameters that say how they are meant become what is meant", async () => {
  const flow = await makeFlow();
  const json = (value: string) => ({ __prefect_kind: "json", value });
  const variable = (variable_name: string) => ({ __prefect_kind: "workspace_variable", variable_name });
  await send("POST", "/variables/", { name: "sizes", value: [1, 2] });
  const schema = { type: "object", properties: { n: { type: "integer" }, sizes: { type: "array" } } };
  const made = await send("POST", "/deployments/", {
    name: "d",
    flow_id: flow.id,
    enforce_parameter_schema: true,
    parameter_openapi_schema: schema,
  });
  const path = `/deployments/${made.body.id}`;
  const run = (parameters: object) => send("POST", `${path}/create_flow_run`, { parameters });

  expect((await send("PATCH", path, { parameters: { n: json("3") } })).status).toBe(204);
  expect((await send("GET", path)).body.parameters).toEqual({ n: 3 });
  expect(await run({ sizes: variable("sizes") })).toMatchObject({
    status: 201,
    body: { parameters: { n: 3, sizes: [1, 2] } },
  });
  expect(await run({ n: json('"x"') })).toMatchObject({ status: 409 });
  for (const [value, reason] of [
    [variable("none"), "Variable 'none' not found in workspace."],
    [json("{"), "Invalid JSON"],
    [{ __prefect_kind: "jinja", template: "{{ 1 }}" }, "Templates are not rendered here."],
  ] as const)
    expect(await run({ n: value })).toMatchObject({
      status: 400,
      body: { detail: `Error hydrating flow run parameters: ${reason}` },
    });
  expect(await send("PATCH", path, { parameters: { n: json("{") } })).toMatchObject({
    status: 400,
    body: { detail: "Error hydrating deployment parameters: Invalid JSON" },
  });
  const many = Object.fromEntries(Array.from({ length: 20 }, (_, n) => [`p${n}`, variable("long")]));
  await send("POST", "/variables/", { name: "long", value: "x".repeat(4900) });
  expect(await run({ sizes: Array.from({ length: 6 }, () => many) })).toMatchObject({ status: 422 });

  const check = (values: object, by: object = schema) =>
    send("POST", "/ui/schemas/validate", { schema: by, values });
  expect(await check({ n: json("3"), sizes: variable("sizes") })).toMatchObject({
    status: 200,
    body: { errors: [], valid: true },
  });
  expect((await check({ n: json("{"), sizes: "x" })).body).toEqual({
    errors: [
      { property: "n", errors: ["Invalid JSON"] },
      { property: "sizes", errors: [expect.stringContaining('"array"')] },
    ],
    valid: false,
  });
  expect((await check({}, { $ref: "#/nowhere" })).status).toBe(422);
  for (const name of ["sizes", "long"]) await send("DELETE", `/variables/name/${name}`);
});

test("an unknown pool is refused in Prefect's words", async () => {
  const flow = await makeFlow();
  const answer = await send("POST", "/deployments/", {
    name: "zz",
    flow_id: flow.id,
    work_pool_name: "NOPE",
  });
  expect(answer).toMatchObject({ status: 404, body: { detail: 'Work pool "NOPE" not found.' } });
  expect((await send("GET", `/deployments/name/${flow.name}/zz`)).status).toBe(404);
});

test("a deployment's own limit comes, changes and goes with it", async () => {
  const flow = await makeFlow();
  const created = await send("POST", "/deployments/", { name: "d", flow_id: flow.id, concurrency_limit: 2 });
  const path = `/deployments/${created.body.id}`;
  const limitPath = `/v2/concurrency_limits/deployment:${created.body.id}`;
  expect(created.body.global_concurrency_limit).toMatchObject({
    name: `deployment:${created.body.id}`,
    limit: 2,
    active: true,
    active_slots: 0,
    slot_decay_per_second: 0,
  });
  expect((await send("GET", path)).body).toEqual(created.body);
  await send("PATCH", path, { concurrency_limit: 3 });
  expect((await send("GET", limitPath)).body.limit).toBe(3);
  await send("PATCH", path, { version: "2" });
  expect((await send("GET", path)).body.global_concurrency_limit.limit).toBe(3);
  await send("PATCH", path, { concurrency_limit: null });
  expect((await send("GET", path)).body.global_concurrency_limit).toBeNull();
  expect((await send("GET", limitPath)).status).toBe(404);
  await send("PATCH", path, { concurrency_limit: 1 });
  expect((await send("GET", limitPath)).status).toBe(200);
  await send("DELETE", `/flows/${flow.id}`);
  expect((await send("GET", path)).status).toBe(404);
  await expect.poll(async () => (await send("GET", limitPath)).status).toBe(404);
});

test("schedules are added, changed, matched by slug and deleted", async () => {
  const flow = await makeFlow();
  const cron = { cron: "0 * * * *", timezone: "Europe/Berlin" };
  const interval = { interval: 3600, anchor_date: "2026-01-01 00:00:00+00:00" };
  const created = await send("POST", "/deployments/", {
    name: "d",
    flow_id: flow.id,
    schedules: [{ schedule: cron }, { schedule: interval, active: false, parameters: { n: 1 } }],
  });
  const path = `/deployments/${created.body.id}`;
  const [first, second] = created.body.schedules;
  expect(first).toEqual({
    id: first.id,
    created: WRITTEN_AT,
    updated: WRITTEN_AT,
    deployment_id: created.body.id,
    schedule: { ...cron, day_or: true },
    active: true,
    max_scheduled_runs: null,
    parameters: {},
    slug: null,
  });
  expect(second).toMatchObject({
    schedule: { interval: 3600, anchor_date: "2026-01-01T00:00:00.000000Z", timezone: "UTC" },
    active: false,
    parameters: { n: 1 },
  });
  const rrule = { rrule: "DTSTART:20200101T000000\nFREQ=DAILY", timezone: "UTC" };
  const added = await send("POST", `${path}/schedules`, [{ schedule: rrule, slug: "daily" }]);
  expect(added).toMatchObject({ status: 201, body: [{ schedule: rrule, slug: "daily", active: true }] });
  expect((await send("PATCH", `${path}/schedules/${added.body[0].id}`, { active: false })).status).toBe(204);
  expect((await send("DELETE", `${path}/schedules/${first.id}`)).status).toBe(204);
  expect((await send("DELETE", `${path}/schedules/${first.id}`)).status).toBe(404);
  expect((await send("GET", `${path}/schedules`)).body).toMatchObject([
    { id: second.id },
    { id: added.body[0].id, active: false, schedule: rrule },
  ]);
  // A list that says the same keeps the schedules that it names, and their ids.
  await send("PATCH", path, { schedules: [{ schedule: interval }, { schedule: cron, slug: "hourly" }] });
  const replaced = (await send("GET", path)).body.schedules;
  expect(replaced).toMatchObject([{ id: second.id }, { slug: "hourly" }]);
  await send("PATCH", path, { schedules: [{ schedule: cron, slug: "hourly" }] });
  await send("PATCH", path, { schedules: [{ slug: "renamed", replaces: "hourly", active: false }] });
  expect((await send("GET", path)).body.schedules).toMatchObject([
    { id: replaced[1].id, slug: "renamed", active: false, schedule: { cron: "0 * * * *" } },
  ]);
  expect((await send("PATCH", path, { schedules: [{ schedule: cron }] })).status).toBe(422);
  expect((await send("PATCH", path, { schedules: [{ slug: "unknown" }] })).status).toBe(422);
  // Schedules that all have slugs stay until somebody deletes them.
  await send("PATCH", path, { schedules: [] });
  await send("PATCH", path, { schedules: [{ schedule: interval, slug: "second" }] });
  const named = (await send("GET", path)).body.schedules;
  expect(named).toMatchObject([{ id: replaced[1].id, slug: "renamed" }, { slug: "second" }]);
  for (const { id } of named) await send("DELETE", `${path}/schedules/${id}`);
  await send("PATCH", path, { schedules: [{ schedule: interval }] });
  await send("PATCH", path, { schedules: [] });
  expect((await send("GET", path)).body.schedules).toEqual([]);
});

test.each([
  ["cron", { cron: "61 * * * *" }, /Invalid cron string/],
  ["rule", { rrule: "FREQ=FORTNIGHTLY" }, /Invalid RRule string/],
  ["time zone", { cron: "* * * * *", timezone: "Mars/Olympus" }, /Unknown timezone/],
])("a bad %s is refused with a reason, and nothing is created", async (_what, schedule, reason) => {
  const flow = await makeFlow();
  const answer = await send("POST", "/deployments/", {
    name: "d",
    flow_id: flow.id,
    schedules: [{ schedule }],
  });
  expect(answer.status).toBe(422);
  expect(answer.body.detail).toMatch(reason);
  expect((await send("GET", `/deployments/name/${flow.name}/d`)).status).toBe(404);
});

test("deployments are filtered by flow, pool, queue, limit and pause", async () => {
  const [one, two] = [await makeFlow(), await makeFlow()];
  const tags = ["filter-deployments"];
  await send("POST", "/deployments/", { name: "a", flow_id: one.id, tags, paused: true });
  await send("POST", "/deployments/", { name: "b", flow_id: one.id, tags, concurrency_limit: 5 });
  await send("POST", "/deployments/", { name: "c", flow_id: two.id, tags, work_queue_name: "queue" });
  const tagged = { tags: { all_: tags } };
  const list = async (body: object) =>
    (await send("POST", "/deployments/filter", body)).body.map(({ name }: { name: string }) => name);
  expect(await list({ deployments: tagged, limit: null, sort: null, flow_runs: null })).toEqual([
    "a",
    "b",
    "c",
  ]);
  expect(await list({ deployments: tagged, flows: { id: { any_: [two.id] } } })).toEqual(["c"]);
  expect(await list({ deployments: tagged, flows: { name: { any_: [one.name] } } })).toEqual(["a", "b"]);
  expect(await list({ deployments: { ...tagged, paused: { eq_: true } } })).toEqual(["a"]);
  expect(await list({ deployments: { ...tagged, concurrency_limit: { ge_: 5 } } })).toEqual(["b"]);
  expect(await list({ deployments: { ...tagged, concurrency_limit: { is_null_: true } } })).toEqual([
    "a",
    "c",
  ]);
  expect(await list({ deployments: { ...tagged, work_queue_name: { any_: ["queue"] } } })).toEqual(["c"]);
  expect(
    await list({ deployments: tagged, work_pool_queues: { name: { startswith_: ["qu", "x"] } } }),
  ).toEqual(["c"]);
  expect(await list({ deployments: tagged, work_pools: { name: { any_: ["p"] } } })).toEqual([]);
  expect(await list({ deployments: { ...tagged, flow_or_deployment_name: { like_: two.name } } })).toEqual([
    "c",
  ]);
  expect(await list({ deployments: tagged, sort: "CONCURRENCY_LIMIT_DESC", limit: 1 })).toEqual(["b"]);
  expect((await send("POST", "/deployments/count", { deployments: tagged })).body).toBe(3);
  expect(
    (await send("POST", "/flows/filter", { deployments: { ...tagged, name: { any_: ["c"] } } })).body,
  ).toMatchObject([{ id: two.id }]);
  const deleted = await send("POST", "/deployments/bulk_delete", { deployments: tagged });
  expect(deleted.body.deleted).toHaveLength(3);
  expect(await list({ deployments: tagged })).toEqual([]);
});

test("flows and deployments are found by the type of their pool", async () => {
  const flow = await makeFlow();
  const deployments = [];
  for (const type of ["process", "other"]) {
    const pool = `${flow.name}-${type}`;
    await send("POST", "/work_pools/", { name: pool, type });
    const sent = { name: type, flow_id: flow.id, work_pool_name: pool };
    deployments.push((await send("POST", "/deployments/", sent)).body.id);
  }
  const find = async (things: string, work_pools: object) => {
    const filter = { flows: { id: { any_: [flow.id] } }, work_pools };
    const { body } = await send("POST", `/${things}/filter`, filter);
    expect((await send("POST", `/${things}/count`, filter)).body).toBe(body.length);
    return body.map(({ id }: { id: string }) => id);
  };
  const other = { type: { any_: ["other"] } };
  expect(await find("deployments", other)).toEqual([deployments[1]]);
  expect(await find("flows", other)).toEqual([flow.id]);
  expect(await find("deployments", { ...other, name: { any_: [`${flow.name}-process`] } })).toEqual([]);
  expect(await find("flows", { type: { any_: ["none"] } })).toEqual([]);
  expect(await find("deployments", { type: null })).toHaveLength(2);
});

test("variables are created, read, changed, listed and deleted", async () => {
  const values = ["text", 1, true, 2.5, null, { b: 1, a: [null] }, [1, "x"]];
  for (const [index, value] of values.entries()) {
    const created = await send("POST", "/variables/", { name: `v-${index}`, value, tags: ["all"] });
    expect(created).toMatchObject({ status: 201, body: { name: `v-${index}`, value, tags: ["all"] } });
    expect((await send("GET", `/variables/name/v-${index}`)).body).toEqual(created.body);
    expect((await send("GET", `/variables/${created.body.id}`)).body).toEqual(created.body);
  }
  expect((await send("POST", "/variables/", { name: "v-1", value: 2 })).status).toBe(409);
  expect((await send("PATCH", "/variables/name/v-1", { value: null, name: "one" })).status).toBe(204);
  expect((await send("GET", "/variables/name/one")).body).toMatchObject({ value: null, tags: ["all"] });
  expect((await send("PATCH", "/variables/name/one", { name: "v-2" })).status).toBe(409);
  expect(await send("GET", "/variables/name/v-1")).toMatchObject({
    status: 404,
    body: { detail: "Variable not found." },
  });
  const filtered = await send("POST", "/variables/filter", {
    variables: { name: { like_: "V-" }, tags: { all_: ["all"] } },
    sort: "NAME_DESC",
    limit: 2,
  });
  expect(filtered.body.map(({ name }: { name: string }) => name)).toEqual(["v-6", "v-5"]);
  expect((await send("POST", "/variables/count", {})).body).toBe(values.length);
  expect((await send("DELETE", "/variables/name/one")).status).toBe(204);
  expect((await send("DELETE", "/variables/name/one")).status).toBe(404);
});

test("the audit log says who changed what, the newest first, page by page", async () => {
  const flow = await makeFlow();
  const { body: deployment } = await send("POST", "/deployments/", { name: "audited", flow_id: flow.id });
  await send("PATCH", `/deployments/${deployment.id}`, { paused: true });
  await send("PATCH", "/deployments/b870b007-c9bc-4c1a-b6a1-a24fa24d000f", { paused: true });
  await send("DELETE", `/flows/${flow.id}`);
  const newest = (await send("GET", "/audit?limit=3")).body;
  expect(newest).toMatchObject([
    { act: "flow.delete", target: { kind: "flow", id: flow.id, name: flow.name }, at: WRITTEN_AT },
    { act: "deployment.delete", target: { kind: "deployment", id: deployment.id, name: "audited" } },
    {
      act: "deployment.pause",
      target: { kind: "deployment", id: deployment.id },
      changes: { paused: { from: false, to: true } },
    },
  ]);
  expect((await send("GET", `/audit?limit=2&before_seq=${newest[2].seq}`)).body).toMatchObject([
    { act: "deployment.create", target: { id: deployment.id } },
    { act: "flow.create", target: { id: flow.id } },
  ]);
});

import { exports } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { app } from "../../src/api/app.ts";

const fetchApi = (path: string, init?: RequestInit) =>
  exports.default.fetch(new Request(`http://sluice.test/api${path}`, init));
const post = (path: string, body: BodyInit, headers: Record<string, string> = {}) =>
  fetchApi(path, { method: "POST", body, headers: { "content-type": "application/json", ...headers } });

describe("routes without an object", () => {
  test.each([
    ["/health", true],
    ["/hello", "👋"],
    ["/version", "0.8.4"],
    ["/admin/version", "3.9.1"],
    ["/admin/storage", { default_result_storage_block_id: null }],
    ["/admin/settings", {}],
    ["/automations/related-to/prefect.deployment.1", []],
  ])("%s", async (path, expected) => {
    for (const written of [path, `${path}/`]) {
      const response = await fetchApi(written);
      expect(response.status).toBe(200);
      expect(await response.json()).toEqual(expected);
    }
  });

  test.each([
    ["prefect/3.4.18 (API 0.8.4)", "3.9.1"],
    ["prefect/3.9.1 (API 0.8.4)", "3.9.1"],
    ["prefect/3.10.2 (API 0.8.4)", "3.10.2"],
    ["prefect/3.10.2 (API 0.9.0)", "3.9.1"],
    ["prefect/4.0.0 (API 0.8.4)", "3.9.1"],
    ["curl/8", "3.9.1"],
  ])("a client that speaks this API is not told that the server is older: %s", async (agent, expected) => {
    const response = await fetchApi("/admin/version", { headers: { "user-agent": agent } });
    expect(await response.json()).toBe(expected);
  });

  test("the catalogue has the process worker and its template", async () => {
    const catalogue = await (await fetchApi("/collections/views/aggregate-worker-metadata")).json();
    expect(catalogue).toMatchObject({
      prefect: {
        process: {
          type: "process",
          default_base_job_configuration: { job_configuration: { command: "{{ command }}" } },
        },
      },
    });
    expect((await fetchApi("/collections/views/constructor")).status).toBe(404);
  });

  test("a deployment's automations are deleted although there are none", async () => {
    const response = await fetchApi("/automations/owned-by/prefect.deployment.1", { method: "DELETE" });
    expect(response.status).toBe(202);
    expect(await response.json()).toBeNull();
  });

  test("a csrf token names its client and lasts", async () => {
    const client = crypto.randomUUID();
    const response = await fetchApi(`/csrf-token?client=${client}`);
    expect(response.status).toBe(200);
    const token = await response.json<{ client: string; expiration: string }>();
    expect(token.client).toBe(client);
    expect(Date.parse(token.expiration)).toBeGreaterThan(Date.now() + 86_400_000);
    expect((await fetchApi("/csrf-token")).status).toBe(422);
  });
});

describe("requests that cannot be read", () => {
  test.each([
    ["malformed JSON", "{"],
    ["an unknown field", JSON.stringify({ logs: { flow: 1 } })],
    ["deep nesting", `${"[".repeat(200_000)}${"]".repeat(200_000)}`],
    ["a number that is too large", JSON.stringify({ limit: 1 }).replace("1", "1e400")],
    ["a text where an object belongs", '"text"'],
  ])("%s is 422 in Prefect's shape", async (_, body) => {
    const response = await post("/logs/filter", body);
    expect(response.status).toBe(422);
    expect(await response.json()).toMatchObject({
      exception_message: "Invalid request received.",
      exception_detail: [
        { loc: expect.arrayContaining(["body"]) as string[], msg: expect.any(String) as string },
      ],
    });
  });

  // As Prefect 3.8.8 answers the same requests.
  test.each([
    [
      "/flows/",
      { name: "x", zzz: 1 },
      { type: "extra_forbidden", loc: ["body", "zzz"], msg: "Extra inputs are not permitted", input: 1 },
    ],
    [
      "/v2/concurrency_limits/",
      { name: "g2", limit: -1 },
      {
        type: "greater_than_equal",
        loc: ["body", "limit"],
        msg: "Input should be greater than or equal to 0",
        input: -1,
        ctx: { ge: 0 },
      },
    ],
    [
      "/v2/concurrency_limits/increment-with-lease",
      { names: ["L1"], slots: 1, mode: "concurrency", lease_duration: 10 },
      {
        type: "greater_than_equal",
        loc: ["body", "lease_duration"],
        msg: "Input should be greater than or equal to 60",
        input: 10,
        ctx: { ge: 60 },
      },
    ],
    [
      "/flows/",
      { tags: [] },
      { type: "missing", loc: ["body", "name"], msg: "Field required", input: { tags: [] } },
    ],
  ])("what does not fit %s is named as Prefect names it", async (path, sent, fault) => {
    const response = await post(path, JSON.stringify(sent));
    expect(response.status).toBe(422);
    expect(await response.json()).toEqual({
      exception_message: "Invalid request received.",
      exception_detail: [fault],
      request_body: sent,
    });
  });

  test("a body of single parameters may have others, and a part of it that is a model may not", async () => {
    for (const resource of ["flow_runs", "task_runs", "flows", "deployments", "variables", "logs"]) {
      const response = await post(`/${resource}/filter`, JSON.stringify({ newer: { any_: [] }, limit: 1 }));
      expect(response.status, resource).toBe(200);
      const strict = await post(`/${resource}/filter`, JSON.stringify({ [resource]: { newer: 1 } }));
      expect(strict.status, resource).toBe(422);
    }
    for (const resource of ["flow_runs", "flows", "deployments"]) {
      const response = await post(`/${resource}/bulk_delete`, JSON.stringify({ newer: { any_: [] } }));
      expect(response.status, resource).toBe(422);
    }
  });

  test("an id that is no UUID is 404, whatever the body", async () => {
    const routes = app.routes.filter(
      ({ method, path }) => ["POST", "PATCH", "PUT"].includes(method) && /:(\w+_)?id\b/.test(path),
    );
    expect(routes.length).toBeGreaterThan(20);
    for (const { method, path } of routes) {
      if (path.includes("waiter_id")) continue;
      const url = path.replace("/api", "").replaceAll(/:(\w+_)?id\b/g, "no-uuid");
      for (const body of ["{", "{}", "[]"])
        expect((await fetchApi(url, { method, body })).status, `${method} ${url} ${body}`).toBe(404);
    }
  });

  test("what fits no kind of schedule is named for the kind that it is nearest to", async () => {
    const schedules = [{ interval: 0 }, { cron: "" }, { interval: 60, when: 1 }];
    const sent = schedules.map((schedule) => ({ schedule, active: true }));
    const response = await post(`/deployments/${crypto.randomUUID()}/schedules`, JSON.stringify(sent));
    expect(await response.json()).toMatchObject({
      exception_detail: [
        { loc: ["body", 0, "schedule", "interval"], type: "greater_than", input: 0 },
        { loc: ["body", 1, "schedule", "cron"], type: "string_too_short", input: "" },
        { loc: ["body", 2, "schedule", "when"], type: "extra_forbidden", input: 1 },
      ],
    });
  });

  test("no value that may be a secret is sent back, and nothing that is long", async () => {
    const secret = "correct horse battery staple";
    for (const [path, sent] of [
      ["/variables/", { name: "v", value: secret, extra: 1 }],
      ["/variables/", { value: { nested: secret } }],
      ["/flow_runs/", { parameters: { token: secret }, job_variables: secret }],
    ] as const) {
      const response = await post(path, JSON.stringify(sent));
      expect(response.status, path).toBe(422);
      const text = await response.text();
      expect(text).not.toContain("horse");
      expect(text).toContain("********");
    }
    const long = await post("/flows/", JSON.stringify({ name: 7, tags: ["x".repeat(500_000)] }));
    expect((await long.text()).length).toBeLessThan(1000);
    const many = Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`key-${index}`, index]));
    expect((await (await post("/flows/", JSON.stringify(many))).text()).length).toBeLessThan(20_000);
  });

  test.each([
    ["no body", "", {}],
    ["null", "null", {}],
    ["another content type", "{}", { "content-type": "text/plain" }],
  ])("%s is taken where everything has a default", async (_, body, headers) => {
    const response = await post("/logs/filter", body, headers);
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual([]);
  });

  test("a body over the cap is 413", async () => {
    const response = await post("/logs/filter", " ".repeat(1024 * 1024 + 1));
    expect(response.status).toBe(413);
    expect(await response.json()).toEqual({ detail: "The request body may have at most 1048576 bytes." });
  });

  test.each([
    ["0.7.9", 400],
    ["latest", 400],
    ["0.8.0", 200],
    ["0.8.4", 200],
    ["1.0.0", 200],
  ])("API version %s is answered %i", async (version, status) => {
    const response = await fetchApi("/health", { headers: { "x-prefect-api-version": version } });
    expect(response.status).toBe(status);
  });

  test("an unknown route is 404 as JSON", async () => {
    for (const path of ["/nothing", "/logs/nothing/at/all", "/automations/not-an-id"]) {
      const response = await fetchApi(path);
      expect(response.status).toBe(404);
      expect(await response.json()).toHaveProperty("detail");
    }
  });
});

interface Described {
  operationId?: string;
  summary?: string;
  responses?: Record<string, unknown>;
  parameters?: { in: string; name: string }[];
}

/** Operations that Prefect has and that are always refused here, with a sentence. */
const ALWAYS_REFUSED: ReadonlySet<string> = new Set([
  "post /api/automations",
  "put /api/automations/{id}",
  "patch /api/automations/{id}",
  "delete /api/automations/{id}",
]);

describe("the OpenAPI file", () => {
  const read = async () => {
    const response = await fetchApi("/openapi.json");
    expect(response.status).toBe(200);
    return response.json<{
      openapi: string;
      paths: Record<string, Record<string, Described>>;
      components: { schemas: Record<string, unknown> };
    }>();
  };
  const listOperations = (paths: Record<string, Record<string, Described>>) =>
    Object.entries(paths).flatMap(([path, operations]) =>
      Object.entries(operations).map(([method, operation]) => ({
        name: `${method} ${path}`,
        path,
        operation,
      })),
    );

  test("has every route of the router's own table", async () => {
    const { openapi, paths } = await read();
    expect(openapi).toMatch(/^3\.1/);
    const described = new Set(listOperations(paths).map(({ name }) => name));
    const routed = app.routes
      .filter(({ method, path }) => method !== "ALL" && !path.endsWith("*") && path !== "/api/openapi.json")
      .map(
        ({ method, path }) =>
          `${method.toLowerCase()} ${path.replace(/\/$/, "").replaceAll(/:([a-z_]+)(\{[^}]*\})?/g, "{$1}")}`,
      );
    expect([...new Set(routed)].filter((name) => !described.has(name))).toEqual([]);
  });

  test("says of each operation what it does, what it answers and what its path takes", async () => {
    const operations = listOperations((await read()).paths);
    const incomplete = operations
      .filter(
        ({ name, path, operation: { summary, responses = {}, parameters = [] } }) =>
          summary === undefined ||
          Object.keys(responses).some((status) => status.startsWith("2") || status === "101") ===
            ALWAYS_REFUSED.has(name) ||
          !["400", "401", "422", "503"].every((status) => status in responses) ||
          [...path.matchAll(/\{([^}]+)\}/g)].some(
            ([, name]) => !parameters.some((parameter) => parameter.in === "path" && parameter.name === name),
          ),
      )
      .map(({ name }) => name);
    expect(incomplete).toEqual([]);
    const ids = operations.map(({ operation }) => operation.operationId);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test("refers only to schemas that it has", async () => {
    const document = await read();
    expect(JSON.stringify(document)).not.toContain('"vendor"');
    const referred = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map(([, ref]) => ref ?? "");
    expect(referred.length).toBeGreaterThan(0);
    const known = new Set(
      Object.keys(document.components.schemas).map((name) => `#/components/schemas/${name}`),
    );
    expect([...new Set(referred)].filter((ref) => !known.has(ref))).toEqual([]);
  });
});

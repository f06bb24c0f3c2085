/** Every route of Prefect's server is served here, or named in the README among those that are not. */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestServer, type TestServer } from "../support/server.ts";

/** Method and path of each operation in the OpenAPI file of Prefect 3.9.1's server. */
const ROUTES = readFileSync(new URL("../fixtures/prefect-routes.txt", import.meta.url), "utf8")
  .trim()
  .split("\n");
const README = readFileSync(new URL("../../README.md", import.meta.url), "utf8");

/** What only Prefect's own dashboard asks, and what comes with automations. */
const NOT_SERVED: readonly string[] = [
  "POST /automations/templates/validate",
  "GET /observed-states",
  "POST /templates/validate",
];

let server: TestServer;
let served: Set<string>;

/** Names of parameters and slashes at the end make no difference. */
const normalize = (route: string) => route.replaceAll(/\{[^}]*\}/g, "{}").replace(/\/$/, "");

beforeAll(async () => {
  server = await startTestServer();
  const document = (await (await fetch(`${server.url}/api/openapi.json`)).json()) as {
    paths: Record<string, object>;
  };
  served = new Set(
    Object.entries(document.paths).flatMap(([path, item]) =>
      Object.keys(item).map((method) => normalize(`${method.toUpperCase()} ${path.replace(/^\/api/, "")}`)),
    ),
  );
});
afterAll(() => server.stop());

test("each of Prefect's routes is served, but for a short list", () => {
  expect(ROUTES.length).toBeGreaterThan(180);
  expect(ROUTES.filter((route) => !served.has(normalize(route)))).toEqual(NOT_SERVED);
});

test.each(NOT_SERVED)("%s answers 404 in Prefect's shape, and the README says so", async (route) => {
  const [method = "", path = ""] = route.split(" ");
  const response = await fetch(`${server.url}/api${path}`, {
    method,
    ...(method !== "GET" && { body: "{}" }),
  });
  expect(response.status).toBe(404);
  expect(await response.json()).toEqual({ detail: "Not Found" });
  expect(README.includes(`\`${path}\``)).toBe(true);
});

import { env } from "cloudflare:workers";
import { createExecutionContext } from "cloudflare:test";
import { describe, expect, test } from "vitest";
import { app } from "../../src/api/app.ts";
import type { Bindings } from "../../src/api/context.ts";

/** What may be read without a key; written here once more, so that nothing is opened by a slip. */
const OPEN_PATHS: ReadonlySet<string> = new Set(["/api/health", "/api/ready"]);
/** Sockets whose first frame may carry the key instead of the upgrade. */
const AUTH_FRAME_PATHS: ReadonlySet<string> = new Set([
  "/api/events/in",
  "/api/events/out",
  "/api/logs/out",
  "/api/task_runs/subscriptions/scheduled",
  "/api/work_pools/:name/workers/connect",
]);
const KEY = "user:päss";
const bindings = env as unknown as Bindings;
/** As deployed: nobody may enter unless a key says so. */
const deployed = (key?: string): Bindings => {
  const { SLUICE_OPEN: _, ...rest } = bindings;
  return key === undefined ? rest : { ...rest, SLUICE_API_KEY: key };
};
const encode = (text: string) => btoa(String.fromCharCode(...new TextEncoder().encode(text)));

/** Every operation of the router's own table, with something in the place of each parameter. */
const routes = [
  ...new Map(
    app.routes
      .filter(({ method, path }) => method !== "ALL" && !path.endsWith("*"))
      .map(({ method, path }) => [
        `${method} ${path}`,
        { method, path, url: path.replaceAll(/:[a-z_]+(\{[^}]*\})?\??/gi, crypto.randomUUID()) },
      ]),
  ).values(),
];
const guarded = routes.filter(({ path }) => !OPEN_PATHS.has(path.replace(/\/$/, "")));
const open = routes.filter(({ path }) => OPEN_PATHS.has(path.replace(/\/$/, "")));

async function ask(
  { method, url }: (typeof routes)[number],
  { key, ...headers }: { key?: string | undefined; authorization?: string; upgrade?: string },
): Promise<{ status: number; body: string }> {
  const hasBody = method !== "GET" && method !== "DELETE";
  const response = await app.fetch(
    new Request(`http://sluice.test${url}`, {
      method,
      headers: { "content-type": "application/json", ...headers },
      ...(hasBody && { body: "{}" }),
    }),
    deployed(key),
    createExecutionContext(),
  );
  if (response.webSocket !== null) {
    response.webSocket.accept();
    response.webSocket.close();
  }
  return { status: response.status, body: await response.text() };
}

/** Asks every route and names those whose answer is not as it must be. */
async function sweep(
  swept: typeof routes,
  request: Parameters<typeof ask>[1],
  isRight: (answer: { status: number; body: string }) => boolean,
): Promise<string[]> {
  const wrong: string[] = [];
  for (const route of swept) {
    const answer = await ask(route, request);
    if (!isRight(answer))
      wrong.push(`${route.method} ${route.path}: ${answer.status} ${answer.body.slice(0, 200)}`);
  }
  return wrong;
}

const isUnauthorized = ({ status, body }: { status: number; body: string }) =>
  status === 401 && body.includes('"exception_message":"Unauthorized"');

test("the sweep sees the routes", () => {
  expect(routes.length).toBeGreaterThan(40);
  expect(open.length).toBe(OPEN_PATHS.size);
});

test("without a key configured every route answers 503 and says what to do", async () => {
  const saysWhat = ({ status, body }: { status: number; body: string }) =>
    status === 503 && body.includes("wrangler secret put SLUICE_API_KEY");
  expect(await sweep(guarded, {}, saysWhat)).toEqual([]);
  expect(await sweep(guarded, { authorization: "Bearer anything" }, saysWhat)).toEqual([]);
  expect(await sweep(guarded, { key: "", authorization: "Bearer " }, saysWhat)).toEqual([]);
  expect(await sweep(guarded, { upgrade: "websocket" }, saysWhat)).toEqual([]);
});

describe("with a key configured", () => {
  test.each([
    ["no credentials", undefined],
    ["a wrong Bearer", "Bearer wrong"],
    ["an empty Bearer", "Bearer "],
    ["a wrong Basic", `Basic ${encode("user:wrong")}`],
    ["a Basic that is no base64", `Basic ${KEY.replace("ä", "a")}`],
    ["another scheme", "Digest user"],
    ["the key without a scheme", "user"],
    ["the start of the key", "Bearer user:p"],
    ["the key and something behind it", `Basic ${encode(KEY)} x`],
  ])("%s is 401 everywhere, sockets included", async (_, authorization) => {
    const headers = authorization === undefined ? {} : { authorization };
    expect(await sweep(guarded, { key: KEY, ...headers }, isUnauthorized)).toEqual([]);
    const sockets = guarded.filter(({ method, path }) => method === "GET" && !AUTH_FRAME_PATHS.has(path));
    expect(await sweep(sockets, { key: KEY, upgrade: "websocket", ...headers }, isUnauthorized)).toEqual([]);
  });

  test.each([
    ["as Basic", KEY, `Basic ${encode(KEY)}`],
    ["as Bearer", "a-plain-key", "Bearer a-plain-key"],
    ["as Bearer with blanks in it", "a pass phrase", "Bearer a pass phrase"],
  ])("the right one opens every route: %s", async (_, key, authorization) => {
    const isIn = ({ status }: { status: number }) => status !== 401 && status !== 403 && status < 500;
    expect(await sweep(guarded, { key, authorization }, isIn)).toEqual([]);
    const sockets = guarded.filter(({ method }) => method === "GET");
    expect(await sweep(sockets, { key, authorization, upgrade: "websocket" }, isIn)).toEqual([]);
  });
});

test("probes need no key, configured or not", async () => {
  const isOk = ({ status }: { status: number }) => status === 200;
  expect(await sweep(open, {}, isOk)).toEqual([]);
  expect(await sweep(open, { key: KEY }, isOk)).toEqual([]);
  const withSlash = open.map((route) => ({ ...route, url: `${route.url}/` }));
  expect(await sweep(withSlash, { key: KEY }, isOk)).toEqual([]);
});

test("an unknown route below the API is 401 to strangers and 404 to others", async () => {
  const nowhere = { method: "GET", path: "/api/nowhere", url: "/api/nowhere" };
  expect((await ask(nowhere, { key: KEY })).status).toBe(401);
  expect((await ask(nowhere, { key: KEY, authorization: `Basic ${encode(KEY)}` })).status).toBe(404);
});

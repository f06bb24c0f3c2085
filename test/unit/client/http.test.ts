import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { describe, expect, test } from "vitest";
import {
  createClient,
  resolveApiUrl,
  resolveAuthorization,
  SluiceApiError,
} from "../../../src/client/index.ts";
import { startScriptedServer } from "./scripted-server.ts";

async function catchError(call: Promise<unknown>): Promise<SluiceApiError> {
  const error = await call.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(error).toBeInstanceOf(SluiceApiError);
  return error as SluiceApiError;
}

describe("repeating calls", () => {
  test("a read is repeated through 503s and a broken connection", async () => {
    await using server = await startScriptedServer((_, index) =>
      index === 0
        ? { status: 503, headers: { "retry-after": "0.05" }, body: { detail: "Service Unavailable" } }
        : index === 1
          ? { status: 200, drops: true }
          : { status: 200, body: true },
    );
    expect(await createClient({ apiUrl: server.apiUrl }).server.health()).toBe(true);
    expect(server.requests).toHaveLength(3);
  });

  test("a POST without a key is sent once, with an idempotency key again with the same body", async () => {
    await using server = await startScriptedServer((_, index) =>
      index < 2 ? { status: 502 } : { status: 201, body: { id: "run" } },
    );
    const client = createClient({ apiUrl: server.apiUrl });
    expect((await catchError(client.deployments.createRun("d", {}))).status).toBe(502);
    expect(server.requests).toHaveLength(1);
    const run = await client.deployments.createRun("d", { idempotency_key: "once" });
    expect(run.id).toBe("run");
    expect(server.requests.slice(1).map(({ body }) => body)).toEqual([
      { idempotency_key: "once" },
      { idempotency_key: "once" },
    ]);
  });

  test("refusals that repeating cannot change are not repeated", async () => {
    await using server = await startScriptedServer(() => ({
      status: 409,
      body: { detail: "A limit named x exists already." },
    }));
    const error = await catchError(createClient({ apiUrl: server.apiUrl }).limits.update("x", { limit: 1 }));
    expect(error).toMatchObject({
      status: 409,
      code: "conflict",
      message: "A limit named x exists already.",
    });
    expect(server.requests).toHaveLength(1);
  });

  test("a signal ends a call that waits to be repeated, with its own reason", async () => {
    const controller = new AbortController();
    const reason = new Error("enough");
    await using server = await startScriptedServer(() => {
      setImmediate(() => controller.abort(reason));
      return { status: 503, headers: { "retry-after": "30" } };
    });
    const call = createClient({ apiUrl: server.apiUrl }).flowRuns.read("r", { signal: controller.signal });
    await expect(call).rejects.toBe(reason);
    expect(server.requests).toHaveLength(1);
  });
});

describe("what went wrong is said in a sentence", () => {
  test("nobody listens: the URL and the command that starts a server, at once", async () => {
    const listener = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => listener.once("listening", resolve));
    const { port } = listener.address() as AddressInfo;
    await new Promise((resolve) => listener.close(resolve));
    const error = await catchError(createClient({ apiUrl: `http://127.0.0.1:${port}/api` }).limits.list());
    expect(error).toMatchObject({ status: 0, code: "unreachable" });
    expect(error.message).toContain(`http://127.0.0.1:${port}/api`);
    expect(error.message).toContain("sluice server start");
  });

  test("single faults of a request are named by field", async () => {
    await using server = await startScriptedServer(() => ({
      status: 422,
      body: {
        exception_message: "Invalid request received.",
        exception_detail: [
          { type: "int", loc: ["body", "limit"], msg: "Input should be greater than or equal to 0" },
        ],
      },
    }));
    const error = await catchError(
      createClient({ apiUrl: server.apiUrl }).limits.create({ name: "x", limit: -1 }),
    );
    expect(error.message).toBe(
      "The server does not accept the request: limit: Input should be greater than or equal to 0.",
    );
  });

  test("a missing key, a page that is no JSON, and a deadline", async () => {
    await using unauthorized = await startScriptedServer(() => ({
      status: 401,
      body: { exception_message: "Unauthorized" },
    }));
    expect(
      (await catchError(createClient({ apiUrl: unauthorized.apiUrl }).server.version())).message,
    ).toContain("SLUICE_API_KEY");
    await using silent = await startScriptedServer(() => new Promise(() => {}));
    const late = await catchError(
      createClient({ apiUrl: silent.apiUrl, timeoutSeconds: 0.05, retries: 0 }).server.version(),
    );
    expect(late.code).toBe("timed_out");
  });
});

test("names may hold anything: they travel as one segment, and the key and the run's identity go along", async () => {
  await using server = await startScriptedServer(() => ({ status: 200, body: {} }));
  const client = createClient({
    apiUrl: `${server.apiUrl}/`,
    apiKey: "secret",
    headers: { "Sluice-Run": "a/b/1" },
  });
  await client.limits.read("gpu:gpu-1 ü?#");
  const [request] = server.requests;
  expect(request?.path).toBe(`/api/v2/concurrency_limits/${encodeURIComponent("gpu:gpu-1 ü?#")}`);
  expect(request?.headers).toMatchObject({ authorization: "Bearer secret", "sluice-run": "a/b/1" });
});

test("the environment decides where the server is and who asks", () => {
  expect(resolveApiUrl({})).toBe("http://127.0.0.1:4200/api");
  expect(resolveApiUrl({ PREFECT_API_URL: "http://p/api/", SLUICE_API_URL: "" })).toBe("http://p/api");
  expect(resolveApiUrl({ SLUICE_API_URL: "http://head:4200/" })).toBe("http://head:4200/api");
  expect(resolveApiUrl({ SLUICE_API_URL: "https://head/sluice/api/" })).toBe("https://head/sluice/api");
  expect(resolveApiUrl({ PREFECT_API_URL: "http://p/api", SLUICE_API_URL: "http://s/api" })).toBe(
    "http://s/api",
  );
  expect(resolveAuthorization({})).toBeUndefined();
  expect(resolveAuthorization({ PREFECT_API_KEY: "k" })).toBe("Bearer k");
  // As with Prefect's clients, where both are set.
  expect(resolveAuthorization({ SLUICE_API_KEY: "k", PREFECT_API_AUTH_STRING: "u:p" })).toBe(
    `Basic ${Buffer.from("u:p").toString("base64")}`,
  );
});

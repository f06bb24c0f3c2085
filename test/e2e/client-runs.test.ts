import { execFile } from "node:child_process";
import { createServer, request as sendRequest, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { concurrency, createClient, SluiceApiError, type Client } from "../../src/client/index.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

const FLOW = fileURLToPath(new URL("../fixtures/adding-flow.ts", import.meta.url));
let server: TestServer;
let client: Client;
beforeAll(async () => {
  server = await startTestServer();
  client = createClient({ apiUrl: `${server.url}/api` });
});
afterAll(() => server.stop());

test("a flow that is started by hand becomes a run with its result", async () => {
  await promisify(execFile)(process.execPath, [FLOW], {
    env: { ...process.env, SLUICE_API_URL: `${server.url}/api` },
  });
  const flow = await client.flows.readByName("adding");
  const [run, ...others] = await client.flowRuns.list({ flows: { id: { any_: [flow.id] } } });
  expect(others).toEqual([]);
  expect(run?.state).toMatchObject({ type: "COMPLETED", data: { type: "inline", value: { sum: null } } });
  const states = await client.flowRuns.states(run?.id ?? "");
  expect(states.map(({ type }) => type)).toEqual(["PENDING", "RUNNING", "COMPLETED"]);
});

test("a run that waits is cancelled at once, and a run that never was is said to be none", async () => {
  await client.workPools.create({ name: "nobody", type: "process" });
  const flow = await client.flows.put({ name: "waits" });
  const deployment = await client.deployments.put({
    name: "waits",
    flow_id: flow.id,
    work_pool_name: "nobody",
  });
  const run = await client.deployments.createRun(deployment.id, { idempotency_key: "once" });
  expect((await client.deployments.createRun(deployment.id, { idempotency_key: "once" })).id).toBe(run.id);
  expect(await client.flowRuns.cancel(run.id)).toMatchObject({
    status: "ACCEPT",
    state: { type: "CANCELLED" },
  });
  await expect(client.deployments.readByName("waits/no-such")).rejects.toThrow(SluiceApiError);
});

test("where a proxy lets no socket through, requests that are held wait instead", async () => {
  const { proxy, countHeld } = await startPlainProxy(server.url);
  try {
    const { port } = proxy.address() as AddressInfo;
    const behind = createClient({ apiUrl: `http://127.0.0.1:${port}/api` });
    await client.limits.create({ name: "behind-a-proxy", limit: 1 });
    const held = await concurrency("behind-a-proxy", { client });
    const order: number[] = [];
    const jobs: Promise<unknown>[] = [];
    for (const index of [1, 2]) {
      jobs.push(concurrency("behind-a-proxy", { client: behind }, () => order.push(index)));
      await expect.poll(async () => (await client.limits.waiters("behind-a-proxy")).length).toBe(index);
    }
    // Until both have given sockets up: who is between two tries when the slot is free may be overtaken.
    await expect.poll(countHeld).toBe(2);
    await held.release();
    await Promise.all(jobs);
    expect(order).toEqual([1, 2]);
  } finally {
    proxy.closeAllConnections();
    proxy.close();
  }
});

/** A proxy that knows nothing of WebSockets: it passes requests on and refuses upgrades. */
async function startPlainProxy(target: string): Promise<{ proxy: Server; countHeld: () => number }> {
  const { host } = new URL(target);
  let held = 0;
  const proxy = createServer((incoming, outgoing) => {
    incoming.once("data", (chunk: Buffer) => {
      if (!/"wait_seconds":[1-9]/.test(chunk.toString())) return;
      held += 1;
      outgoing.once("close", () => (held -= 1));
    });
    const onward = sendRequest(
      new URL(incoming.url ?? "/", target),
      { method: incoming.method, headers: { ...incoming.headers, host } },
      (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
      },
    );
    onward.on("error", () => outgoing.destroy());
    incoming.on("close", () => incoming.destroyed && !incoming.complete && onward.destroy());
    incoming.pipe(onward);
  });
  proxy.on("upgrade", (_, socket) => socket.end("HTTP/1.1 501 Not Implemented\r\nConnection: close\r\n\r\n"));
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  return { proxy, countHeld: () => held };
}

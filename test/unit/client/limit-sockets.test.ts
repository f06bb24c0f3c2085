import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { afterEach, expect, test } from "vitest";
import { WebSocketServer, type WebSocket } from "ws";
import { formatId } from "../../../src/contract/ids.ts";
import type { Grant } from "../../../src/contract/wire/limits.ts";
import { createClient } from "../../../src/client/index.ts";

interface Call {
  id: number;
  acquire?: { request_id: string };
  release?: { lease_id: string };
}

const leaseId = formatId({ layout: "lease", key: "0123456789", head: 1, version: 8, tail: 1 });
const grant: Grant = {
  status: "granted",
  lease_id: leaseId,
  limits: [{ id: leaseId, name: "gpu", limit: 2, fence: 1, slot_names: null }],
  fence: 1,
  expires_in_seconds: 300,
};

const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

/** A server that grants each acquire; on its sockets each frame is answered by `answer`. */
async function start(answer: (calls: Call[], socket: WebSocket) => void) {
  const requests: { path: string; request_id?: string }[] = [];
  const respond = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const { request_id } = JSON.parse((await text(incoming)) || "{}") as { request_id?: string };
    requests.push({ path: incoming.url ?? "", ...(request_id !== undefined && { request_id }) });
    outgoing.end(incoming.url?.endsWith("/acquire") === true ? JSON.stringify(grant) : undefined);
  };
  const http = createServer((incoming, outgoing) => void respond(incoming, outgoing));
  const sockets = new WebSocketServer({ server: http });
  const paths: string[] = [];
  sockets.on("connection", (socket: WebSocket, { url }) => {
    paths.push(url ?? "");
    socket.on("message", (data: Buffer) =>
      answer((JSON.parse(data.toString()) as { calls: Call[] }).calls, socket),
    );
  });
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  stops.push(() => {
    for (const socket of sockets.clients) socket.terminate();
    http.closeAllConnections();
    http.close();
  });
  const client = createClient({ apiUrl: `http://127.0.0.1:${(http.address() as AddressInfo).port}/api` });
  let asked = 0;
  const acquire = (options = {}) => {
    asked += 1;
    return client.limits.acquire({ names: ["gpu"], request_id: `request ${asked}` }, options);
  };
  return { client, requests, paths, sockets, acquire };
}

/** Acquires until the client has a socket. */
async function openBy({ acquire, sockets, requests }: Awaited<ReturnType<typeof start>>): Promise<void> {
  for (let index = 0; index < 3; index += 1) await acquire();
  await expect.poll(() => sockets.clients.size).toBe(1);
  // The server knows of a socket before its client does.
  await expect
    .poll(async () => {
      const before = requests.length;
      await acquire();
      return requests.length - before;
    })
    .toBe(0);
}

const grantAll = (calls: Call[], socket: WebSocket): void =>
  socket.send(
    JSON.stringify({
      answers: calls.map(({ id, acquire }) => ({ id, ok: true, value: acquire ? grant : null })),
    }),
  );

test("two acquires make no socket, the third does; acquires and releases are frames from then on", async () => {
  const frames: Call[][] = [];
  const server = await start((calls, socket) => {
    frames.push(calls);
    grantAll(calls, socket);
  });
  await server.acquire();
  await server.acquire();
  expect(server.sockets.clients.size).toBe(0);
  await openBy(server);
  expect(server.paths).toEqual(["/api/v2/concurrency_limits/gpu/calls"]);
  const { length } = server.requests;
  frames.length = 0;
  await Promise.all([server.acquire(), server.acquire(), server.client.limits.release(leaseId)]);
  // What is called in the same moment goes in one frame.
  expect(frames.map((calls) => calls.map(({ release }) => release !== undefined))).toEqual([
    [false, false, true],
  ]);
  expect(server.requests).toHaveLength(length);
});

test("what is held, and what concerns several limits, is asked by requests", async () => {
  const server = await start(grantAll);
  await openBy(server);
  const { length } = server.requests;
  const ask = { request_id: "more", names: ["gpu"] };
  await server.client.limits.acquire({ ...ask, wait_seconds: 1 });
  await server.client.limits.acquire({ ...ask, names: ["gpu", "licence"] });
  await server.client.limits.acquire({ ...ask, names: ["licence"] });
  expect(server.requests).toHaveLength(length + 3);
});

test.each([
  [
    "is refused",
    (calls: Call[], socket: WebSocket) =>
      socket.send(
        JSON.stringify({
          answers: calls.map(({ id }) => ({ id, ok: false, error: { code: "unavailable", detail: "" } })),
        }),
      ),
  ],
  ["ends with its socket", (_: Call[], socket: WebSocket) => socket.terminate()],
])("a call that %s is made by a request, under the same request id", async (_, fault) => {
  const asked: (string | undefined)[] = [];
  let isFaulty = false;
  const server = await start((calls, socket) => {
    if (!isFaulty) return grantAll(calls, socket);
    asked.push(...calls.map(({ acquire }) => acquire?.request_id));
    fault(calls, socket);
  });
  await openBy(server);
  isFaulty = true;
  const { length } = server.requests;
  expect(await server.acquire()).toEqual(grant);
  await server.client.limits.release(leaseId);
  const [first, second, ...more] = server.requests.slice(length);
  expect(first).toEqual({ path: "/api/v2/concurrency_limits/acquire", request_id: asked[0] });
  expect(second?.path).toBe("/api/v2/concurrency_limits/decrement-with-lease");
  expect(more).toEqual([]);
});

test("who names headers of a call makes a request, which has them", async () => {
  const server = await start(grantAll);
  await openBy(server);
  const { length } = server.requests;
  await server.acquire({ headers: { "Sluice-Run": "another" } });
  expect(server.requests).toHaveLength(length + 1);
});

test.each([
  ["no JSON", "<h1>Bad gateway</h1>"],
  ["no object", "null"],
  ["something else", JSON.stringify({ type: "pong" })],
  ["no text", Buffer.from("{}")],
])("a frame that is %s ends the socket, and nothing else", async (_, frame) => {
  let isFaulty = false;
  const server = await start((calls, socket) => {
    if (isFaulty) socket.send(frame);
    else grantAll(calls, socket);
  });
  await openBy(server);
  isFaulty = true;
  expect(await server.acquire()).toEqual(grant);
  await expect.poll(() => server.sockets.clients.size).toBe(0);
});

test("a socket that the server closes in order is opened again when it is worth it", async () => {
  let isOld = false;
  const server = await start((calls, socket) => {
    grantAll(calls, socket);
    if (isOld) socket.close(1000);
    isOld = false;
  });
  await openBy(server);
  isOld = true;
  const { length } = server.requests;
  await server.acquire();
  await expect.poll(() => server.sockets.clients.size).toBe(0);
  expect(server.requests).toHaveLength(length);
  await openBy(server);
});

test("who gives up while a call is on its way hears of it at once", async () => {
  let isMute = false;
  const server = await start((calls, socket) => {
    if (!isMute) grantAll(calls, socket);
  });
  await openBy(server);
  isMute = true;
  const controller = new AbortController();
  const call = server.acquire({ signal: controller.signal });
  controller.abort(new Error("enough"));
  await expect(call).rejects.toThrow("enough");
});

test(
  "a call that is not answered is made by a request, and the socket is left",
  { timeout: 15_000 },
  async () => {
    let isMute = false;
    const server = await start((calls, socket) => {
      if (!isMute) grantAll(calls, socket);
    });
    await openBy(server);
    isMute = true;
    expect(await server.acquire()).toEqual(grant);
    await expect.poll(() => server.sockets.clients.size).toBe(0);
    const { length } = server.requests;
    for (let index = 0; index < 3; index += 1) await server.acquire();
    expect(server.requests).toHaveLength(length + 3);
    expect(server.sockets.clients.size).toBe(0);
  },
);

test("a call waits no longer than it may, and a server that closes nothing is left", async () => {
  let isMute = false;
  const server = await start((calls, socket) => {
    if (isMute) socket.pause();
    else grantAll(calls, socket);
  });
  await openBy(server);
  isMute = true;
  const startedAt = performance.now();
  expect(await server.acquire({ timeoutSeconds: 0.5 })).toEqual(grant);
  expect(performance.now() - startedAt).toBeLessThan(3000);
  for (const socket of server.sockets.clients) socket.resume();
  await expect.poll(() => server.sockets.clients.size).toBe(0);
});

test("a client that is closed makes the request that a call on a socket comes to", async () => {
  const refusals: (() => void)[] = [];
  let isHolding = false;
  const server = await start((calls, socket) => {
    if (!isHolding) return grantAll(calls, socket);
    const error = { code: "unavailable", detail: "" };
    refusals.push(() =>
      socket.send(JSON.stringify({ answers: calls.map(({ id }) => ({ id, ok: false, error })) })),
    );
  });
  await openBy(server);
  isHolding = true;
  const release = server.client.limits.release(leaseId);
  await expect.poll(() => refusals.length).toBe(1);
  const closing = server.client.close();
  for (const refuse of refusals) refuse();
  await Promise.all([release, closing]);
  expect(server.requests.at(-1)?.path).toBe("/api/v2/concurrency_limits/decrement-with-lease");
});

test("what is asked just before the client is closed is done, socket or no socket", async () => {
  const server = await start(grantAll);
  const release = server.client.limits.release(leaseId);
  await Promise.all([release, server.client.close()]);
  expect(server.requests).toHaveLength(1);
});

test("closing the client closes its sockets, once what was asked there is answered", async () => {
  const answers: (() => void)[] = [];
  let isHolding = false;
  const server = await start((calls, socket) => {
    if (isHolding) answers.push(() => grantAll(calls, socket));
    else grantAll(calls, socket);
  });
  await openBy(server);
  isHolding = true;
  const release = server.client.limits.release(leaseId);
  await expect.poll(() => answers.length).toBe(1);
  const { length } = server.requests;
  const closing = server.client.close();
  for (const answer of answers) answer();
  await Promise.all([release, closing]);
  expect(server.requests).toHaveLength(length);
  await expect.poll(() => server.sockets.clients.size).toBe(0);
});

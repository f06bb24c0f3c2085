import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { WebSocketServer, type WebSocket } from "ws";
import { createClient } from "../../../src/client/index.ts";
import { waitOnSocket } from "../../../src/client/wait-socket.ts";
import { monotonicMs } from "../../../src/client/monotonic.ts";

const place = { status: "waiting", blocking_limit: "gpu", position: 1, blockers: [], retry_after_seconds: 0 };
const offered = { type: "waiting", ...place, reason: "offered" };
const full = { type: "waiting", ...place, reason: "full" };
const granted = { type: "granted", status: "granted", lease_id: "x", limits: [], expires_in_seconds: 60 };

/** Waits on a socket of a server that answers each frame by `script`. */
async function wait(script: (said: string, say: (frame: object) => void) => void) {
  const http = createServer();
  const sockets = new WebSocketServer({ server: http });
  const heard: string[] = [];
  sockets.on("connection", (socket: WebSocket) =>
    socket.on("message", (data: Buffer) => {
      const { type } = JSON.parse(data.toString()) as { type: string };
      heard.push(type);
      script(`${type} ${heard.length}`, (frame) => socket.send(JSON.stringify(frame)));
    }),
  );
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  try {
    const client = createClient({ apiUrl: `http://127.0.0.1:${(http.address() as AddressInfo).port}/api` });
    const outcome = await waitOnSocket(
      client.http,
      { names: ["gpu"], request_id: "one" },
      { signal: new AbortController().signal, onWaiting: () => {} },
    );
    return { outcome, heard };
  } finally {
    for (const socket of sockets.clients) socket.terminate();
    http.close();
  }
}

test("what is offered is taken on the same socket, once, though the offer is told twice", async () => {
  let tookAt = 0;
  const { outcome, heard } = await wait((said, say) => {
    if (said === "acquire 1") say(full);
    if (said === "acquire 1") say(offered);
    if (said !== "take 2") return;
    tookAt = monotonicMs();
    say(offered);
    // By now the client has heard of the second offer, so a second "take" would come before this is answered.
    setImmediate(() => setImmediate(() => say(granted)));
  });
  expect(heard).toEqual(["acquire", "take"]);
  expect(outcome).toMatchObject({ type: "granted", grant: { lease_id: "x" } });
  expect(outcome.type === "granted" && outcome.countsFromMs).toBeLessThanOrEqual(tookAt);
});

test("who was too late for an offer waits on and takes the next one", async () => {
  const { outcome, heard } = await wait((said, say) => {
    if (said === "acquire 1") say(offered);
    if (said === "take 2") say(full);
    if (said === "take 2") say(offered);
    if (said === "take 3") say(granted);
  });
  expect(heard).toEqual(["acquire", "take", "take"]);
  expect(outcome.type).toBe("granted");
});

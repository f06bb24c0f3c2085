/** The channel of Prefect's workers in the real runtime. */
import { evictDurableObject } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { expect, test } from "vitest";
import { waitFor } from "../support/wait-for.ts";
import { addressOfName, formatAddress } from "../../src/contract/envelope.ts";

const API = "http://sluice.test/api";
const send = (method: string, path: string, body: unknown) =>
  exports.default.fetch(`${API}${path}`, {
    method,
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
const pool = (name: string) => env.WORK_POOL.getByName(formatAddress(addressOfName("default", "pool", name)));

interface Frame {
  type: string;
  payload?: Record<string, unknown>;
}

async function connect(name: string, path = "connect") {
  const response = await exports.default.fetch(`${API}/work_pools/${name}/workers/${path}`, {
    headers: { upgrade: "websocket", "sec-websocket-protocol": "prefect" },
  });
  const { webSocket: socket } = response;
  if (socket === null) throw new Error(`refused: ${response.status}`);
  const frames: Frame[] = [];
  socket.accept();
  socket.addEventListener("message", ({ data }) => {
    frames.push(JSON.parse(String(data)) as Frame);
  });
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.addEventListener("close", ({ code, reason }) => resolve({ code, reason }));
  });
  const say = (type: string, payload?: object) => {
    const head =
      type === "auth" ? { token: null } : { id: crypto.randomUUID(), sent_at: new Date().toISOString() };
    socket.send(JSON.stringify({ type, ...head, ...(payload && { payload }) }));
  };
  return { socket, frames, closed, say };
}

const hello = (more: object = {}) => ({
  consumer_id: crypto.randomUUID(),
  worker_name: "w",
  worker_type: "process",
  heartbeat_interval_seconds: 30,
  supported_channel_versions: ["work_pool_worker_channel.v1"],
  requested_capabilities: ["worker_heartbeat.v1", "work_pool_snapshot.v1", "cleanup_delivery.v1"],
  work_queue_names: [],
  default_base_job_template: {},
  ...more,
});

test("a worker is registered, beats, and sees each change of its pool, also after the pool was evicted", async () => {
  await send("POST", "/work_pools/", { name: "channel", type: "process" });
  const agent = await connect("channel", "agent/socket");
  const { frames, say } = await connect("channel");
  say("auth");
  await waitFor(() => expect(frames).toEqual([{ type: "auth_success" }]));
  const who = hello();
  say("worker.hello.v1", who);
  await waitFor(() =>
    expect(frames[1]).toMatchObject({
      type: "worker.ready.v1",
      payload: {
        consumer_id: who.consumer_id,
        accepted_capabilities: ["worker_heartbeat.v1", "work_pool_snapshot.v1"],
        rejected_capabilities: ["cleanup_delivery.v1"],
        resolved_work_queues: [{ name: "default" }],
        initial_snapshot: { snapshot_sequence: 1, reason: "initial", work_pool: { name: "channel" } },
      },
    }),
  );
  const workers = await (await send("POST", "/work_pools/channel/workers/filter", {})).json<object[]>();
  expect(workers).toMatchObject([{ name: "w", status: "ONLINE", heartbeat_interval_seconds: 30 }]);
  await evictDurableObject(pool("channel"));
  say("worker.heartbeat.v1", {
    consumer_id: who.consumer_id,
    worker_name: "w",
    heartbeat_interval_seconds: 30,
  });
  await send("PATCH", "/work_pools/channel", { is_paused: true });
  await waitFor(() =>
    expect(frames.slice(2)).toMatchObject([
      {
        type: "work_pool.snapshot.v1",
        payload: { snapshot_sequence: 2, work_pool: { is_paused: true, status: "PAUSED" } },
      },
    ]),
  );
  // Wakes are for agents: a worker would take them for a breach of the protocol.
  expect(agent.frames).toMatchObject([{ type: "wake" }]);
});

test("a pool without a template takes the one of its first worker", async () => {
  await send("POST", "/work_pools/", { name: "bare", type: "process" });
  const { frames, say } = await connect("bare");
  const template = {
    job_configuration: { command: "{{ command }}" },
    variables: { properties: { command: {} } },
  };
  say("auth");
  await waitFor(() => expect(frames).toHaveLength(1));
  say("worker.hello.v1", hello({ default_base_job_template: template }));
  await waitFor(() =>
    expect(frames[1]).toMatchObject({
      payload: { initial_snapshot: { work_pool: { base_job_template: template } } },
    }),
  );
});

test.each([
  ["no auth frame", "worker.hello.v1", undefined, 1008, "authentication_failed"],
  ["no hello", "auth", { type: "worker.heartbeat.v1" }, 1002, "protocol_error"],
  ["another version", "auth", hello({ supported_channel_versions: ["v9"] }), 1008, "unsupported_version"],
  ["an unknown queue", "auth", hello({ work_queue_names: ["nowhere"] }), 1008, "authorization_failed"],
])("%s ends the channel and says why", async (_, first, second, code, reason) => {
  await send("POST", "/work_pools/", { name: "strict", type: "process" });
  const { frames, say, closed } = await connect("strict");
  say(first);
  if (first === "auth") {
    await waitFor(() => expect(frames).toHaveLength(1));
    say("worker.hello.v1", second);
  }
  expect(await closed).toEqual({ code, reason });
});

test("a pool that does not exist has no channel, and is not made by the question", async () => {
  await expect(connect("nowhere")).rejects.toThrow("404");
});

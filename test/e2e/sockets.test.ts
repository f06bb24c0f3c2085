/** The sockets of Prefect's clients against a real server with a key: handshakes, and what survives the server's death. */
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { afterAll, beforeAll, expect, test } from "vitest";
import { waitFor } from "../support/wait-for.ts";
import { WebSocket } from "ws";
import { startTestServer, type TestServer } from "../support/server.ts";

const KEY = "user:p%ss=1";
let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ env: { SLUICE_API_KEY: KEY } });
});
afterAll(() => server.stop());

async function call<Answer = unknown>(method: string, path: string, body?: unknown): Promise<Answer> {
  const response = await fetch(`${server.url}/api${path}`, {
    method,
    headers: {
      authorization: `Basic ${Buffer.from(KEY).toString("base64")}`,
      "content-type": "application/json",
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  return (response.status === 204 ? undefined : await response.json()) as Answer;
}

interface Frame {
  type?: string;
  id?: string;
  event?: { id: string; event: string };
  log?: { message: string };
  payload?: object;
}

/** Connects as Prefect's clients do: subprotocol, ping, then the key in the auth frame. */
async function connect(path: string, token: string | null = KEY) {
  const socket = new WebSocket(`${server.url.replace("http", "ws")}/api${path}`, "prefect");
  const frames: Frame[] = [];
  socket.on("message", (data: Buffer) => frames.push(JSON.parse(data.toString()) as Frame));
  const closed = new Promise<number>((resolve) => socket.on("close", resolve));
  await once(socket, "open");
  expect(socket.protocol).toBe("prefect");
  socket.ping();
  await once(socket, "pong");
  const say = (frame: object) => socket.send(JSON.stringify(frame));
  say({ type: "auth", token });
  return { socket, frames, closed, say };
}

async function enter(path: string) {
  const opened = await connect(path);
  await waitFor(() => expect(opened.frames).toEqual([{ type: "auth_success" }]));
  opened.frames.length = 0;
  return opened;
}

const makeEvent = (resource: string, event = "e2e.happened") => ({
  id: randomUUID(),
  occurred: new Date().toISOString(),
  event,
  resource: { "prefect.resource.id": resource },
});
const makeRun = async (): Promise<string> => {
  const flow = await call<{ id: string }>("POST", "/flows/", { name: "flow" });
  return (await call<{ id: string }>("POST", "/flow_runs/", { flow_id: flow.id })).id;
};

test.each([
  "/events/in",
  "/events/out",
  "/logs/out",
  "/task_runs/subscriptions/scheduled",
  "/work_pools/locked/workers/connect",
])("%s takes the key in the auth frame, and nobody without it", async (path) => {
  if (path.startsWith("/work_pools")) await call("POST", "/work_pools/", { name: "locked", type: "process" });
  for (const token of [null, "wrong"]) expect(await (await connect(path, token)).closed).toBe(1008);
  const { socket } = await enter(path);
  socket.close();
  const bare = new WebSocket(`${server.url.replace("http", "ws")}/api${path}`);
  const [error] = (await once(bare, "error")) as [Error];
  expect(error.message).toMatch(/401|400/);
});

test("events that were taken survive the server's death, are not doubled, and are replayed", async () => {
  const resource = `thing.${randomUUID()}`;
  const filter = { resource: { id: [resource] } };
  const sender = await enter("/events/in");
  const events = Array.from({ length: 50 }, () => makeEvent(resource));
  for (const event of events) sender.say(event);
  const count = async () => (await call<{ total: number }>("POST", "/events/filter", { filter })).total;
  await waitFor(async () => expect(await count()).toBe(50));
  await server.kill9();
  expect(await sender.closed).toBe(1006);
  await server.restart();
  const again = await enter("/events/in");
  const last = makeEvent(resource);
  for (const event of [...events, last]) again.say(event);
  const listener = await enter("/events/out");
  listener.say({ type: "filter", filter });
  const heard = () => new Set(listener.frames.map(({ event }) => event?.id));
  await waitFor(() => expect(heard()).toEqual(new Set([...events, last].map(({ id }) => id))));
  expect(await count()).toBe(51);
});

test("a listener hears the states and the logs of a run", async () => {
  const run = await makeRun();
  const [states, logs] = [await enter("/events/out"), await enter("/logs/out")];
  states.say({ type: "filter", filter: { any_resource: { id: [`prefect.flow-run.${run}`] } } });
  logs.say({ type: "filter", filter: { flow_run_id: { any_: [run] } } });
  for (const type of ["RUNNING", "COMPLETED"])
    await call("POST", `/flow_runs/${run}/set_state`, { state: { type } });
  const timestamp = new Date(Date.now() + 1000).toISOString();
  await call("POST", "/logs/", [{ name: "n", level: 20, message: "hello", timestamp, flow_run_id: run }]);
  await waitFor(() => {
    expect(states.frames.map(({ event }) => event?.event)).toContain("prefect.flow-run.Completed");
    expect(logs.frames.map(({ log }) => log?.message)).toEqual(["hello"]);
  });
});

test("a task run that a process reports, and a background task that one gets after another has died", async () => {
  const [run, task, key] = [await makeRun(), randomUUID(), randomUUID()];
  const engine = await enter("/events/in");
  engine.say({
    ...makeEvent(`prefect.task-run.${task}`, "prefect.task-run.Completed"),
    resource: { "prefect.resource.id": `prefect.task-run.${task}`, "prefect.orchestration": "client" },
    related: [{ "prefect.resource.id": `prefect.flow-run.${run}`, "prefect.resource.role": "flow-run" }],
    payload: {
      validated_state: { type: "COMPLETED", name: "Completed" },
      task_run: { task_key: "t", dynamic_key: "0", name: "t-0" },
    },
  });
  await waitFor(async () =>
    expect(await call("GET", `/task_runs/${task}`)).toMatchObject({ name: "t-0", flow_run_id: run }),
  );
  const state = { type: "SCHEDULED", state_details: { deferred: true } };
  const { id } = await call<{ id: string }>("POST", "/task_runs/", {
    task_key: key,
    dynamic_key: "0",
    state,
  });
  const serve = async () => {
    const worker = await enter("/task_runs/subscriptions/scheduled");
    worker.say({ type: "subscribe", keys: [key], client_id: "w" });
    await waitFor(() => expect(worker.frames).toMatchObject([{ id, task_key: key }]));
    return worker;
  };
  // The first one dies without a word.
  (await serve()).socket.terminate();
  (await serve()).say({ type: "ack" });
});

test("a worker that beats on its channel is online", async () => {
  await call("POST", "/work_pools/", { name: "channel", type: "process" });
  const { frames, say } = await enter("/work_pools/channel/workers/connect");
  const frame = (type: string, payload: object) => ({
    type,
    id: randomUUID(),
    sent_at: new Date().toISOString(),
    payload,
  });
  const consumer_id = randomUUID();
  say(
    frame("worker.hello.v1", {
      consumer_id,
      worker_name: "w",
      worker_type: "process",
      heartbeat_interval_seconds: 30,
      supported_channel_versions: ["work_pool_worker_channel.v1"],
      requested_capabilities: ["worker_heartbeat.v1", "work_pool_snapshot.v1"],
    }),
  );
  await waitFor(() => expect(frames).toMatchObject([{ type: "worker.ready.v1" }]));
  expect(await call("POST", "/work_pools/channel/workers/filter", {})).toMatchObject([{ status: "ONLINE" }]);
});

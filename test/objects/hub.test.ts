/** The hub in the real runtime: sockets with their handshake, replay and live events, across eviction. */
import { env, exports } from "cloudflare:workers";
import {
  createExecutionContext,
  evictDurableObject,
  reset,
  runDurableObjectAlarm,
  runInDurableObject,
} from "cloudflare:test";
import { describe, expect, test } from "vitest";
import { waitFor } from "../support/wait-for.ts";
import { app } from "../../src/api/app.ts";
import type { Bindings } from "../../src/api/context.ts";
import { addressOfHub, addressOfKey, formatAddress } from "../../src/contract/envelope.ts";
import { keyOfId } from "../../src/contract/ids.ts";
import type { ReceivedEvent } from "../../src/contract/wire/events.ts";

const API = "http://sluice.test/api";
const hub = () => env.EVENT_HUB.getByName(formatAddress(addressOfHub("default")));
const iso = (ms: number) => new Date(ms).toISOString();

/** An event about a thing of its own, so that tests do not meet each other's. */
const makeEvent = (resource: string, more: object = {}) => ({
  id: crypto.randomUUID(),
  occurred: iso(Date.now()),
  event: "prefect.test.happened",
  resource: { "prefect.resource.id": resource },
  related: [],
  payload: {},
  ...more,
});

const post = (path: string, body: unknown) =>
  exports.default.fetch(`${API}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
const make = async (path: string, body: unknown): Promise<{ id: string }> => {
  const response = await post(path, body);
  expect(response.ok).toBe(true);
  return response.json();
};
const patch = (path: string, body: unknown) =>
  exports.default.fetch(`${API}${path}`, { method: "PATCH", body: JSON.stringify(body) });
const remove = (path: string) => exports.default.fetch(`${API}${path}`, { method: "DELETE" });
const filter = async (
  body: unknown,
): Promise<{ events: ReceivedEvent[]; total: number; next_page: string | null }> => {
  const response = await post("/events/filter", body);
  expect(response.status).toBe(200);
  return response.json();
};
const about = (resource: string) => ({ resource: { id: [resource] } });

interface Heard {
  socket: WebSocket;
  frames: { type: string; event?: ReceivedEvent }[];
  close: Promise<{ code: number; reason: string }>;
  response: Response;
}

async function open(
  path: string,
  { headers = {}, key }: { headers?: object; key?: string } = {},
): Promise<Heard> {
  const request = new Request(`${API}${path}`, {
    headers: { upgrade: "websocket", "sec-websocket-protocol": "prefect", ...headers },
  });
  const { SLUICE_OPEN: _, ...closed } = env as unknown as Bindings;
  const response = await (key === undefined
    ? exports.default.fetch(request)
    : app.fetch(request, { ...closed, SLUICE_API_KEY: key }, createExecutionContext()));
  const { webSocket: socket } = response;
  if (socket === null) throw new Error(`refused: ${response.status} ${await response.text()}`);
  const frames: Heard["frames"] = [];
  socket.accept();
  socket.addEventListener("message", ({ data }) => frames.push(JSON.parse(String(data))));
  const close = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.addEventListener("close", ({ code, reason }) => resolve({ code, reason }));
  });
  return { socket, frames, close, response };
}

async function greet(path: string): Promise<Heard> {
  const heard = await open(path);
  heard.socket.send(JSON.stringify({ type: "auth", token: null }));
  await waitFor(() => expect(heard.frames.shift()).toEqual({ type: "auth_success" }));
  return heard;
}

async function listen(wanted: object, more: object = {}): Promise<Heard> {
  const heard = await greet("/events/out");
  heard.socket.send(JSON.stringify({ type: "filter", filter: wanted, ...more }));
  return heard;
}

const idsOf = ({ frames }: Heard) => frames.map(({ event }) => event?.id);

describe("events come in", () => {
  test("over the socket: stored once, however often they are sent, and found", async () => {
    const resource = `thing.${crypto.randomUUID()}`;
    const { socket, response } = await greet("/events/in");
    expect(response.headers.get("sec-websocket-protocol")).toBe("prefect");
    const events = Array.from({ length: 120 }, (_, index) =>
      makeEvent(resource, { occurred: iso(Date.now() - 1000 + index), payload: { index } }),
    );
    for (const event of [...events, ...events]) socket.send(JSON.stringify(event));
    await waitFor(async () => expect((await filter({ filter: about(resource) })).total).toBe(120));
    const first = await filter({ filter: { ...about(resource), order: "ASC" }, limit: 50 });
    const second = await (await exports.default.fetch(first.next_page!)).json<typeof first>();
    const third = await (await exports.default.fetch(second.next_page!)).json<typeof first>();
    expect([...first.events, ...second.events, ...third.events].map(({ id }) => id)).toEqual(
      events.map(({ id }) => id),
    );
    expect([second.total, third.total, third.next_page]).toEqual([120, 120, null]);
    expect(first.events[0]).toMatchObject({ payload: { index: 0 }, follows: null });
  });

  test("over the socket without the subprotocol, as clients before 3.6.14 send them", async () => {
    const resource = `thing.${crypto.randomUUID()}`;
    const { socket, response } = await open("/events/in", { headers: { "sec-websocket-protocol": "" } });
    expect(response.headers.get("sec-websocket-protocol")).toBeNull();
    socket.send(JSON.stringify(makeEvent(resource)));
    await waitFor(async () => expect((await filter({ filter: about(resource) })).total).toBe(1));
  });

  test("over HTTP, all or none", async () => {
    const resource = `thing.${crypto.randomUUID()}`;
    const event = makeEvent(resource);
    expect((await post("/events", [event, event])).status).toBe(204);
    expect((await post("/events/", [event])).status).toBe(204);
    const faulty = await post("/events", [makeEvent(resource), { ...makeEvent(resource), resource: {} }]);
    expect(faulty.status).toBe(422);
    expect((await filter({ filter: about(resource) })).total).toBe(1);
  });

  test("after the hub was evicted, on the same socket", async () => {
    const resource = `thing.${crypto.randomUUID()}`;
    const { socket } = await greet("/events/in");
    const event = makeEvent(resource);
    socket.send(JSON.stringify(event));
    await waitFor(async () => expect((await filter({ filter: about(resource) })).total).toBe(1));
    await evictDurableObject(hub());
    socket.send(JSON.stringify(event));
    socket.send(JSON.stringify(makeEvent(resource)));
    await waitFor(async () => expect((await filter({ filter: about(resource) })).total).toBe(2));
  });

  test.each([
    ["no JSON", "{", 1007],
    ["no event", JSON.stringify({ event: "x" }), 1007],
    ["no text", new Uint8Array([1]), 1003],
  ])("%s closes the socket and says why", async (_, frame, code) => {
    const { socket, close } = await greet("/events/in");
    socket.send(frame);
    expect(await close).toMatchObject({ code, reason: expect.stringMatching(/event|text/) });
  });

  test("one that is too large is dropped, and those behind it are taken", async () => {
    const resource = `thing.${crypto.randomUUID()}`;
    const { socket } = await greet("/events/in");
    socket.send(JSON.stringify(makeEvent(resource, { payload: { text: "x".repeat(1_500_000) } })));
    socket.send(JSON.stringify(makeEvent(resource)));
    await waitFor(async () => expect((await filter({ filter: about(resource) })).total).toBe(1));
  });
});

describe("events go out", () => {
  test("what occurred in the last minutes first, then live, each once and only what is wanted", async () => {
    const resource = `thing.${crypto.randomUUID()}`;
    const old = makeEvent(resource, { occurred: iso(Date.now() - 20 * 60_000) });
    const before = [2000, 1000].map((ago) => makeEvent(resource, { occurred: iso(Date.now() - ago) }));
    await post("/events", [...before.toReversed(), old, makeEvent("another")]);
    const heard = await listen({
      ...about(resource),
      occurred: { since: iso(0), until: "2100-01-01T00:00:00Z" },
    });
    await waitFor(() => expect(idsOf(heard)).toEqual(before.map(({ id }) => id)));
    const live = makeEvent(resource);
    await post("/events", [makeEvent("another"), live]);
    await post("/events", [live]);
    const last = makeEvent(resource);
    await post("/events", [last]);
    await waitFor(() => expect(idsOf(heard)).toEqual([...before, live, last].map(({ id }) => id)));
  });

  test("without the past where that is asked, and on after the hub was evicted", async () => {
    const resource = `thing.${crypto.randomUUID()}`;
    await post("/events", [makeEvent(resource)]);
    const heard = await listen(about(resource), { backfill: false });
    const live = makeEvent(resource);
    // The filter is known when a later frame has been answered; the live event is sent until it is heard.
    await waitFor(async () => {
      await post("/events", [makeEvent(resource)]);
      expect(heard.frames.length).toBeGreaterThan(0);
    });
    await evictDurableObject(hub());
    await post("/events", [live]);
    await waitFor(() => expect(idsOf(heard)).toContain(live.id));
  });

  test.each([
    ["no filter", { type: "hello" }],
    ["a filter with unknown fields", { type: "filter", filter: { colour: "red" } }],
  ])("%s closes the socket with a protocol error", async (_, frame) => {
    const { socket, close } = await greet("/events/out");
    socket.send(JSON.stringify(frame));
    expect(await close).toMatchObject({ code: 1002 });
  });
});

async function makeRun(more: object = {}): Promise<string> {
  const flow = await (await post("/flows/", { name: "flow" })).json<{ id: string }>();
  return (await (await post("/flow_runs/", { flow_id: flow.id, ...more })).json<{ id: string }>()).id;
}

describe("runs make events", () => {
  const setState = (run: string, type: string) => post(`/flow_runs/${run}/set_state`, { state: { type } });
  const namesOf = ({ frames }: Heard) =>
    frames.map(({ event }) => event?.event.replace("prefect.flow-run.", ""));

  test("of their states, also of those just before somebody listens; nobody listens, nothing is stored", async () => {
    await reset();
    const run = await makeRun({ tags: ["blue"] });
    await setState(run, "RUNNING");
    const countRows = () =>
      runInDurableObject(
        hub(),
        (_, { storage }) => storage.sql.exec("SELECT count(*) AS n FROM event").one()["n"],
      );
    // The hub has been asked whether anybody listens when it knows the pool.
    await waitFor(async () =>
      expect(
        await runInDurableObject(hub(), (_, { storage }) =>
          storage.sql.exec("SELECT * FROM source").toArray(),
        ),
      ).toHaveLength(1),
    );
    expect(await countRows()).toBe(0);
    const heard = await listen(about(`prefect.flow-run.${run}`));
    await waitFor(() => expect(new Set(namesOf(heard))).toEqual(new Set(["Pending", "Running"])));
    await setState(run, "COMPLETED");
    await waitFor(() => expect(namesOf(heard)).toContain("Completed"));
    const states = await exports.default.fetch(`${API}/flow_run_states/?flow_run_id=${run}`);
    const [, running, completed] = await states.json<{ id: string; timestamp: string }[]>();
    expect(heard.frames.at(-1)?.event).toMatchObject({
      id: completed?.id,
      occurred: completed?.timestamp,
      follows: running?.id,
      resource: { "prefect.state-type": "COMPLETED", "prefect.run-count": "1" },
      related: expect.arrayContaining([
        { "prefect.resource.id": "prefect.tag.blue", "prefect.resource.role": "tag" },
      ]),
      payload: { intended: { from: "RUNNING", to: "COMPLETED" }, validated_state: { type: "COMPLETED" } },
    });
  });

  test("which name what the run belongs to, with its tags", async () => {
    await reset();
    const flow = await (await post("/flows/", { name: "named", tags: ["of-flow"] })).json<{ id: string }>();
    await post("/work_pools/", { name: "named-pool", type: "process" });
    const made = { name: "d", flow_id: flow.id, work_pool_name: "named-pool", tags: ["of-deployment"] };
    const deployment = await (await post("/deployments/", made)).json<{ id: string }>();
    const heard = await listen({ event: { name: ["prefect.flow-run.Scheduled"] } });
    await post(`/deployments/${deployment.id}/create_flow_run`, { tags: ["of-run"] });
    await waitFor(() => expect(heard.frames).toHaveLength(1));
    const related = heard.frames[0]?.event?.related ?? [];
    expect(
      related.map((labels) => [labels["prefect.resource.role"], labels["prefect.resource.name"]]),
    ).toEqual([
      ["flow", "named"],
      ["deployment", "d"],
      ["work-queue", "default"],
      ["work-pool", "named-pool"],
      ["tag", undefined],
      ["tag", undefined],
      ["tag", undefined],
    ]);
    expect(related.slice(4).map((labels) => labels["prefect.resource.id"])).toEqual([
      "prefect.tag.of-deployment",
      "prefect.tag.of-flow",
      "prefect.tag.of-run",
    ]);
  });

  test("and their processes' heartbeats reach the pool", async () => {
    const run = await makeRun();
    await setState(run, "RUNNING");
    const heartbeat = makeEvent(`prefect.flow-run.${run}`, { event: "prefect.flow-run.heartbeat" });
    await post("/events", [heartbeat]);
    const pool = addressOfKey("default", "pool", keyOfId(run, "flow_run")!);
    const stub = env.WORK_POOL.getByName(formatAddress(pool));
    await waitFor(async () =>
      expect(
        await runInDurableObject(stub, (_, { storage }) =>
          storage.sql.exec("SELECT run_id FROM heartbeat WHERE run_id = ?", run).toArray(),
        ),
      ).toHaveLength(1),
    );
  });

  test("and so do the pauses of pools and queues, and a pool that has a worker again", async () => {
    const heard = await listen({
      event: {
        prefix: ["prefect.work-"],
        exclude_name: ["prefect.work-pool.created", "prefect.work-queue.created"],
      },
    });
    const name = `pool-${crypto.randomUUID()}`;
    await post("/work_pools/", { name, type: "process" });
    await post(`/work_pools/${name}/workers/heartbeat`, { name: "w" });
    await patch(`/work_pools/${name}`, { is_paused: true });
    await patch(`/work_pools/${name}`, { is_paused: false });
    await patch(`/work_pools/${name}/queues/default`, { is_paused: true });
    await waitFor(() =>
      expect(heard.frames.map(({ event }) => event?.event)).toEqual([
        "prefect.work-pool.ready",
        "prefect.work-pool.paused",
        "prefect.work-pool.ready",
        "prefect.work-queue.paused",
      ]),
    );
    expect(heard.frames[0]?.event?.resource).toMatchObject({
      "prefect.resource.name": name,
      "prefect.work-pool.type": "process",
    });
    expect(heard.frames[3]?.event?.related).toMatchObject([{ "prefect.resource.name": name }]);
  });

  test("and so does what is made, changed and deleted in the catalog", async () => {
    const name = `named_${crypto.randomUUID().replaceAll("-", "_")}`;
    const heard = await listen({ resource: { labels: { "prefect.resource.name": [name] } } });
    const flow = await (await post("/flows/", { name })).json<{ id: string }>();
    await post("/deployments/", { name, flow_id: flow.id });
    const changed = { name, flow_id: flow.id, description: "again" };
    const deployment = await (await post("/deployments/", changed)).json<{ id: string }>();
    await remove(`/deployments/${deployment.id}`);
    await post("/variables/", { name, value: 1, tags: ["t"] });
    await remove(`/variables/name/${name}`);
    await waitFor(() =>
      expect(heard.frames.map(({ event }) => event?.event)).toEqual([
        "prefect.flow.created",
        "prefect.deployment.created",
        "prefect.deployment.updated",
        "prefect.deployment.deleted",
        "prefect.variable.created",
        "prefect.variable.deleted",
      ]),
    );
    expect(heard.frames[1]?.event?.related).toMatchObject([
      { "prefect.resource.id": `prefect.flow.${flow.id}`, "prefect.resource.role": "flow" },
    ]);
    expect(heard.frames[4]?.event?.payload).toEqual({ name, value: 1, tags: ["t"] });
  });

  test("and so does what is made, changed and deleted of blocks: no secret, and nothing of a schema", async () => {
    const slug = `type-${crypto.randomUUID()}`;
    const heard = await listen({ event: { prefix: ["prefect.block-"] } });
    const type = await make("/block_types/", { name: slug, slug });
    const fields = { title: slug, block_type_slug: slug, type: "object", secret_fields: ["password"] };
    const of = { block_type_id: type.id, fields, capabilities: ["write-path"] };
    const schema = await make("/block_schemas/", of);
    const data = { user: "ada", password: "pearl", port: 5432 };
    const sent = { name: "mine", data, block_schema_id: schema.id, block_type_id: type.id };
    const { id } = await make("/block_documents/", sent);
    await patch(`/block_documents/${id}`, { data: { user: "grace" } });
    await patch(`/block_types/${type.id}`, { description: "new" });
    await remove(`/block_documents/${id}`);
    await remove(`/block_types/${type.id}`);
    await waitFor(() =>
      expect(heard.frames.map(({ event }) => event?.event)).toEqual([
        "prefect.block-type.created",
        "prefect.block-document.created",
        "prefect.block-document.updated",
        "prefect.block-type.updated",
        "prefect.block-document.deleted",
        "prefect.block-type.deleted",
      ]),
    );
    const [made, saved, changed] = heard.frames.map(({ event }) => event);
    expect(made).toMatchObject({
      resource: { "prefect.resource.id": `prefect.block-type.${type.id}`, "prefect.resource.name": slug },
      related: [],
      payload: { name: slug, slug, logo_url: null, is_protected: false },
    });
    const block_schema = { capabilities: ["write-path"], block_type: { id: type.id, name: slug } };
    expect(saved).toMatchObject({
      resource: { "prefect.resource.id": `prefect.block-document.${id}`, "prefect.resource.name": "mine" },
      related: [
        {
          "prefect.resource.id": `prefect.block-type.${type.id}`,
          "prefect.resource.role": "block-type",
          "prefect.resource.name": slug,
        },
        {
          "prefect.resource.id": `prefect.block-schema.${schema.id}`,
          "prefect.resource.role": "block-schema",
        },
      ],
    });
    expect(saved?.payload).toEqual({ name: "mine", data: { user: "ada" }, block_schema });
    expect(changed?.payload).toEqual({ name: "mine", data: { user: "grace" }, block_schema });
  });

  test("of artifacts: of the newest of a key, which a change of it does not touch", async () => {
    const key = `report-${crypto.randomUUID()}`;
    const heard = await listen({ resource: { labels: { "prefect.resource.name": [key] } } });
    const flow_run_id = await makeRun();
    const first = await make("/artifacts/", { key, type: "markdown", data: "# 1", flow_run_id });
    await patch(`/artifacts/${first.id}`, { description: "changed" });
    const second = await make("/artifacts/", { key, type: "table", data: "[]" });
    for (const { id } of [second, first]) await remove(`/artifacts/${id}`);
    await waitFor(() =>
      expect(
        heard.frames.map(({ event }) => [event?.event, event?.related[0]?.["prefect.resource.id"]]),
      ).toEqual([
        ["prefect.artifact-collection.created", `prefect.artifact.${first.id}`],
        ["prefect.artifact-collection.updated", `prefect.artifact.${second.id}`],
        ["prefect.artifact-collection.updated", `prefect.artifact.${first.id}`],
        ["prefect.artifact-collection.deleted", `prefect.artifact.${first.id}`],
      ]),
    );
    const events = heard.frames.map(({ event }) => event);
    expect(new Set(events.map((event) => event?.resource["prefect.resource.id"])).size).toBe(1);
    expect(events[0]?.payload).toEqual({ key, type: "markdown" });
    expect(events[0]?.related.map((labels) => labels["prefect.resource.role"])).toEqual([
      "latest",
      "flow-run",
    ]);
  });

  test("of limits, also of tags, and not of a deployment's own", async () => {
    const heard = await listen({ event: { prefix: ["prefect.concurrency-limit."] } });
    const name = `limit-${crypto.randomUUID()}`;
    const flow = await make("/flows/", { name });
    const deployment = await make("/deployments/", { name, flow_id: flow.id, concurrency_limit: 1 });
    await waitFor(async () => {
      const own = await exports.default.fetch(`${API}/v2/concurrency_limits/deployment:${deployment.id}`);
      expect(own.status).toBe(200);
    });
    const limit = await make("/v2/concurrency_limits/", { name, limit: 2 });
    await patch(`/v2/concurrency_limits/${name}`, { limit: 3 });
    await remove(`/v2/concurrency_limits/${name}`);
    await make("/concurrency_limits/", { tag: name, concurrency_limit: 1 });
    await waitFor(() =>
      expect(
        heard.frames.map(({ event }) => [event?.event.split(".").at(-1), event?.resource, event?.payload]),
      ).toMatchObject([
        ["created", { "prefect.resource.id": `prefect.concurrency-limit.${limit.id}` }, { name, limit: 2 }],
        [
          "updated",
          { "prefect.resource.name": name },
          { name, limit: 3, active: true, slot_decay_per_second: 0 },
        ],
        ["deleted", { "prefect.resource.name": name }, { name, limit: 3 }],
        ["created", { "prefect.resource.name": `tag:${name}` }, { limit: 1 }],
      ]),
    );
  });

  test("of their cancelling, in any case", async () => {
    const heard = await listen({ event: { name: ["prefect.flow-run.Cancelling"] } });
    const run = await makeRun();
    await setState(run, "RUNNING");
    await setState(run, "CANCELLING");
    await waitFor(() =>
      expect(heard.frames).toMatchObject([
        { event: { resource: { "prefect.resource.id": `prefect.flow-run.${run}` } } },
      ]),
    );
  });
});

describe("background tasks", () => {
  const schedule = async (task_key: string): Promise<string> => {
    const state = { type: "SCHEDULED", state_details: { deferred: true } };
    const response = await post("/task_runs/", { task_key, dynamic_key: crypto.randomUUID(), state });
    return (await response.json<{ id: string }>()).id;
  };
  const serve = async (
    ...keys: string[]
  ): Promise<Heard & { taken: () => unknown[]; say: (type: string) => void }> => {
    const heard = await greet("/task_runs/subscriptions/scheduled");
    const say = (type: string, more: object = {}) => heard.socket.send(JSON.stringify({ type, ...more }));
    say("subscribe", { keys, client_id: "me" });
    return { ...heard, say, taken: () => heard.frames.map((frame) => (frame as { id?: string }).id) };
  };

  test("come one after the other, each to one process that serves them, in their order", async () => {
    const [key, other] = [crypto.randomUUID(), crypto.randomUUID()];
    const [first, second, third] = [await schedule(key), await schedule(key), await schedule(key)];
    await schedule(other);
    const one = await serve(key);
    await waitFor(() => expect(one.taken()).toEqual([first]));
    const workers = await post("/task_workers/filter", { task_worker_filter: { task_keys: [key] } });
    expect(await workers.json()).toMatchObject([{ identifier: "me", task_keys: [key] }]);
    await evictDurableObject(hub());
    const two = await serve(key, crypto.randomUUID());
    await waitFor(() => expect(two.taken()).toEqual([second]));
    two.say("ack");
    await waitFor(() => expect(two.taken()).toEqual([second, third]));
    two.say("ack");
    one.say("ack");
    const last = await schedule(key);
    await waitFor(() =>
      expect(new Set([...one.taken(), ...two.taken()])).toEqual(new Set([first, second, third, last])),
    );
  });

  test("that were not acknowledged are for another process when the socket ends; deleted ones are for none", async () => {
    const key = crypto.randomUUID();
    const [first, second] = [await schedule(key), await schedule(key)];
    const one = await serve(key);
    await waitFor(() => expect(one.taken()).toEqual([first]));
    const response = await exports.default.fetch(`${API}/task_runs/${second}`, { method: "DELETE" });
    expect(response.status).toBe(204);
    const third = await schedule(key);
    one.socket.close();
    const two = await serve(key);
    await waitFor(() => expect(two.taken()).toEqual([first]));
    two.say("ack");
    await waitFor(() => expect(two.taken()).toEqual([first, third]));
    two.say("quit");
    expect(await two.close).toMatchObject({ code: 1000 });
  });

  test.each([
    ["no keys", { type: "subscribe", keys: [], client_id: "me" }],
    ["an ack of nothing", { type: "ack" }],
  ])("%s is a protocol violation", async (_, frame) => {
    const { socket, close } = await greet("/task_runs/subscriptions/scheduled");
    socket.send(JSON.stringify(frame));
    expect(await close).toMatchObject({ code: 4001, reason: expect.stringContaining("Protocol violation") });
  });
});

// A hub that is asked for logs does not sleep, so whatever evicts it comes before these.
describe("logs go out", () => {
  const write = (flow_run_id: string, message: string, more: object = {}) =>
    post("/logs/", [{ name: "n", level: 20, message, timestamp: iso(Date.now()), flow_run_id, ...more }]);
  const follow = async (wanted: object): Promise<Heard> => {
    const heard = await greet("/logs/out");
    heard.socket.send(JSON.stringify({ type: "filter", filter: wanted }));
    return heard;
  };
  const messagesOf = ({ frames }: Heard) =>
    frames.map((frame) => (frame as unknown as { log: { message: string } }).log.message);

  test("those of a run, since the time that the filter says, then live", async () => {
    const run = await makeRun();
    await write(run, "old", { timestamp: iso(Date.now() - 120_000) });
    await write(run, "before");
    await write(run, "debug", { level: 10 });
    const heard = await follow({
      flow_run_id: { any_: [crypto.randomUUID(), run] },
      level: { ge_: 20 },
      timestamp: { after_: iso(Date.now() - 60_000) },
    });
    await waitFor(() => expect(messagesOf(heard)).toEqual(["before"]));
    await write(await makeRun(), "of another run");
    await write(run, "live");
    await waitFor(() => expect(messagesOf(heard)).toEqual(["before", "live"]));
  });

  test.each([
    ["of no run", {}, /Name the flow runs/],
    ["with unknown fields", { colour: "red" }, /Invalid filter/],
  ])("%s: the socket is closed and says why", async (_, wanted, reason) => {
    expect(await (await follow(wanted)).close).toMatchObject({
      code: 1002,
      reason: expect.stringMatching(reason),
    });
  });
});

describe("with a key", () => {
  const key = "user:pass";
  test("a socket without the subprotocol is refused, and one without auth frame hears nothing", async () => {
    await expect(open("/events/in", { key, headers: { "sec-websocket-protocol": "" } })).rejects.toThrow(
      "401",
    );
    const heard = await open("/events/out", { key });
    heard.socket.send(JSON.stringify({ type: "filter", filter: {} }));
    expect(await heard.close).toEqual({ code: 1008, reason: "Expected 'auth' message" });
  });
});

test("events are counted by name, by resource and by stretches of time", async () => {
  const resource = `thing.${crypto.randomUUID()}`;
  // Events are kept for a week.
  const day = iso(Date.now() - 86_400_000).slice(0, 10);
  const at = Date.parse(`${day}T10:30:00Z`);
  await post("/events", [
    makeEvent(resource, { occurred: iso(at), event: "a" }),
    makeEvent(resource, { occurred: iso(at + 60_000), event: "b" }),
    makeEvent(resource, { occurred: iso(at + 3_600_000), event: "b" }),
  ]);
  const occurred = { since: `${day}T10:00:00Z`, until: `${day}T11:59:59Z` };
  const count = async (by: string, more: object = {}) => {
    const response = await post(`/events/count-by/${by}`, {
      filter: { ...about(resource), occurred },
      ...more,
    });
    return response.json<{ label: string; count: number; start_time: string }[]>();
  };
  expect((await count("event")).map(({ label, count }) => [label, count])).toEqual([
    ["b", 2],
    ["a", 1],
  ]);
  expect(await count("resource")).toMatchObject([{ value: resource, count: 3 }]);
  expect(
    (await count("time", { time_unit: "hour" })).map(({ start_time, count }) => [start_time, count]),
  ).toEqual([
    [`${day}T10:00:00.000000Z`, 2],
    [`${day}T11:00:00.000000Z`, 1],
  ]);
  expect((await post("/events/count-by/time", { time_unit: "second" })).status).toBe(422);
  expect((await post("/events/count-by/time", { time_interval: 1e300 })).status).toBe(422);
  expect((await post("/events/count-by/time", { time_unit: "week", time_interval: 10_000 })).status).toBe(
    200,
  );
});

test("a page token that is none of ours is forbidden", async () => {
  for (const token of ["", "x", btoa("{}")])
    expect((await exports.default.fetch(`${API}/events/filter/next?page-token=${token}`)).status).toBe(403);
});

test("what occurred more than a week ago goes", async () => {
  const resource = `thing.${crypto.randomUUID()}`;
  await post("/events", [
    makeEvent(resource),
    makeEvent(resource, { occurred: iso(Date.now() - 8 * 86_400_000) }),
  ]);
  await waitFor(async () => {
    await runDurableObjectAlarm(hub());
    expect((await filter({ filter: about(resource) })).total).toBe(1);
  });
  expect(await runInDurableObject(hub(), (_, state) => state.storage.getAlarm())).not.toBeNull();
});

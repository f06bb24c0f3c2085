/** The pool's object in the real runtime: sockets across hibernation, wakes, aborts, alarms at any time. */
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { expect, test } from "vitest";
import { waitFor } from "../support/wait-for.ts";
import { addressOfName, formatAddress } from "../../src/contract/envelope.ts";
import type { Result } from "../../src/contract/errors.ts";
import type { ObjectRpc } from "../../src/objects/shared/stub.ts";
import type { Worker } from "../../src/contract/wire/work-pools.ts";
import { draftRun } from "../support/run-draft.ts";

const FLOW = "0f9a1c52-0000-4000-8000-000000000001";

const draft = draftRun({ flow_id: FLOW, deployment_id: FLOW });

function poolNamed(name: string) {
  const address = addressOfName("default", "pool", name);
  const stub = env.WORK_POOL.getByName(formatAddress(address));
  const ask = async (operation: string, command: unknown): Promise<Result<unknown>> =>
    // A handle of an object that was aborted stays broken, so each call takes a fresh one.
    (env.WORK_POOL.getByName(formatAddress(address)) as unknown as ObjectRpc).execute({
      v: 1,
      address,
      name,
      actor: "test",
      request_id: crypto.randomUUID(),
      operation,
      command,
    });
  const must = async <Answer>(operation: string, command: unknown): Promise<Answer> => {
    const result = await ask(operation, command);
    if (!result.ok) throw new Error(`${operation}: ${result.error.detail}`);
    return result.value as Answer;
  };
  return { stub, ask, must };
}

async function connect(pool: string, worker: string): Promise<{ socket: WebSocket; frames: string[] }> {
  const response = await exports.default.fetch(
    `http://sluice.test/api/work_pools/${pool}/workers/${worker}/socket`,
    { headers: { upgrade: "websocket" } },
  );
  const { webSocket: socket } = response;
  if (socket === null) throw new Error(`The socket was refused: ${response.status}`);
  const frames: string[] = [];
  socket.accept();
  socket.addEventListener("message", ({ data }) => {
    frames.push(String(data));
  });
  return { socket, frames };
}

test("the pings of an agent's socket say when it was heard of last, across hibernation", async () => {
  const { stub, must } = poolNamed("pings");
  await must("create", { name: "pings" });
  const beat = {
    session_id: crypto.randomUUID(),
    session_seconds: 60,
    work_queue_names: [],
    labels: {},
    gpus: [],
  };
  for (const name of ["w1", "w2"]) await must("beat", { ...beat, name });
  const heard = async (): Promise<(string | null)[]> =>
    (await must<Worker[]>("filter_workers", { limit: 10, offset: 0 })).map(
      ({ last_heartbeat_time }) => last_heartbeat_time,
    );
  const [registered, silent] = await heard();
  await waitFor(() => expect(new Date().toISOString() > (registered ?? "")).toBe(true));
  const { socket, frames } = await connect("pings", "w1");
  const [opened] = await heard();
  expect(opened! > registered!).toBe(true);
  await evictDurableObject(stub);
  await waitFor(() => expect(new Date().toISOString() > (opened ?? "")).toBe(true));
  socket.send("ping");
  await waitFor(() => expect(frames).toContain("pong"));
  const [pinged, other] = await heard();
  expect(pinged! > opened!).toBe(true);
  expect(other).toBe(silent);
  socket.close();
  // What they told is written down when the socket is gone.
  await waitFor(async () => {
    const rows = await runInDurableObject(stub, (_, { storage }) =>
      storage.sql.exec("SELECT closed_at, last_heartbeat_at FROM worker WHERE name = 'w1'").toArray(),
    );
    expect(rows).toEqual([{ closed_at: expect.any(Number), last_heartbeat_at: Date.parse(pinged!) }]);
  });
});

test("an agent's socket survives hibernation: pings are answered, wakes arrive, one frame for many runs", async () => {
  const { stub, must } = poolNamed("sockets");
  await must("create", { name: "sockets" });
  const { socket, frames } = await connect("sockets", "w1");
  await evictDurableObject(stub);
  socket.send("ping");
  await waitFor(() => expect(frames).toEqual(["pong"]));
  await Promise.all(Array.from({ length: 5 }, () => must("create_run", { draft, deployment: null })));
  await waitFor(() => expect(frames.length).toBeGreaterThan(1));
  expect(JSON.parse(frames[1] ?? "")).toEqual({ type: "wake", reason: "run_ready" });
  socket.close();
});

test("a cancel wakes only the agent that has the run", async () => {
  const { must } = poolNamed("cancels");
  await must("create", { name: "cancels" });
  const [mine, other] = [await connect("cancels", "w1"), await connect("cancels", "w2")];
  const { flow_run } = await must<{ flow_run: { id: string } }>("create_run", { draft, deployment: null });
  const session_id = crypto.randomUUID();
  await must("beat", {
    name: "w1",
    session_id,
    session_seconds: 60,
    work_queue_names: [],
    labels: {},
    gpus: [],
  });
  const attempt_id = crypto.randomUUID();
  const { claims } = await must<{ claims: unknown[] }>("claim", {
    worker_name: "w1",
    session_id,
    attempt_ids: [attempt_id],
    work_queue_names: [],
  });
  expect(claims).toHaveLength(1);
  const state = { type: "CANCELLING", name: "Cancelling" };
  await must("set_state", { id: flow_run.id, state, is_forced: false, run: null });
  await waitFor(() => expect(mine.frames.join()).toContain("cancel"));
  expect(other.frames.join()).not.toContain("cancel");
  mine.socket.close();
  other.socket.close();
});

test("an object that is aborted in the middle has done all of an operation or nothing", async () => {
  const { stub, must } = poolNamed("aborts");
  await must("create", { name: "aborts" });
  const { flow_run } = await must<{ flow_run: { id: string } }>("create_run", { draft, deployment: null });
  const session_id = crypto.randomUUID();
  const beat = { name: "w1", session_id, session_seconds: 60, work_queue_names: [], labels: {}, gpus: [] };
  await must("beat", beat);
  const claim = { worker_name: "w1", session_id, attempt_ids: [crypto.randomUUID()], work_queue_names: [] };
  const asked = must("claim", claim).catch(() => null);
  await runInDurableObject(stub, (_, state) => {
    state.abort("test");
  }).catch(() => null);
  await asked;
  await waitFor(() => must("read", {}));
  const { claims } = await must<{ claims: { flow_run: { id: string }; fence: number }[] }>("claim", claim);
  expect(claims.map(({ flow_run: run, fence }) => [run.id, fence])).toEqual([[flow_run.id, 1]]);
});

test("alarms early, twice and after an eviction change nothing", async () => {
  const { stub, must } = poolNamed("alarms");
  await must("create", { name: "alarms" });
  const scheduled_time = new Date(Date.now() + 3_600_000).toISOString().replace("Z", "000Z");
  const { flow_run } = await must<{ flow_run: { id: string } }>("create_run", {
    draft: { ...draft, state: { type: "SCHEDULED", state_details: { scheduled_time } } },
    deployment: null,
  });
  const before = await must("read_run", { id: flow_run.id });
  for (let round = 0; round < 3; round += 1) {
    await runDurableObjectAlarm(stub);
    await evictDurableObject(stub);
    await runDurableObjectAlarm(stub);
  }
  const after = await must<{ state_id: string }>("read_run", { id: flow_run.id });
  expect(after.state_id).toBe((before as { state_id: string }).state_id);
  // The alarm stands again where the run becomes due.
  const alarm = await runInDurableObject(stub, (_, state) => state.storage.getAlarm());
  expect(alarm).toBe(Date.parse(scheduled_time));
});

test("a probe of a pool that nobody made leaves nothing behind", async () => {
  const { stub, ask } = poolNamed("nobody");
  expect(await ask("read", {})).toMatchObject({ ok: false, error: { code: "not_found" } });
  expect(await ask("filter_runs", { filter: {}, sort: "ID_DESC", limit: 1, offset: 0 })).toMatchObject({
    ok: false,
  });
  await expect(connect("nobody", "w1")).rejects.toThrow("404");
  const tables = await runInDurableObject(stub, (_, state) =>
    state.storage.sql.exec("SELECT name FROM sqlite_master").toArray(),
  );
  expect(tables).toEqual([]);
});

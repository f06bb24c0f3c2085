/** The socket on which a process makes its acquires and releases of one limit. */
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { expect, test } from "vitest";
import { LIMIT_CALLS_MAX } from "../../src/contract/bounds.ts";
import { addressOfName, formatAddress } from "../../src/contract/envelope.ts";
import { formatRunIdentity, RUN_IDENTITY_HEADER } from "../../src/contract/wire/agents.ts";
import type { Grant, LeaseRecord, Limit, LimitAnswers, Waiting } from "../../src/contract/wire/limits.ts";
import { API, send } from "./support/send.ts";

const LIMITS = "/v2/concurrency_limits";

const create = (name: string, limit: number) => send("POST", `${LIMITS}/`, { name, limit });
const occupied = async (name: string) =>
  ((await send("GET", `${LIMITS}/${encodeURIComponent(name)}`)).body as Limit).active_slots;
const upgrade = (name: string, headers: Record<string, string> = {}) =>
  exports.default.fetch(`${API}${LIMITS}/${encodeURIComponent(name)}/calls`, {
    headers: { upgrade: "websocket", ...headers },
  });

type Answer = LimitAnswers["answers"][number];

async function open(name: string, headers: Record<string, string> = {}) {
  const { webSocket: socket, status } = await upgrade(name, headers);
  expect(status).toBe(101);
  if (socket === null) throw new Error("no socket");
  const answers = new Map<number, Answer>();
  let frames = 0;
  let closed: number | undefined;
  socket.accept();
  socket.addEventListener("message", ({ data }) => {
    frames += 1;
    for (const answer of (JSON.parse(String(data)) as LimitAnswers).answers) answers.set(answer.id, answer);
  });
  socket.addEventListener("close", ({ code }) => {
    closed = code;
  });
  const call = async (calls: { id: number; [field: string]: unknown }[]): Promise<Answer[]> => {
    socket.send(JSON.stringify({ calls }));
    await expect.poll(() => calls.every(({ id }) => answers.has(id))).toBe(true);
    return calls.map(({ id }) => answers.get(id) as Answer);
  };
  return { socket, call, frames: () => frames, closed: () => closed };
}

const acquire = (id: number, names: string[], request_id: string, more: object = {}) => ({
  id,
  acquire: { names, request_id, ...more },
});
const granted = (answer: Answer | undefined): Grant => {
  expect(answer).toMatchObject({ ok: true, value: { status: "granted" } });
  return (answer as { value: Grant }).value;
};

test("several calls come and go in one frame each, and mean what requests mean", async () => {
  await create("gpu:a", 2);
  const { call, frames } = await open("gpu:a");
  const [one, two, three] = await call([
    acquire(1, ["gpu:a"], "one", { note: "first" }),
    acquire(2, ["gpu:a"], "two"),
    acquire(3, ["gpu:a"], "three"),
  ]);
  expect(frames()).toBe(1);
  const [first, second] = [granted(one), granted(two)];
  expect((second.fence ?? 0) - (first.fence ?? 0)).toBe(1);
  expect((three as { value: Waiting }).value).toMatchObject({
    status: "waiting",
    reason: "full",
    position: 1,
  });
  const holders = (await send("GET", `${LIMITS}/gpu:a/holders`)).body as LeaseRecord[];
  expect(holders.map(({ note }) => note)).toEqual(["first", null]);
  const [again] = await call([acquire(4, ["gpu:a"], "one")]);
  expect(granted(again)).toMatchObject({ lease_id: first.lease_id, fence: first.fence });
  const release = (id: number) => ({ id, release: { lease_id: first.lease_id } });
  expect(await call([release(5), release(6)])).toEqual([
    { id: 5, ok: true, value: null },
    { id: 6, ok: true, value: null },
  ]);
  // The request id is the same wherever it is used: a request takes what the socket was offered.
  const { body } = await send("POST", `${LIMITS}/acquire`, { names: ["gpu:a"], request_id: "three" });
  expect(body).toMatchObject({ status: "granted" });
  expect(await occupied("gpu:a")).toBe(2);
});

test("the socket outlives an eviction and the limit's end", async () => {
  await create("gpu:b", 1);
  const { call } = await open("gpu:b");
  const [before] = await call([acquire(1, ["gpu:b"], "one")]);
  await evictDurableObject(
    env.CONCURRENCY_LIMIT.getByName(formatAddress(addressOfName("default", "limit", "gpu:b"))),
  );
  expect(await call([{ id: 2, release: { lease_id: granted(before).lease_id } }])).toMatchObject([
    { ok: true },
  ]);
  await send("DELETE", `${LIMITS}/gpu:b`);
  expect(await call([acquire(3, ["gpu:b"], "two")])).toMatchObject([
    { ok: false, error: { code: "not_found" } },
  ]);
  await create("gpu:b", 1);
  const [after] = await call([acquire(4, ["gpu:b"], "three")]);
  expect(granted(after).fence).toBeGreaterThan(0);
});

test("a call that cannot be read is refused alone; other limits are not called here", async () => {
  await create("gpu:c", 3);
  await create("gpu:d", 1);
  const foreign = (await send("POST", `${LIMITS}/acquire`, { names: ["gpu:d"], request_id: "held" }))
    .body as Grant;
  const { call } = await open("gpu:c");
  const answers = await call([
    acquire(1, ["gpu:c"], "one", { slots: "many" }),
    acquire(2, ["gpu:d"], "two"),
    acquire(3, ["gpu:c", "gpu:d"], "three"),
    { id: 4, steal: {} },
    { id: 5, release: { lease_id: crypto.randomUUID() } },
    acquire(6, ["gpu:c"], "six", { slots: 4 }),
    // Nothing is held on this socket: it answers at once.
    acquire(7, ["gpu:c"], "seven", { slots: 3, wait_seconds: 25 }),
    acquire(8, ["gpu:c"], "eight", { wait_seconds: 25 }),
    { id: 9, release: { lease_id: foreign.lease_id } },
  ]);
  for (const answer of answers.slice(0, 4))
    expect(answer).toMatchObject({ ok: false, error: { code: "invalid" } });
  // As by a request: who does not hold any more has nothing to give back.
  expect(answers[4]).toMatchObject({ ok: true });
  expect(answers[5]).toMatchObject({ ok: false, error: { code: "invalid" } });
  granted(answers[6]);
  expect(answers[7]).toMatchObject({ ok: true, value: { status: "waiting" } });
  expect(answers[0]).toMatchObject({
    error: { detail: "acquire.slots: Invalid input: expected number, received string" },
  });
  expect(answers[8]).toMatchObject({ ok: false, error: { code: "invalid" } });
  expect(await occupied("gpu:d")).toBe(1);
});

test("a socket that has been open for long is closed behind an answer: who opens another shows the key again", async () => {
  await create("gpu:g", 1);
  const { call, closed } = await open("gpu:g");
  const stub = env.CONCURRENCY_LIMIT.getByName(formatAddress(addressOfName("default", "limit", "gpu:g")));
  await runInDurableObject(stub, (_, state) => {
    for (const socket of state.getWebSockets())
      socket.serializeAttachment({
        ...(socket.deserializeAttachment() as object),
        opened_at: Date.now() - 4_000_000,
      });
  });
  const [answer] = await call([acquire(1, ["gpu:g"], "one")]);
  granted(answer);
  await expect.poll(closed).toBe(1000);
});

test.each([
  ["no JSON", "acquire"],
  ["no calls", JSON.stringify({ calls: [] })],
  ["a call without an id", JSON.stringify({ calls: [{ acquire: {} }] })],
  [
    "too many calls",
    JSON.stringify({ calls: Array.from({ length: LIMIT_CALLS_MAX + 1 }, (_, id) => ({ id, acquire: {} })) }),
  ],
  ["too long a frame", JSON.stringify({ calls: [{ id: 1, note: "x".repeat(300_000) }] })],
])("a frame that is none closes the socket: %s", async (_, frame) => {
  await create("gpu:e", 1);
  const { socket, closed } = await open("gpu:e");
  socket.send(frame);
  await expect.poll(closed).toBe(1008);
});

test("there is no socket where there is no limit, and none without an upgrade", async () => {
  expect((await upgrade("gpu:nowhere")).status).toBe(404);
  expect((await send("GET", `${LIMITS}/gpu:a/calls`)).status).toBe(400);
});

test("what is acquired on the socket is its run's", async () => {
  await create("gpu:f", 1);
  const run = { flow_run_id: crypto.randomUUID(), attempt_id: crypto.randomUUID(), fence: 3 };
  const { call } = await open("gpu:f", { [RUN_IDENTITY_HEADER]: formatRunIdentity(run) });
  await call([acquire(1, ["gpu:f"], "one")]);
  const [holder] = (await send("GET", `${LIMITS}/gpu:f/holders`)).body as LeaseRecord[];
  expect(holder?.run).toEqual(run);
});

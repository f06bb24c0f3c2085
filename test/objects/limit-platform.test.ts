/** What only the platform can show: sockets, eviction, abort, alarms, and requests that are really held. */
import {
  abortAllDurableObjects,
  evictDurableObject,
  runDurableObjectAlarm,
  runInDurableObject,
} from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { expect, test } from "vitest";
import { addressOfName, formatAddress } from "../../src/contract/envelope.ts";

const LIMITS = "http://sluice.test/api/v2/concurrency_limits";

async function send(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  const response = await exports.default.fetch(`${LIMITS}${path}`, {
    method,
    headers: { "content-type": "application/json", ...headers },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text === "" ? null : JSON.parse(text) };
}
const create = (name: string, limit: number) => send("POST", "/", { name, limit });
const ask = (names: string[], request_id: string, more: object = {}) =>
  send("POST", "/acquire", { names, request_id, ...more });
const release = (lease_id: string) => send("POST", `/leases/${lease_id}/release`);
const waitersOf = async (name: string) => (await send("GET", `/${name}/waiters`)).body as unknown[];
const stubOf = (name: string) =>
  env.CONCURRENCY_LIMIT.getByName(formatAddress(addressOfName("default", "limit", name)));

interface Frame {
  type: string;
  lease_id?: string;
  fence?: number;
  expires_in_seconds?: number;
  code?: string;
}

/** Waits on a socket as our client does. */
async function open(names: string[], request_id: string) {
  const response = await exports.default.fetch(`${LIMITS}/wait`, { headers: { upgrade: "websocket" } });
  expect(response.status).toBe(101);
  const socket = response.webSocket;
  if (socket === null) throw new Error("no socket");
  const frames: Frame[] = [];
  let closed: number | undefined;
  socket.accept();
  socket.addEventListener("message", ({ data }) => {
    frames.push(JSON.parse(String(data)) as Frame);
  });
  socket.addEventListener("close", ({ code }) => {
    closed = code;
  });
  socket.send(JSON.stringify({ type: "acquire", names, request_id }));
  return { socket, frames, closed: () => closed };
}

test("a waiter on a socket is handed the slot in the release itself, after eviction too", async () => {
  for (const isEvicted of [false, true]) {
    const name = `socket:${isEvicted}`;
    await create(name, 1);
    const first = await ask([name], "first");
    const waiter = await open([name], "second");
    await expect.poll(() => waiter.frames.map(({ type }) => type)).toEqual(["waiting"]);
    if (isEvicted) await evictDurableObject(stubOf(name), { webSockets: "hibernate" });
    await release(first.body.lease_id as string);
    await expect.poll(() => waiter.frames.at(-1)?.type).toBe("granted");
    expect(waiter.frames.at(-1)?.expires_in_seconds).toBeLessThanOrEqual(10);
    expect(waiter.frames.at(-1)?.fence).toBeGreaterThan(first.body.fence as number);
    await expect.poll(() => waiter.closed()).toBe(1000);
    const { lease_id = "" } = waiter.frames.at(-1) ?? {};
    const renewed = await send("POST", `/leases/${lease_id}/renew`, {});
    expect(renewed.status).toBe(204);
    expect(Number(renewed.headers.get("sluice-expires-in-seconds"))).toBe(300);
  }
});

test("a closed socket leaves its turn to the next, and a withdrawal leaves the line", async () => {
  await create("closing", 1);
  const first = await ask(["closing"], "first");
  const gone = await open(["closing"], "gone");
  await expect.poll(() => gone.frames.length).toBe(1);
  const leaves = await open(["closing"], "leaves");
  await expect.poll(() => leaves.frames.length).toBe(1);
  const stays = await open(["closing"], "stays");
  await expect.poll(() => stays.frames.length).toBe(1);
  gone.socket.close(1000);
  leaves.socket.send(JSON.stringify({ type: "withdraw" }));
  await expect.poll(async () => (await waitersOf("closing")).length).toBe(2);
  await expect
    .poll(async () => JSON.stringify(await waitersOf("closing")))
    .toMatch(/request:gone.*"is_present":false|"is_present":false.*request:gone/);
  await release(first.body.lease_id as string);
  await expect.poll(() => stays.frames.at(-1)?.type).toBe("granted");
});

test("a socket for a limit that does not exist, or that says nonsense, is answered", async () => {
  const nothing = await open(["nobody made this"], "x");
  await expect.poll(() => nothing.frames.at(-1)?.type).toBe("granted");
  const nonsense = await open([], "x");
  await expect.poll(() => nonsense.frames.at(-1)).toMatchObject({ type: "refused", code: "invalid" });
});

test("leases, places and fences survive an abort of everything", async () => {
  await create("abort", 1);
  const first = await ask(["abort"], "first");
  await ask(["abort"], "second");
  await abortAllDurableObjects();
  expect((await send("GET", "/abort")).body).toMatchObject({ active_slots: 1, waiting: 1 });
  expect((await ask(["abort"], "first")).body.lease_id).toBe(first.body.lease_id);
  await release(first.body.lease_id as string);
  const second = await ask(["abort"], "second");
  expect(second.body.status).toBe("granted");
  expect(second.body.fence).toBeGreaterThan(first.body.fence as number);
});

test("an alarm that is early or comes twice changes nothing, a late one nothing that a request has not", async () => {
  await create("alarm", 1);
  const first = await ask(["alarm"], "first");
  for (let times = 0; times < 3; times += 1) await runDurableObjectAlarm(stubOf("alarm"));
  expect((await send("GET", "/alarm")).body.active_slots).toBe(1);
  await runInDurableObject(stubOf("alarm"), async (_, state) => {
    expect(await state.storage.getAlarm()).toBeGreaterThan(Date.now());
    state.storage.sql.exec("UPDATE lease SET expires_at = ?", Date.now() - 11_000);
    await state.storage.deleteAlarm();
  });
  await evictDurableObject(stubOf("alarm"));
  expect((await send("GET", "/alarm")).body.active_slots).toBe(0);
  expect((await send("POST", `/leases/${first.body.lease_id}/renew`, {})).status).toBe(410);
});

test("a client of Prefect's is held on its second try and takes what it was offered with a full lease", async () => {
  await create("prefect", 1);
  const first = await ask(["prefect"], "first");
  const wanted = { names: ["prefect"], slots: 1, mode: "concurrency", lease_duration: 300 };
  const increment = () => send("POST", "/increment-with-lease", wanted, { "prefect-csrf-client": "client" });
  const refused = await increment();
  expect(refused.status).toBe(423);
  // The client sleeps for what it was told; the line knows when it is due back.
  await expect.poll(async () => (await waitersOf("prefect")).length).toBe(1);
  const slept = Date.now() + Number(refused.headers.get("retry-after")) * 1000;
  await expect.poll(() => Date.now() >= slept, { timeout: 2000 }).toBe(true);
  const held = increment();
  const isHeld = await Promise.race([held.then(() => false), send("GET", "/prefect").then(() => true)]);
  expect(isHeld).toBe(true);
  await release(first.body.lease_id as string);
  expect(await held.then(({ status, headers }) => [status, headers.get("retry-after")])).toEqual([423, "0"]);
  expect((await increment()).status).toBe(200);
});

test("several limits are taken all or none", async () => {
  await create("left", 1);
  await create("right", 1);
  const both = await ask(["left", "right"], "both");
  expect(both.body).toMatchObject({ status: "granted" });
  expect(both.body.limits.map(({ name }: { name: string }) => name).toSorted()).toEqual(["left", "right"]);
  const right = await ask(["right"], "right");
  expect(right.body.status).toBe("waiting");
  const second = await open(["left", "right"], "second");
  await expect.poll(() => second.frames.at(-1)?.type).toBe("waiting");
  await release(both.body.lease_id as string);
  await expect.poll(() => second.frames.at(-1)?.type, { timeout: 10_000 }).toBe("granted");
  for (const name of ["left", "right"]) expect((await send("GET", `/${name}`)).body.active_slots).toBe(1);
}, 20_000);

test("names of routes are names of limits too", async () => {
  for (const name of ["acquire", "wait", "filter", "withdraw"]) {
    expect((await create(name, 1)).status).toBe(201);
    expect((await send("GET", `/${name}`)).body.name).toBe(name);
    expect((await send("DELETE", `/${name}`)).status).toBe(204);
  }
});

test("what is wrong is told in Prefect's shape", async () => {
  await create("wrong", 1);
  const increment = (more: object) =>
    send("POST", "/increment-with-lease", { names: ["wrong"], slots: 1, mode: "concurrency", ...more });
  expect((await increment({ lease_duration: 10 })).body.exception_detail[0].loc).toEqual([
    "body",
    "lease_duration",
  ]);
  expect(await increment({ slots: 2 })).toMatchObject({
    status: 422,
    body: { detail: "Slots requested is greater than the limit" },
  });
  expect(await increment({ mode: "rate_limit" })).toMatchObject({
    status: 422,
    body: {
      detail:
        "Only concurrency limits with slot decay can be used for rate limiting. The following limits do not have a decay configured: 'wrong'",
    },
  });
  expect((await increment({ slots: 0 })).status).toBe(422);
  await send("PATCH", "/wrong", { limit: 0 });
  expect((await increment({})).status).toBe(422);
  expect((await send("PATCH", "/wrong", { unknown: 1 })).status).toBe(422);
  expect((await send("POST", "/", { name: "a/b", limit: 1 })).status).toBe(422);
});

test("32 clients at once never exceed a limit, and all get their turn", async () => {
  const capacity = 3;
  const rounds = 6;
  await create("load", capacity);
  let holding = 0;
  let most = 0;
  const fences = new Set<number>();
  const client = async (who: number): Promise<void> => {
    for (let round = 0; round < rounds; round += 1) {
      for (;;) {
        const { body } = await ask(["load"], `${who}:${round}`, { wait_seconds: 10 });
        if (body.status !== "granted") continue;
        holding += 1;
        most = Math.max(most, holding);
        fences.add(body.fence as number);
        await Promise.resolve();
        holding -= 1;
        await release(body.lease_id as string);
        break;
      }
    }
  };
  await Promise.all(Array.from({ length: 32 }, (_, who) => client(who)));
  expect(most).toBeLessThanOrEqual(capacity);
  expect(fences.size).toBe(32 * rounds);
  expect((await send("GET", "/load")).body).toMatchObject({ active_slots: 0, waiting: 0 });
}, 60_000);

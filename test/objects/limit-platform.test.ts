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
import { keyOfRequest } from "../../src/domain/limit/naming.ts";
import { createEarPlatform } from "../../src/objects/limit/sockets.ts";
import { API, send } from "./support/send.ts";

const LIMITS = "/v2/concurrency_limits";

const create = (name: string, limit: number) => send("POST", `${LIMITS}/`, { name, limit });
const ask = (names: string[], request_id: string, more: object = {}) =>
  send("POST", `${LIMITS}/acquire`, { names, request_id, ...more });
const release = (lease_id: string) => send("POST", `${LIMITS}/leases/${lease_id}/release`);
const waitersOf = async (name: string) => (await send("GET", `${LIMITS}/${name}/waiters`)).body as unknown[];
const stubOf = (name: string) =>
  env.CONCURRENCY_LIMIT.getByName(formatAddress(addressOfName("default", "limit", name)));

interface Frame {
  type: string;
  reason?: string;
  lease_id?: string;
  fence?: number;
  expires_in_seconds?: number;
  code?: string;
}

/** Waits on a socket as our client does. */
async function open(names: string[], request_id: string) {
  const response = await exports.default.fetch(`${API}${LIMITS}/wait`, { headers: { upgrade: "websocket" } });
  expect(response.status).toBe(101);
  const socket = response.webSocket;
  if (socket === null) throw new Error("no socket");
  const frames: Frame[] = [];
  let closed: number | undefined;
  socket.accept();
  let pongs = 0;
  socket.addEventListener("message", ({ data }) => {
    if (data === "pong") pongs += 1;
    else frames.push(JSON.parse(String(data)) as Frame);
  });
  socket.addEventListener("close", ({ code }) => {
    closed = code;
  });
  socket.send(JSON.stringify({ type: "acquire", names, request_id }));
  return { socket, frames, pongs: () => pongs, closed: () => closed };
}

test("a waiter on a socket is offered the slot in the release itself and takes it, after eviction too", async () => {
  for (const [isEvicted, way] of [
    [false, "socket"],
    [true, "socket"],
    [true, "request"],
  ] as const) {
    const name = `${way}:${isEvicted}`;
    await create(name, 1);
    const first = await ask([name], "first");
    const waiter = await open([name], "second");
    await expect.poll(() => waiter.frames.map(({ type }) => type)).toEqual(["waiting"]);
    if (isEvicted) await evictDurableObject(stubOf(name), { webSockets: "hibernate" });
    await release(first.body.lease_id as string);
    await expect.poll(() => waiter.frames.at(-1)).toMatchObject({ type: "waiting", reason: "offered" });
    if (way === "socket") waiter.socket.send(JSON.stringify({ type: "take" }));
    // What its owner took by a request it hears on the socket too.
    else expect((await ask([name], "second")).body.status).toBe("granted");
    await expect
      .poll(() => waiter.frames.at(-1))
      .toMatchObject({ type: "granted", status: "granted", expires_in_seconds: 300 });
    expect(waiter.frames.at(-1)?.fence).toBeGreaterThan(first.body.fence as number);
    await expect.poll(() => waiter.closed()).toBe(1000);
    expect((await ask([name], "second")).body.lease_id).toBe(waiter.frames.at(-1)?.lease_id);
  }
});

test("a waiter that pings is heard of by its home, which need not wake for it", async () => {
  await create("pinged", 1);
  await ask(["pinged"], "first");
  const waiter = await open(["pinged"], "second");
  await expect.poll(() => waiter.frames.length).toBe(1);
  await evictDurableObject(stubOf("pinged"), { webSockets: "hibernate" });
  const began = Date.now();
  waiter.socket.send("ping");
  await expect.poll(() => waiter.pongs()).toBe(1);
  const pingedAt = await runInDurableObject(stubOf("pinged"), (_, state) =>
    createEarPlatform(state).pingedAt(keyOfRequest("second")),
  );
  expect(pingedAt).toBeGreaterThanOrEqual(began);
});

test("who comes too late for what it was offered, or before it is, keeps its place on the socket", async () => {
  await create("late", 1);
  const first = await ask(["late"], "first");
  const slow = await open(["late"], "slow");
  await expect.poll(() => slow.frames.length).toBe(1);
  slow.socket.send(JSON.stringify({ type: "take" }));
  await expect.poll(() => slow.frames.map(({ reason }) => reason)).toEqual(["full", "full"]);
  const quick = await open(["late"], "quick");
  await expect.poll(() => quick.frames.length).toBe(1);
  await release(first.body.lease_id as string);
  await expect.poll(() => quick.frames.at(-1)?.reason).toBe("offered");
  quick.socket.send(JSON.stringify({ type: "take" }));
  await expect.poll(() => quick.frames.at(-1)?.type).toBe("granted");
  slow.socket.send(JSON.stringify({ type: "take" }));
  await expect.poll(() => slow.frames.at(-1)?.reason).toBe("full");
  await release(quick.frames.at(-1)?.lease_id ?? "");
  await expect.poll(() => slow.frames.at(-1)?.reason).toBe("offered");
  slow.socket.send(JSON.stringify({ type: "take" }));
  await expect.poll(() => slow.frames.at(-1)?.type).toBe("granted");
});

test("nobody can ask for another's slots on a socket of its own", async () => {
  await create("own", 1);
  await ask(["own"], "first");
  for (const frame of [{ type: "acquire", command: { names: ["own"], request_id: "other" } }, {}, 7]) {
    const waiter = await open(["own"], "second");
    await expect.poll(() => waiter.frames.length).toBe(1);
    waiter.socket.send(JSON.stringify(frame));
    await expect.poll(() => waiter.closed()).toBe(1008);
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
  await expect.poll(() => stays.frames.at(-1)?.reason).toBe("offered");
});

test("a withdrawal that comes before the limit was reached is not forgotten when the socket closes behind it", async () => {
  await create("hasty", 1);
  const waiter = await open(["hasty"], "hasty");
  waiter.socket.send(JSON.stringify({ type: "withdraw" }));
  waiter.socket.close();
  const answers = async () => (await ask(["hasty"], "hasty")).status;
  await expect.poll(answers).toBe(410);
  expect((await ask(["hasty"], "next")).body.status).toBe("granted");
});

test("a holder hears on its socket that others ended its lease, after eviction too", async () => {
  await create("watched", 3);
  const watch = async (lease_id: string) => {
    const response = await exports.default.fetch(`${API}${LIMITS}/leases/${lease_id}/watch`, {
      headers: { upgrade: "websocket" },
    });
    const frames: unknown[] = [];
    response.webSocket?.accept();
    response.webSocket?.addEventListener("message", ({ data }) => frames.push(JSON.parse(String(data))));
    return { status: response.status, frames };
  };
  const [one, two, three] = [
    await ask(["watched"], "1"),
    await ask(["watched"], "2"),
    await ask(["watched"], "3"),
  ];
  const forced = await watch(one.body.lease_id as string);
  const released = await watch(two.body.lease_id as string);
  await evictDurableObject(stubOf("watched"), { webSockets: "hibernate" });
  await release(two.body.lease_id as string);
  await send("POST", `${LIMITS}/leases/${one.body.lease_id}/force_release`);
  await expect.poll(() => forced.frames).toEqual([{ type: "ended" }]);
  expect(released.frames).toEqual([]);
  const late = await watch(one.body.lease_id as string);
  await expect.poll(() => late.frames).toEqual([{ type: "ended" }]);
  expect((await send("GET", `${LIMITS}/leases/${three.body.lease_id}/watch`)).status).toBe(400);
  expect((await watch(crypto.randomUUID())).status).toBe(404);
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
  expect((await send("GET", `${LIMITS}/abort`)).body).toMatchObject({ active_slots: 1, waiting: 1 });
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
  expect((await send("GET", `${LIMITS}/alarm`)).body.active_slots).toBe(1);
  await runInDurableObject(stubOf("alarm"), async (_, state) => {
    expect(await state.storage.getAlarm()).toBeGreaterThan(Date.now());
    state.storage.sql.exec("UPDATE lease SET expires_at = ?", Date.now() - 11_000);
    await state.storage.deleteAlarm();
  });
  await evictDurableObject(stubOf("alarm"));
  expect((await send("GET", `${LIMITS}/alarm`)).body.active_slots).toBe(0);
  expect((await send("POST", `${LIMITS}/leases/${first.body.lease_id}/renew`, {})).status).toBe(410);
});

test("a client of Prefect's is held on its second try and takes what it was offered with a full lease", async () => {
  await create("prefect", 1);
  const first = await ask(["prefect"], "first");
  const wanted = { names: ["prefect"], slots: 1, mode: "concurrency", lease_duration: 300 };
  const increment = () =>
    send("POST", `${LIMITS}/increment-with-lease`, wanted, { "prefect-csrf-client": "client" });
  const refused = await increment();
  expect(refused.status).toBe(423);
  // The client sleeps for what it was told; the line knows when it is due back.
  await expect.poll(async () => (await waitersOf("prefect")).length).toBe(1);
  const slept = Date.now() + Number(refused.headers.get("retry-after")) * 1000;
  await expect.poll(() => Date.now() >= slept).toBe(true);
  const held = increment();
  const isHeld = await Promise.race([
    held.then(() => false),
    send("GET", `${LIMITS}/prefect`).then(() => true),
  ]);
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
  // Where another stands before it at one of them, it is offered them more than once.
  second.socket.addEventListener("message", ({ data }) => {
    if ((JSON.parse(String(data)) as Frame).reason === "offered")
      second.socket.send(JSON.stringify({ type: "take" }));
  });
  await release(both.body.lease_id as string);
  await expect.poll(() => second.frames.at(-1)?.type).toBe("granted");
  await expect.poll(() => second.closed()).toBe(1000);
  for (const name of ["left", "right"])
    expect((await send("GET", `${LIMITS}/${name}`)).body.active_slots).toBe(1);
});

test("names of routes are names of limits too", async () => {
  for (const name of ["acquire", "wait", "filter", "withdraw"]) {
    expect((await create(name, 1)).status).toBe(201);
    expect((await send("GET", `${LIMITS}/${name}`)).body.name).toBe(name);
    expect((await send("DELETE", `${LIMITS}/${name}`)).status).toBe(204);
  }
});

test("what is wrong is told in Prefect's shape", async () => {
  await create("wrong", 1);
  const increment = (more: object) =>
    send("POST", `${LIMITS}/increment-with-lease`, {
      names: ["wrong"],
      slots: 1,
      mode: "concurrency",
      ...more,
    });
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
  await send("PATCH", `${LIMITS}/wrong`, { limit: 0 });
  expect((await increment({})).status).toBe(422);
  expect((await send("PATCH", `${LIMITS}/wrong`, { unknown: 1 })).status).toBe(422);
  expect((await send("POST", `${LIMITS}/`, { name: "a/b", limit: 1 })).status).toBe(422);
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
  expect((await send("GET", `${LIMITS}/load`)).body).toMatchObject({ active_slots: 0, waiting: 0 });
});

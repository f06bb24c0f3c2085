/** Callers without a client of ours, who die, vanish and ask again, against a server that is killed under them. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { WebSocket as NodeSocket } from "ws";
import { afterEach, beforeEach, expect, test } from "vitest";
import { OFFER_SHARED_MS } from "../../src/contract/bounds.ts";
import type { Grant, LeaseRecord, Limit, WaiterRecord, Waiting } from "../../src/contract/wire/limits.ts";
import { findWorkerd } from "../support/processes.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { waitFor } from "../support/wait-for.ts";

const BOUND = 20_000;
/** What a caller whose connection broke waits for before it asks again. */
const AGAIN_MS = 50;

let server: TestServer;

beforeEach(async () => {
  server = await startTestServer();
});
afterEach(() => server.stop());

const at = (path: string) => `${server.url}/api/v2/concurrency_limits/${path}`;

/** Asks until an answer arrives, on connections of its own. */
async function ask<Answer>(path: string, body?: unknown): Promise<Answer> {
  for (;;) {
    try {
      const response = await fetch(at(path), {
        ...(body !== undefined && { method: "POST", body: JSON.stringify(body) }),
        headers: { "content-type": "application/json", connection: "close" },
      });
      const text = await response.text();
      if (!response.ok) throw new RangeError(`${path}: ${response.status} ${text}`);
      return (text === "" ? null : JSON.parse(text)) as Answer;
    } catch (error) {
      if (error instanceof RangeError) throw error;
      await sleep(AGAIN_MS);
    }
  }
}

const acquire = (names: string[], request_id: string, more = {}) =>
  ask<Grant | Waiting>("acquire", { names, request_id, ...more });
const release = (grant: Grant) => ask<null>(`leases/${grant.lease_id}/release`, {});

async function take(names: string[], request_id: string = crypto.randomUUID()): Promise<Grant> {
  for (;;) {
    const answer = await acquire(names, request_id, { wait_seconds: 20, lease_seconds: 60 });
    if (answer.status === "granted") return answer;
    await sleep(answer.retry_after_seconds * 1000);
  }
}

/** Waits on a socket, and on another one when it breaks; takes there what is offered. */
async function takeOnSocket(names: string[], request_id: string, onPlaced = () => {}): Promise<Grant> {
  for (;;) {
    const socket = new WebSocket(at("wait").replace("http", "ws"));
    const grant = await new Promise<Grant | undefined>((resolve) => {
      socket.addEventListener("open", () =>
        socket.send(JSON.stringify({ type: "acquire", names, request_id })),
      );
      socket.addEventListener("message", ({ data }) => {
        const frame = JSON.parse(String(data)) as Grant | Waiting;
        if (frame.status === "granted") resolve(frame);
        else if (frame.reason === "offered") socket.send(JSON.stringify({ type: "take" }));
        else onPlaced();
      });
      socket.addEventListener("close", () => resolve(undefined));
    });
    socket.close();
    if (grant !== undefined) return grant;
    await sleep(AGAIN_MS);
  }
}

function waitForWaiters(name: string, count: number): Promise<void> {
  return waitFor(async () => {
    const waiters = await ask<WaiterRecord[]>(`${name}/waiters`);
    if (waiters.length !== count) throw new Error(`${waiters.length} wait.`);
  }, BOUND);
}

async function killWorkerd(): Promise<void> {
  process.kill(await findWorkerd(server.dataDir), "SIGKILL");
}

/** A process that asks by `script`, until it is killed. */
function startCaller(script: string): { kill: () => void } {
  const child = spawn(process.execPath, ["--eval", script], { stdio: "ignore" });
  return { kill: () => void child.kill("SIGKILL") };
}

test("the dead are passed by together, whether they waited by request or on a socket", async () => {
  await ask("", { name: "gpu", limit: 1 });
  const holder = await take(["gpu"]);
  const body = `{method:"POST",headers:{"content-type":"application/json"},body:JSON.stringify({names:["gpu"],request_id:"held "+i,wait_seconds:25})}`;
  const frame = `JSON.stringify({type:"acquire",names:["gpu"],request_id:"dead "+i})`;
  const callers = [
    startCaller(`for(let i=0;i<20;i++)fetch("${at("acquire")}",${body})`),
    startCaller(
      `for(let i=0;i<20;i++){const s=new WebSocket("${at("wait").replace("http", "ws")}");s.onopen=()=>s.send(${frame})}`,
    ),
  ];
  try {
    await waitForWaiters("gpu", 40);
  } finally {
    for (const caller of callers) caller.kill();
  }
  const alive = take(["gpu"], "alive");
  await waitForWaiters("gpu", 41);
  const next = take(["gpu"], "next");
  await waitForWaiters("gpu", 42);
  const releasedAt = performance.now();
  await release(holder);
  await release(await alive);
  expect(performance.now() - releasedAt).toBeLessThan(40 * OFFER_SHARED_MS);
  await release(await next);
});

/** A way to the server that can be cut like a cable: nothing passes any more, and neither end hears of it. */
async function layCable(): Promise<{ url: string; cut: () => void; remove: () => void }> {
  const ends = new Set<Socket>();
  const cable = createServer((near) => {
    const far = connect(Number(new URL(server.url).port), "127.0.0.1");
    for (const end of [near, far]) ends.add(end.on("error", () => {}));
    near.pipe(far);
    far.pipe(near);
  });
  cable.listen(0, "127.0.0.1");
  await once(cable, "listening");
  return {
    url: `ws://127.0.0.1:${(cable.address() as AddressInfo).port}`,
    cut: () => {
      for (const end of ends) end.unpipe().pause();
    },
    remove: () => {
      for (const end of ends) end.destroy();
      cable.close();
    },
  };
}

test("callers whose machine lost its network are passed by together, though their sockets are open", async () => {
  await ask("", { name: "gpu", limit: 1 });
  const holder = await take(["gpu"]);
  const cable = await layCable();
  try {
    for (let index = 0; index < 20; index += 1) {
      // The server answers to its own name only.
      const headers = { host: new URL(server.url).host };
      const socket = new NodeSocket(`${cable.url}/api/v2/concurrency_limits/wait`, { headers });
      await once(socket, "open");
      socket.send(JSON.stringify({ type: "acquire", names: ["gpu"], request_id: `lost ${index}` }));
    }
    await waitForWaiters("gpu", 20);
    cable.cut();
    const alive = takeOnSocket(["gpu"], "alive");
    await waitForWaiters("gpu", 21);
    const releasedAt = performance.now();
    await release(holder);
    await release(await alive);
    expect(performance.now() - releasedAt).toBeLessThan(20 * OFFER_SHARED_MS);
  } finally {
    cable.remove();
  }
});

test("an acquire whose answer died with the server has one lease, and fences rise all the same", async () => {
  await ask("", { name: "gpu", limit: 3 });
  const grants: Grant[] = [];
  for (let round = 0; round < 3; round += 1) {
    const [grant] = await Promise.all([take(["gpu"], `request ${round}`), killWorkerd()]);
    grants.push(grant);
  }
  const holders = await ask<LeaseRecord[]>("gpu/holders");
  expect(holders.map(({ lease_id }) => lease_id)).toEqual(grants.map(({ lease_id }) => lease_id));
  const fences = grants.map(({ fence }) => fence ?? 0);
  expect(fences).toEqual([...new Set(fences)].toSorted((left, right) => left - right));
});

test("the order of a line outlives the server", async () => {
  await ask("", { name: "gpu", limit: 1 });
  const holder = await take(["gpu"]);
  const order: number[] = [];
  const all: Promise<null>[] = [];
  for (let index = 0; index < 30; index += 1) {
    await new Promise<void>((resolve) => {
      const grant = takeOnSocket(["gpu"], `waiter ${index}`, resolve);
      all.push(
        grant.then((taken) => {
          order.push(index);
          return release(taken);
        }),
      );
    });
  }
  await killWorkerd();
  await waitFor(async () => {
    const waiters = await ask<WaiterRecord[]>("gpu/waiters");
    const present = waiters.filter(({ is_present }) => is_present).length;
    if (present < 30) throw new Error(`${present} are back.`);
  }, BOUND);
  await release(holder);
  await Promise.all(all);
  expect(order).toEqual(order.toSorted((left, right) => left - right));
});

test("several limits at once are never held beyond their slots, nor left held, though the server is killed between the steps", async () => {
  const names = ["a", "b", "c"];
  for (const name of names) await ask("", { name, limit: 2 });
  const held = new Map(names.map((name) => [name, 0]));
  let most = 0;
  const endsAt = performance.now() + 4000;
  const caller = async (index: number) => {
    for (let round = 0; performance.now() < endsAt; round += 1) {
      const wanted = names.filter((_, place) => place !== (index + round) % 4);
      const grant = await take(wanted);
      for (const name of wanted) {
        held.set(name, (held.get(name) ?? 0) + 1);
        most = Math.max(most, held.get(name) ?? 0);
      }
      await sleep(10);
      for (const name of wanted) held.set(name, (held.get(name) ?? 0) - 1);
      await release(grant);
    }
  };
  const killer = async () => {
    while (performance.now() < endsAt) {
      await sleep(1000);
      await killWorkerd();
      await ask("a");
    }
  };
  await Promise.all([...Array.from({ length: 8 }, (_, index) => caller(index)), killer()]);
  expect(most).toBe(2);
  await waitFor(async () => {
    const left = await Promise.all(names.map((name) => ask<Limit>(name)));
    expect(left.map(({ active_slots, waiting }) => [active_slots, waiting])).toEqual(names.map(() => [0, 0]));
  }, BOUND);
});

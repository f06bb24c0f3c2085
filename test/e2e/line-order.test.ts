/** The order of a long line in which callers of every kind wait, against a real server. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Grant, WaiterRecord, Waiting } from "../../src/contract/wire/limits.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { waitFor } from "../support/wait-for.ts";

const WAITERS = 200;
const ARRIVING_AT_ONCE = 10;
const BOUND = 60_000;

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.stop());

const at = (path: string) => `${server.url}/api/v2/concurrency_limits/${path}`;

async function ask(path: string, body?: unknown, headers = {}): Promise<Response> {
  const response = await fetch(at(path), {
    ...(body !== undefined && { method: "POST", body: JSON.stringify(body) }),
    headers: { "content-type": "application/json", ...headers },
  });
  if (!response.ok && response.status !== 423)
    throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return response;
}

/** Somebody who wants the slot. */
interface Caller {
  /** As the line calls it. */
  id: string;
  priority: number;
  /** It has asked so that the answer comes when its turn does. */
  isReady: boolean;
  /** It was answered without a grant: somebody was quicker to take what it was offered, or its request was not held any longer. */
  wasAway: boolean;
}

type Take = (caller: Caller, name: string) => Promise<string>;

const takeByRequests: Take = async (caller, name) => {
  const acquire = { names: [name], request_id: caller.id.slice(8), priority: caller.priority };
  await ask("acquire", acquire);
  for (;;) {
    caller.isReady = true;
    const answer = (await (await ask("acquire", { ...acquire, wait_seconds: 25 })).json()) as Grant | Waiting;
    if (answer.status === "granted") return answer.lease_id;
    caller.wasAway ||= answer.reason !== "offered";
  }
};

const takeOnSocket: Take = async (caller, name) => {
  const acquire = { names: [name], request_id: caller.id.slice(8), priority: caller.priority };
  for (;;) {
    const socket = new WebSocket(at("wait").replace("http", "ws"));
    let isTaking = false;
    const lease_id = await new Promise<string | undefined>((resolve) => {
      socket.addEventListener("open", () => socket.send(JSON.stringify({ type: "acquire", ...acquire })));
      socket.addEventListener("message", ({ data }) => {
        const frame = JSON.parse(String(data)) as Grant | Waiting;
        if (frame.status === "granted") resolve(frame.lease_id);
        else if (frame.reason === "offered") {
          isTaking = true;
          socket.send(JSON.stringify({ type: "take" }));
        } else {
          caller.isReady = true;
          caller.wasAway ||= isTaking;
          isTaking = false;
        }
      });
      socket.addEventListener("close", () => resolve(undefined));
    });
    if (lease_id !== undefined) return lease_id;
    caller.wasAway = true;
  }
};

/** As Prefect's clients ask: refused at once, then held, each time for as long as they were told (source: wire §3.10). */
const takeAsPrefect: Take = async (caller, name) => {
  const wanted = { names: [name], slots: 1, mode: "concurrency", lease_duration: 300 };
  const headers = { "prefect-csrf-client": caller.id.slice(8) };
  for (;;) {
    const response = await ask("increment-with-lease", wanted, headers);
    const answer = (await response.json()) as { lease_id: string };
    if (response.ok) return answer.lease_id;
    const seconds = Number(response.headers.get("retry-after"));
    caller.wasAway ||= caller.isReady && seconds > 0;
    await sleep(seconds * 1000);
    caller.isReady = true;
  }
};

test("two hundred who wait on sockets, by requests and as Prefect's clients do are served in the order of their arrival", async () => {
  const name = "line";
  await ask("", { name, limit: 1 });
  const first = (await (await ask("acquire", { names: [name], request_id: "first" })).json()) as Grant;
  const order: Caller[] = [];
  const callers: Caller[] = [];
  const all: Promise<void>[] = [];
  const stand = async (caller: Caller, take: Take) => {
    const lease_id = await take(caller, name);
    order.push(caller);
    await ask(`leases/${lease_id}/release`, {});
  };
  const line = async () => (await (await ask(`${name}/waiters?limit=${WAITERS}`)).json()) as WaiterRecord[];
  for (let index = 0; index < WAITERS; index += 1) {
    const [kind, take] = (
      [
        ["request", takeByRequests],
        ["request", takeOnSocket],
        ["prefect", takeAsPrefect],
      ] as const
    )[index % 3] ?? ["request", takeOnSocket];
    // Prefect's clients know no priorities.
    const priority = kind === "request" && index % 8 === 0 ? -1 : 0;
    const caller = { id: `${kind}:${index}`, priority, isReady: false, wasAway: false };
    callers.push(caller);
    all.push(stand(caller, take));
    if (index % ARRIVING_AT_ONCE === ARRIVING_AT_ONCE - 1)
      await waitFor(async () => expect(await line()).toHaveLength(index + 1), BOUND);
  }
  await waitFor(() => Promise.resolve(expect(callers.filter(({ isReady }) => !isReady)).toEqual([])), BOUND);
  const stood = await line();
  const places = stood.map(({ priority, arrived_at }) => [priority, Date.parse(arrived_at)] as const);
  expect(places).toEqual(places.toSorted((left, right) => left[0] - right[0] || left[1] - right[1]));
  await ask(`leases/${first.lease_id}/release`, {});
  await Promise.all(all);
  const placeOf = ({ id }: Caller) =>
    stood.findIndex(({ waiter_id }) => waiter_id === id || waiter_id.startsWith(`${id}:`));
  expect(callers.map(placeOf)).not.toContain(-1);
  const overtaken = order.filter((caller, index) =>
    order.slice(0, index).some((other) => placeOf(other) > placeOf(caller)),
  );
  expect(overtaken.filter(({ wasAway }) => !wasAway)).toEqual([]);
  // On a machine that has much else to do some are slow to come for what they are offered; most are not.
  expect(order.filter(({ wasAway }) => wasAway).length).toBeLessThan(WAITERS / 2);
}, 150_000);

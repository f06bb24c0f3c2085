/** What an acquire and its release cost on the edge, where rows written are most of the price: counted by the platform. */
import { env, exports } from "cloudflare:workers";
import { expect, test } from "vitest";
import { addressOfName, formatAddress } from "../../src/contract/envelope.ts";
import { countRows } from "./support/rows.ts";

const LIMITS = "http://sluice.test/api/v2/concurrency_limits";

async function post(path: string, body: unknown): Promise<{ lease_id: string }> {
  const response = await exports.default.fetch(`${LIMITS}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  return (text === "" ? {} : JSON.parse(text)) as { lease_id: string };
}

const countOf = (name: string) =>
  countRows(env.CONCURRENCY_LIMIT.getByName(formatAddress(addressOfName("default", "limit", name))));

test("an acquire writes two rows and so does its release; one of a Prefect client, which has no request id, one each", async () => {
  const holders = 20;
  await post("/", { name: "cost", limit: 100 });
  for (let index = 0; index < holders; index += 1)
    await post("/acquire", { names: ["cost"], request_id: `held ${index}` });
  const prefect = { names: ["cost"], slots: 1, mode: "concurrency", lease_duration: 300 };
  // Once for all it is noted that leases have ended of which nothing is kept.
  const { lease_id: first } = await post("/increment-with-lease", prefect);
  await post(`/leases/${first}/release`, {});
  const count = await countOf("cost");
  for (const [path, body, rows] of [
    ["/acquire", { names: ["cost"], request_id: "one" }, 2],
    ["/increment-with-lease", prefect, 1],
  ] as const) {
    const { lease_id } = await post(path, body);
    const acquired = count();
    await post(`/leases/${lease_id}/release`, {});
    const released = count();
    expect([acquired.written, released.written]).toEqual([rows, rows]);
    // Occupancy is the sum over the live leases, for the gate and once more in the statement that gives the slot.
    expect(acquired.read).toBeLessThanOrEqual(2 * (holders + 3));
    expect(released.read).toBeLessThanOrEqual(2);
  }
});

test("once somebody has asked who held slots, the release of a lease without a request id writes a row more, and no other does; asking again reads what is held and writes nothing", async () => {
  await post("/", { name: "looked", limit: 100 });
  const prefect = { names: ["looked"], slots: 1, mode: "concurrency", lease_duration: 300 };
  const held = 20;
  for (let index = 0; index < held; index += 1)
    await post("/acquire", { names: ["looked"], request_id: `held ${index}` });
  const look = () => exports.default.fetch(`${LIMITS}/looked/history`).then((response) => response.json());
  await look();
  const count = await countOf("looked");
  for (const [path, body, rows] of [
    ["/acquire", { names: ["looked"], request_id: "one" }, 2],
    ["/increment-with-lease", prefect, 2],
  ] as const) {
    const { lease_id } = await post(path, body);
    count();
    await post(`/leases/${lease_id}/release`, {});
    expect(count().written).toBe(rows);
  }
  expect(((await look()) as { leases: unknown[] }).leases).toHaveLength(held + 2);
  const looked = count();
  expect(looked.written).toBe(0);
  expect(looked.read).toBeLessThanOrEqual(held + 2);
});

test("a handover to a waiter on a socket writes seven rows", async () => {
  await post("/", { name: "handover", limit: 1 });
  const { lease_id } = await post("/acquire", { names: ["handover"], request_id: "first" });
  const response = await exports.default.fetch(`${LIMITS}/wait`, { headers: { upgrade: "websocket" } });
  const socket = response.webSocket ?? expect.fail("no socket");
  const heard: { type: string; reason?: string }[] = [];
  socket.accept();
  socket.addEventListener("message", ({ data }) => {
    const frame = JSON.parse(String(data)) as { type: string; reason?: string };
    heard.push(frame);
    if (frame.reason === "offered") socket.send(JSON.stringify({ type: "take" }));
  });
  const count = await countOf("handover");
  socket.send(JSON.stringify({ type: "acquire", names: ["handover"], request_id: "second" }));
  await expect.poll(() => heard.at(-1)?.type).toBe("waiting");
  const waited = count();
  await post(`/leases/${lease_id}/release`, {});
  await expect.poll(() => heard.at(-1)?.type).toBe("granted");
  const handed = count();
  // The place in line is a row and its index; then the release, the offer, the end of the place, and the lease.
  expect(waited.written).toBe(2);
  expect(handed.written).toBe(7);
  expect(waited.read + handed.read).toBeLessThanOrEqual(40);
});

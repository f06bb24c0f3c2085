import { execFile } from "node:child_process";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  concurrency,
  ConcurrencyTimeoutError,
  createClient,
  rateLimit,
  type Client,
} from "../../src/client/index.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

let server: TestServer;
let client: Client;
beforeAll(async () => {
  server = await startTestServer();
  client = createClient({ apiUrl: `${server.url}/api` });
});
afterAll(() => server.stop());

/** Polls until the line of a limit is so long. */
async function waitForLine(name: string, length: number): Promise<void> {
  await expect.poll(async () => (await client.limits.waiters(name)).length).toBe(length);
}

test("slots go round in the order of arrival, and never more than there are", async () => {
  await client.limits.create({ name: "gpu", limit: 2 });
  const order: number[] = [];
  let now = 0;
  let most = 0;
  const jobs: Promise<void>[] = [];
  const open: (() => void)[] = [];
  for (let index = 0; index < 6; index += 1) {
    const mayEnd = new Promise<void>((resolve) => open.push(resolve));
    jobs.push(
      concurrency("gpu", { client, note: `job ${index}` }, async (lease) => {
        order.push(index);
        now += 1;
        most = Math.max(most, now);
        expect(lease.signal.aborted).toBe(false);
        await mayEnd;
        now -= 1;
      }),
    );
    await (index < 2 ? expect.poll(() => order.length).toBe(index + 1) : waitForLine("gpu", index - 1));
  }
  for (const [index, end] of open.entries()) {
    end();
    await jobs[index];
  }
  await Promise.all(jobs);
  expect(order).toEqual([0, 1, 2, 3, 4, 5]);
  expect(most).toBe(2);
  expect((await client.limits.read("gpu")).active_slots).toBe(0);
});

test("a freed slot reaches the next in line in milliseconds, by no other request than the release", async () => {
  await client.limits.create({ name: "fast", limit: 1 });
  const sent: string[] = [];
  const note = (message: unknown) => sent.push((message as { request: { path: string } }).request.path);
  // What the machine is busy with can only add to it, so the quickest round tells.
  let quickestMs = Infinity;
  for (let round = 0; round < 5 || (round < 50 && quickestMs >= 100); round += 1) {
    const held = await concurrency("fast", { client });
    const next = concurrency("fast", { client }, () => {
      unsubscribe("undici:request:create", note);
      return performance.now();
    });
    await waitForLine("fast", 1);
    const releasedAt = performance.now();
    subscribe("undici:request:create", note);
    await held.release();
    quickestMs = Math.min(quickestMs, (await next) - releasedAt);
  }
  expect(quickestMs).toBeLessThan(100);
  expect(sent.filter((path) => /acquire|renew/.test(path))).toEqual([]);
});

test("who gives up leaves the line at once", async () => {
  await client.limits.create({ name: "busy", limit: 1 });
  await using _held = await concurrency("busy", { client });
  await expect(concurrency("busy", { client, timeoutSeconds: 0.3 })).rejects.toThrow(ConcurrencyTimeoutError);
  await waitForLine("busy", 0);
});

test("a waiter keeps its place while the server is killed and comes back", async () => {
  await client.limits.create({ name: "kept", limit: 1 });
  const held = await concurrency("kept", { client });
  const order: string[] = [];
  const first = concurrency("kept", { client }, () => void order.push("first"));
  await waitForLine("kept", 1);
  const second = concurrency("kept", { client }, () => void order.push("second"));
  await waitForLine("kept", 2);
  await server.kill9();
  await server.restart();
  await expect
    .poll(async () => (await client.limits.waiters("kept")).map(({ is_present }) => is_present), {
      timeout: 20_000,
    })
    .toEqual([true, true]);
  await held.release();
  await Promise.all([first, second]);
  expect(order).toEqual(["first", "second"]);
});

test("who acquires often does so on a socket, also after the server was killed", async () => {
  await client.limits.create({ name: "often", limit: 2 });
  const paths: string[] = [];
  const note = (message: unknown) => paths.push((message as { request: { path: string } }).request.path);
  subscribe("undici:request:create", note);
  const use = async (): Promise<number> => {
    const before = paths.length;
    await concurrency("often", { client }, () => undefined);
    return paths.length - before;
  };
  await expect.poll(use).toBe(0);
  // An acquire and a release each for three times, one more each while it opens at most, and the socket.
  expect(paths.filter((path) => path.endsWith("/often/calls"))).toHaveLength(1);
  expect((await client.limits.history("often")).leases.length).toBeGreaterThanOrEqual(4);
  await server.kill9();
  await server.restart();
  expect(await use()).toBeGreaterThan(0);
  unsubscribe("undici:request:create", note);
  expect((await client.limits.read("often")).active_slots).toBe(0);
});

test("a slot that is given back while the server is away for long is free when it is back", async () => {
  await client.limits.create({ name: "given-back", limit: 1 });
  const held = await concurrency("given-back", { client });
  await server.kill9();
  let tries = 0;
  const count = () => (tries += 1);
  subscribe("undici:client:connectError", count);
  const released = held.release();
  // More than of other calls, which are given up after some seconds.
  await expect.poll(() => tries, { timeout: 30_000 }).toBeGreaterThan(6);
  unsubscribe("undici:client:connectError", count);
  await server.restart();
  await released;
  expect((await client.limits.read("given-back")).active_slots).toBe(0);
});

test("a socket to a limit does not keep its process", async () => {
  await client.limits.create({ name: "brief", limit: 1 });
  const program = `
    import { concurrency } from ${JSON.stringify(new URL("../../src/client/index.ts", import.meta.url).href)};
    for (let turn = 0; turn < 50; turn += 1) await concurrency("brief", () => undefined);
    console.log(performance.now());
    process.on("exit", () => console.log(performance.now()));`;
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", program], {
    env: { ...process.env, SLUICE_API_URL: `${server.url}/api` },
  });
  const [done = 0, ended = 0] = stdout.trim().split("\n").map(Number);
  expect(ended - done).toBeLessThan(2000);
  expect((await client.limits.read("brief")).active_slots).toBe(0);
});

test("named slots say which they are", async () => {
  await client.limits.create({ name: "named", limit: 2, slot_names: ["GPU-a", "GPU-b"] });
  const both = await Promise.all([1, 2].map(() => concurrency("named", { client, strict: true })));
  expect(both.flatMap(({ slotNames }) => slotNames).sort()).toEqual(["GPU-a", "GPU-b"]);
  await Promise.all(both.map((lease) => lease.release()));
  expect((await client.limits.read("named")).active_slots).toBe(0);
});

test("several limits are taken together or not at all", async () => {
  for (const name of ["left", "right"]) await client.limits.create({ name, limit: 1 });
  const countHolders = () =>
    Promise.all(["left", "right"].map(async (name) => (await client.limits.read(name)).active_slots));
  const right = await concurrency("right", { client });
  const both = concurrency(["right", "left"], { client, strict: true }, async (lease) => {
    expect(lease.limits.map(({ name }) => name).sort()).toEqual(["left", "right"]);
    return countHolders();
  });
  // One that waits for several holds up nobody who wants what is free.
  await concurrency("left", { client, timeoutSeconds: 10 }, () => undefined);
  await right.release();
  expect(await both).toEqual([1, 1]);
  await expect.poll(countHolders).toEqual([0, 0]);
});

test("who is strict need not wait for one limit to learn that another is missing", async () => {
  await client.limits.create({ name: "present", limit: 1 });
  await using _held = await concurrency("present", { client });
  await expect(concurrency(["present", "absent"], { client, strict: true })).rejects.toThrow(
    "No limit is named absent;",
  );
  await waitForLine("present", 0);
});

test("a force-released lease aborts its holder's work", async () => {
  await client.limits.create({ name: "forced", limit: 1 });
  await concurrency("forced", { client, leaseSeconds: 5 }, async (lease) => {
    await client.limits.forceRelease(lease.id);
    await new Promise<void>((resolve) => lease.signal.addEventListener("abort", () => resolve()));
    expect(String(lease.signal.reason)).toContain("ended by the server");
  });
});

test("the holder of a long lease hears of its end long before it would renew", async () => {
  await client.limits.create({ name: "watched", limit: 1 });
  await concurrency("watched", { client, leaseSeconds: 600 }, async (lease) => {
    await client.limits.forceRelease(lease.id);
    await expect.poll(() => lease.signal.aborted).toBe(true);
    expect(String(lease.signal.reason)).toContain("ended by the server");
  });
});

test("a rate limit lets through what has decayed", async () => {
  await client.limits.create({ name: "calls", limit: 2, slot_decay_per_second: 10 });
  for (let call = 0; call < 4; call += 1) await rateLimit("calls", { client });
  await expect(rateLimit("gpu", { client })).rejects.toThrow(/decay/);
});

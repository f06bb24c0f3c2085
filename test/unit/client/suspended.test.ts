/** A host that was suspended: its monotonic clock and its timers have stood still, and the server's time went on. */
import { expect, test, vi } from "vitest";
import { EXPIRES_IN_HEADER } from "../../../src/contract/headers.ts";
import { LeaseClock } from "../../../src/client/lease-clock.ts";
import { monotonicMs } from "../../../src/client/monotonic.ts";
import { renewUntilLost } from "../../../src/client/renewal.ts";
import { startScriptedServer } from "./scripted-server.ts";

const host = vi.hoisted(() => ({ suspendedSeconds: 0 }));
vi.mock("node:os", async (load) => {
  const os = await load<typeof import("node:os")>();
  return { ...os, uptime: () => os.uptime() + host.suspendedSeconds };
});

async function holdFor(lease_seconds: number) {
  const server = await startScriptedServer(() => ({
    status: 200,
    headers: { [EXPIRES_IN_HEADER]: String(lease_seconds) },
  }));
  const clock = new LeaseClock();
  clock.deadlineMs = monotonicMs() + lease_seconds * 1000;
  const order = {
    lease_id: "lease",
    url: `${server.apiUrl}/renew`,
    headers: {},
    watch_url: null,
    lease_seconds,
    margin_ms: 1000,
    memory: clock.memory,
  };
  const stop = new AbortController();
  return { server, clock, stop, ended: renewUntilLost(order, stop.signal) };
}

const isLinux = process.platform === "linux";

test.runIf(isLinux)("a lease that has ended meanwhile is lost as soon as the host is back", async () => {
  const { server, clock, ended } = await holdFor(60);
  host.suspendedSeconds += 60;
  expect(await ended).toBe("expired");
  expect(clock.isLost).toBe(true);
  expect(server.requests).toEqual([]);
  await server[Symbol.asyncDispose]();
});

test.runIf(isLinux)("one that has not is renewed at once, and counts from then", async () => {
  const { server, clock, stop, ended } = await holdFor(60);
  const before = clock.deadlineMs;
  host.suspendedSeconds += 20;
  await expect.poll(() => server.requests.length, { timeout: 5000 }).toBe(1);
  await expect.poll(() => clock.deadlineMs).toBeGreaterThan(before);
  stop.abort();
  expect(await ended).toBeUndefined();
  await server[Symbol.asyncDispose]();
});

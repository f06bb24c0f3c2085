/** What the embedded server does when any part of it is killed. */
import { readFileSync } from "node:fs";
import { get } from "node:http";
import { afterEach, beforeEach, expect, test } from "vitest";
import { listProcesses } from "../../src/server/leftovers.ts";
import { findServerProcesses, findWorkerd, waitFor, waitForNoProcesses } from "../support/processes.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

let server: TestServer;

beforeEach(async () => {
  server = await startTestServer();
});
afterEach(async () => {
  await server.stop();
  await waitForNoProcesses(server.dataDir);
});

/** Asks on a connection of its own: one that is kept alive would die with workerd. */
function askHealth(): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    get(`${server.url}/api/health`, { agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode);
    }).on("error", reject);
  });
}

/** Kills workerd and resolves when it is dead. */
async function killWorkerd(): Promise<number> {
  const pid = await findWorkerd(server.dataDir);
  process.kill(pid, "SIGKILL");
  await waitFor(async () => {
    const { workerds } = await findServerProcesses(server.dataDir);
    if (workerds.includes(pid)) throw new Error("It still dies.");
  });
  return pid;
}

test("serves again on the same port within a second of workerd's death", async () => {
  const before = await killWorkerd();
  const diedAt = performance.now();
  expect(await askHealth()).toBe(200);
  expect(performance.now() - diedAt).toBeLessThan(1_000);
  expect(await findWorkerd(server.dataDir)).not.toBe(before);
  expect(server.stderr).toContain("workerd ended (SIGKILL) and is started again");
  expect(readFileSync(`${server.dataDir}/server.log`, "utf8")).toContain("SIGKILL");
});

test("keeps callers waiting, and refuses none, while workerd is away", async () => {
  // After the fourth death in a row there is a pause of 400 ms before the next start.
  for (let death = 1; death <= 4; death += 1) {
    if (death > 1) await askHealth();
    await killWorkerd();
  }
  expect((await findServerProcesses(server.dataDir)).workerds).toEqual([]);
  const answers = await Promise.all(Array.from({ length: 50 }, askHealth));
  expect(answers).toEqual(Array.from({ length: 50 }, () => 200));
});

test("takes workerd along when the supervisor is killed, and serves the same data within 5 s", async () => {
  await findWorkerd(server.dataDir);
  await server.kill9();
  await waitForNoProcesses(server.dataDir);
  await expect(askHealth()).rejects.toThrow();
  const startedAt = performance.now();
  await server.restart();
  expect(performance.now() - startedAt).toBeLessThan(5_000);
  expect(await askHealth()).toBe(200);
});

test("ends what a crash of supervisor and keeper left running before it starts again", async () => {
  const { keepers, workerds } = await findServerProcesses(server.dataDir);
  for (const pid of keepers) process.kill(pid, "SIGSTOP");
  await server.kill9();
  for (const pid of keepers) process.kill(pid, "SIGKILL");
  const [orphan] = workerds;
  await waitFor(async () => {
    const left = await findServerProcesses(server.dataDir);
    if (left.keepers.length > 0) throw new Error("A keeper still dies.");
  });
  expect((await listProcesses()).find(({ pid }) => pid === orphan)?.line).toContain("workerd");
  await server.restart();
  expect(await findWorkerd(server.dataDir)).not.toBe(orphan);
  expect(await askHealth()).toBe(200);
});

test("serves on when the keeper is killed", async () => {
  const { keepers } = await findServerProcesses(server.dataDir);
  const before = await findWorkerd(server.dataDir);
  for (const pid of keepers) process.kill(pid, "SIGKILL");
  await waitFor(async () => {
    if ((await findWorkerd(server.dataDir)) === before) throw new Error("The old one still runs.");
    expect(await askHealth()).toBe(200);
  });
});

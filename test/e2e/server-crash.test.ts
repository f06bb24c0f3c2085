/** What the embedded server does when any part of it is killed. */
import { readFileSync } from "node:fs";
import { get } from "node:http";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, expect, test } from "vitest";
import { listProcesses } from "../../src/server/leftovers.ts";
import { findServerProcesses, findWorkerd, waitForNoProcesses } from "../support/processes.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { waitFor } from "../support/wait-for.ts";

let server: TestServer;

/** How long this machine needs now for the start of a server. */
let startMs: number;

beforeEach(async () => {
  const startedAt = performance.now();
  server = await startTestServer();
  startMs = performance.now() - startedAt;
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

function connectTo({ hostname, port, host }: URL): Socket {
  const socket = connect(Number(port), hostname);
  socket.write(`GET /api/health HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`);
  return socket;
}

async function readStatus(socket: Socket): Promise<string | undefined> {
  return (await text(socket)).split("\r\n")[0];
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

test("serves again on the same port as soon as workerd has started", async () => {
  const before = await killWorkerd();
  const diedAt = performance.now();
  expect(await askHealth()).toBe(200);
  // The start of a whole server is more than that of workerd alone.
  expect(performance.now() - diedAt).toBeLessThan(Math.max(1_000, 2 * startMs));
  expect(await findWorkerd(server.dataDir)).not.toBe(before);
  expect(server.stderr).toContain("workerd ended (SIGKILL) and is started again");
  expect(readFileSync(`${server.dataDir}/server.log`, "utf8")).toContain("SIGKILL");
});

test("keeps callers waiting, and refuses none, while workerd is away", async () => {
  // A keeper that is stopped starts no other one, and says nothing of the end of the first.
  const { keepers } = await findServerProcesses(server.dataDir);
  for (const pid of keepers) process.kill(pid, "SIGSTOP");
  await killWorkerd();
  const asked = Array.from({ length: 50 }, () => connectTo(new URL(server.url)));
  await Promise.all(asked.map((socket) => once(socket, "connect")));
  for (const pid of keepers) process.kill(pid, "SIGCONT");
  const answers = await Promise.all(asked.map(readStatus));
  expect(answers).toEqual(Array.from({ length: 50 }, () => "HTTP/1.1 200 OK"));
});

test("takes workerd along when the supervisor is killed, and serves the same data, quickly", async () => {
  await findWorkerd(server.dataDir);
  await server.kill9();
  await waitForNoProcesses(server.dataDir);
  await expect(askHealth()).rejects.toThrow();
  const startedAt = performance.now();
  await server.restart();
  // Nothing waits for what was killed: it takes as long as the first start.
  expect(performance.now() - startedAt).toBeLessThan(Math.max(5_000, 3 * startMs));
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

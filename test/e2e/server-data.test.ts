/** What was answered is there again after every kind of death: holders, the line in its order, fences. */
import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { findServerProcesses, findWorkerd, waitForNoProcesses } from "../support/processes.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { runSluice } from "../support/sluice.ts";
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

interface Answer {
  status: number;
  // Each test knows what it asked for.
  body: Record<string, unknown>;
}

async function ask(method: string, path: string, body?: unknown): Promise<Answer> {
  const response = await fetch(`${server.url}/api/v2/concurrency_limits${path}`, {
    method,
    headers: { "content-type": "application/json", connection: "close" },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: text === "" ? {} : (JSON.parse(text) as Record<string, unknown>) };
}

const acquire = async (request_id: string) =>
  (await ask("POST", "/acquire", { names: ["gpu"], request_id, note: request_id, lease_seconds: 300 })).body;

const listNotes = async (what: "holders" | "waiters") => {
  const { body } = await ask("GET", `/gpu/${what}`);
  return (body as unknown as { note: string }[]).map(({ note }) => note);
};

const deaths: Record<string, () => Promise<void>> = {
  "workerd is killed": async () => {
    const before = await findWorkerd(server.dataDir);
    process.kill(before, "SIGKILL");
    await waitFor(async () => {
      if ((await findWorkerd(server.dataDir)) === before) throw new Error("The old one still runs.");
    });
  },
  "the supervisor is killed": async () => {
    await server.kill9();
    await server.restart();
  },
  "everything is killed at once": async () => {
    const { keepers, workerds } = await findServerProcesses(server.dataDir);
    for (const pid of [server.pid, ...keepers, ...workerds]) process.kill(pid, "SIGKILL");
    await server.restart();
  },
  "it is told to stop": async () => {
    process.kill(server.pid, "SIGTERM");
    await server.restart();
  },
};

test.for(Object.keys(deaths))(
  "keeps holder, line and fence, and serves again soon, when %s",
  async (death) => {
    expect((await ask("POST", "/", { name: "gpu", limit: 1 })).status).toBe(201);
    const first = await acquire("first");
    expect(first).toMatchObject({ status: "granted" });
    expect(await acquire("second")).toMatchObject({ status: "waiting", position: 1 });
    expect(await acquire("third")).toMatchObject({ status: "waiting", position: 2 });

    const diedAt = performance.now();
    await deaths[death]?.();
    expect(performance.now() - diedAt).toBeLessThan(Math.max(5_000, 3 * startMs));

    expect(await listNotes("holders")).toEqual(["first"]);
    expect(await listNotes("waiters")).toEqual(["second", "third"]);
    expect(await acquire("first")).toMatchObject({ lease_id: first["lease_id"], fence: first["fence"] });
    expect((await ask("POST", `/leases/${String(first["lease_id"])}/renew`, {})).status).toBe(204);
    expect((await ask("POST", `/leases/${String(first["lease_id"])}/release`)).status).toBe(204);
    const second = await waitFor(async () => {
      const answer = await acquire("second");
      expect(answer).toMatchObject({ status: "granted" });
      return answer;
    });
    expect(Number(second["fence"])).toBeGreaterThan(Number(first["fence"]));
    expect(await acquire("third")).toMatchObject({ status: "waiting", position: 1 });
  },
);

test("a damaged file takes nothing along but its own object, and the command line says where to look", async () => {
  for (const name of ["gpu", "licence"])
    expect((await ask("POST", "/", { name, limit: 1 })).status).toBe(201);
  const folder = join(server.dataDir, "objects/sluice-ConcurrencyLimit");
  const files = readdirSync(folder).filter((file) => /^[0-9a-f]{64}\.sqlite$/.test(file));
  await server.kill9();
  await waitForNoProcesses(server.dataDir);
  const file = join(folder, files[0] ?? "");
  // From its log SQLite would make the file whole again.
  rmSync(`${file}-wal`, { force: true });
  writeFileSync(file, "no database".repeat(1000));
  await server.restart();
  const inspect = (name: string) =>
    runSluice(["gcl", "inspect", name], { env: { SLUICE_API_URL: server.url } });
  const outcomes = await Promise.all(["gpu", "licence"].map(inspect));
  expect(outcomes.filter(({ exitCode }) => exitCode === 0)).toHaveLength(1);
  expect(outcomes.map(({ stderr }) => stderr).join("")).toBe(
    `The server at ${server.url}/api (from SLUICE_API_URL) cannot do this now; should it stay so, its log says why.\n`,
  );
});

test("does not wait for held requests when it is told to stop", async () => {
  await ask("POST", "/", { name: "gpu", limit: 1 });
  await acquire("first");
  const held = ask("POST", "/acquire", { names: ["gpu"], request_id: "second", wait_seconds: 25 });
  const isCut = expect(held).rejects.toThrow("fetch failed");
  await waitFor(async () => {
    const { body } = await ask("GET", "/gpu/waiters");
    expect(body).toMatchObject([{ is_present: true }]);
  });
  const startedAt = performance.now();
  process.kill(server.pid, "SIGTERM");
  expect(await server.exited).toBe(0);
  expect(performance.now() - startedAt).toBeLessThan(10_000);
  await isCut;
});

/** A server with a key: Prefect's clients with an auth string, with headers of their own, with the wrong key, and under our worker. */
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from "vitest";
import { startTestServer, type TestServer } from "../support/server.ts";
import { collect, spawnSluice } from "../support/sluice.ts";
import { waitFor } from "../support/wait-for.ts";
import { POOL, startFleet } from "./support/fleet.ts";
import { startPrefect } from "./support/prefect.ts";
import { NEWEST, OLDEST, type PrefectVersion } from "./versions.ts";

const KEY = "a-long-random-text";
const AUTH_STRING = { PREFECT_API_AUTH_STRING: KEY };
const HEADER = { PREFECT_CLIENT_CUSTOM_HEADERS: JSON.stringify({ Authorization: `Bearer ${KEY}` }) };
const pythons = inject("pythons");

describe.skipIf(pythons[NEWEST] === undefined || pythons[OLDEST] === undefined)("a server with a key", () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({ env: { SLUICE_API_KEY: KEY } });
  });
  afterAll(() => server?.stop());

  const start = async (version: PrefectVersion, env: Record<string, string>) => {
    const prefect = await startPrefect(version, pythons[version] ?? "", server.url, env);
    onTestFinished(() => prefect[Symbol.asyncDispose]());
    return prefect;
  };

  test.each<[PrefectVersion, string, Record<string, string>]>([
    [NEWEST, "an auth string", AUTH_STRING],
    [NEWEST, "a header", HEADER],
    [OLDEST, "a header", HEADER],
  ])("lets %s in that sends %s, calls and sockets alike", async (version, _what, env) => {
    const prefect = await start(version, env);
    await prefect.ask("runs.py");
    expect([...prefect.proxy.seen].filter((call) => /40[13]$/u.test(call))).toEqual([]);
    expect(prefect.proxy.seen).toContain("WS /api/events/in 101");
    const tasks = await prefect.cli(["task-run", "ls"]);
    expect(tasks.stdout).toContain("COMPLETED");
  });

  test.each<[PrefectVersion, Record<string, string>]>([
    [NEWEST, AUTH_STRING],
    [OLDEST, HEADER],
  ])("gives the flows of %s under our worker what calls and sockets want", async (version, env) => {
    const prefect = await start(version, env);
    await using fleet = await startFleet(prefect, server.url, KEY);
    const worker = spawnSluice(["worker", "start", "--pool", POOL, "--limit", "1"], {
      env: {
        ...fleet.env,
        // The flow's Python first; of the key no more than a person sets.
        PATH: prefect.env["PATH"] ?? "",
        PREFECT_HOME: prefect.env["PREFECT_HOME"] ?? "",
        SLUICE_HOME: `${server.dataDir}/worker-${version}`,
        SLUICE_API_URL: `${server.url}/api`,
        SLUICE_API_KEY: KEY,
        WORKER_ID: "gpu-1",
      },
    });
    const ended = collect(worker);
    try {
      const run = await fleet.run("process-image");
      await fleet.reaches(run.id, "Completed");
      // Task runs are made of what the flow's process says on its socket.
      await waitFor(async () => {
        const task_runs = await fleet.client.taskRuns.list({ flow_runs: { id: { any_: [run.id] } } });
        expect(task_runs.map(({ state_type }) => state_type)).toEqual(["COMPLETED", "COMPLETED"]);
      });
    } finally {
      worker.kill("SIGTERM");
      await ended;
      await fleet.client.workPools.delete(POOL);
    }
  });

  test("answers a wrong key so that the client says what is wrong", async () => {
    const prefect = await start(NEWEST, { PREFECT_API_AUTH_STRING: "wrong" });
    const { exitCode, stdout, stderr } = await prefect.cli(["gcl", "ls"]);
    expect(exitCode).toBe(1);
    expect(stdout + stderr).toContain("Unauthorized");
  });
});

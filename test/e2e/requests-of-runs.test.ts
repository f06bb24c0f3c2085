/** Which calls a real agent makes for a run that comes alone: `test/objects/cost.test.ts` makes the same and prices them. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createClient } from "../../src/client/index.ts";
import { startProxy } from "../prefect/support/proxy.ts";
import { startTestServer } from "../support/server.ts";
import { spawnSluice } from "../support/sluice.ts";
import { PATIENCE_MS } from "../support/wait-for.ts";

const RUNS = 5;
const PATIENT = { timeout: 2 * PATIENCE_MS };

test("an agent makes at most eight calls for a run of a command: three claims, looks at pool and deployment, start, log and end", async () => {
  await using server = await startTestServer();
  await using proxy = await startProxy(server.url);
  const client = createClient({ apiUrl: server.url });
  await client.workPools.create({ name: "pool", type: "process" });
  const flow = await client.flows.put({ name: "flow" });
  const deployment = await client.deployments.put({
    name: "deployment",
    flow_id: flow.id,
    work_pool_name: "pool",
    job_variables: { command: "echo a line" },
  });
  const calls: string[] = [];
  const count = (end: string) => calls.filter((path) => path.endsWith(end)).length;
  proxy.fault = ({ path }) => {
    calls.push(path);
    return undefined;
  };
  const home = mkdtempSync(join(tmpdir(), "sluice-requests-"));
  const worker = spawnSluice(["worker", "start", "--pool", "pool", "--name", "w", "--limit", "4"], {
    env: { SLUICE_API_URL: `${proxy.url}/api`, SLUICE_HOME: home },
  });
  const exited = new Promise((resolve) => worker.once("exit", resolve));
  try {
    const run = async () => {
      const { id } = await client.deployments.createRun(deployment.id, {});
      await expect.poll(async () => (await client.flowRuns.read(id)).state_type, PATIENT).toBe("COMPLETED");
    };
    // The first finds out what all of them need; its last claim may come when it is Completed already.
    await run();
    let from = 0;
    const isQuiet = () => {
      const before = from;
      from = calls.length;
      return from === before;
    };
    await expect.poll(isQuiet, { ...PATIENT, interval: 500 }).toBe(true);
    for (let index = 0; index < RUNS; index += 1) await run();
    calls.splice(0, from);
    await expect.poll(() => count("/logs/"), PATIENT).toBe(RUNS);
    expect(count("/start")).toBe(RUNS);
    expect(count("/end")).toBe(RUNS);
    expect(count("/claim")).toBeLessThanOrEqual(3 * RUNS);
    // What it has read of pool and deployment it knows for a while; a machine that is busy is slow enough for a beat.
    const others = calls.filter((path) => !/\/(?:claim|start|logs\/|end|session)$/u.test(path));
    expect(others.length).toBeLessThanOrEqual(2 * RUNS);
  } finally {
    worker.kill("SIGTERM");
    await exited;
    rmSync(home, { recursive: true, force: true, maxRetries: 10 });
  }
});

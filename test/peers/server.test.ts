/** Bugs of others that need real processes: one embedded server, a real worker, holders in processes of their own. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createClient, type Client } from "../../src/client/index.ts";
import type { FlowRun } from "../../src/contract/wire/flow-runs.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { cleanEnvironment, collect, SLUICE_BIN, spawnSluice } from "../support/sluice.ts";

const POOL = "pool";
const BOUND = { timeout: 30_000, interval: 50 };
const BUSY_HOLDER = fileURLToPath(new URL("../fixtures/busy-holder.ts", import.meta.url));

let server: TestServer;
let client: Client;
let folder: string;
let flowId: string;
let worker: ReturnType<typeof spawnSluice>;
let env: Record<string, string>;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "sluice-peers-"));
  server = await startTestServer();
  env = { SLUICE_API_URL: `${server.url}/api`, SLUICE_HOME: folder };
  client = createClient({ apiUrl: env["SLUICE_API_URL"] ?? "" });
  await client.workPools.create({ name: POOL, type: "process" });
  flowId = (await client.flows.put({ name: "flow" })).id;
  worker = spawnSluice(["worker", "start", "--pool", POOL, "--limit", "1", "--grace", "1s"], { env });
});

afterAll(async () => {
  // Twice: the first lets runs end.
  worker.kill("SIGINT");
  worker.kill("SIGTERM");
  if (worker.exitCode === null) await once(worker, "exit");
  await client.close();
  await server.stop();
  rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
});

function createRun(command: string): Promise<FlowRun> {
  return client.flowRuns.create({
    flow_id: flowId,
    work_pool_name: POOL,
    job_variables: { command },
    state: { type: "SCHEDULED", state_details: { scheduled_time: Date.now() / 1000 } },
  });
}

async function waitForState(run: FlowRun, type: string): Promise<void> {
  await expect.poll(async () => (await client.flowRuns.read(run.id)).state_type, BOUND).toBe(type);
}

const holdersOf = async (name: string) => (await client.limits.holders(name)).length;

// A cancelled run kept its slot of the pool, and the other three of a backfill never began.
test("dagster-io/dagster#28456: what a cancelled run held is free for the next", async () => {
  await client.limits.create({ name: "gpu", limit: 1 });
  const hold = `'${process.execPath}' '${SLUICE_BIN}' exec --limit gpu -- `;
  const first = await createRun(`${hold} sleep 1000`);
  const second = await createRun(`${hold} true`);
  await expect.poll(() => holdersOf("gpu"), BOUND).toBe(1);
  await client.flowRuns.cancel(first.id);
  await waitForState(first, "CANCELLED");
  await waitForState(second, "COMPLETED");
  await expect.poll(() => holdersOf("gpu"), BOUND).toBe(0);
});

// A run was deleted while it was under way, and a moment later its worker was dead.
test("PrefectHQ/prefect#19141: a worker whose run is deleted stops that and goes on", async () => {
  const run = await createRun("sleep 1000");
  await waitForState(run, "RUNNING");
  const { infrastructure_pid } = await client.flowRuns.read(run.id);
  await client.flowRuns.delete(run.id);
  const next = await createRun("true");
  await waitForState(next, "COMPLETED");
  expect(worker.exitCode).toBeNull();
  expect(() => process.kill(Number(infrastructure_pid), 0)).toThrow("ESRCH");
});

// A worker whose event loop was blocked for half a minute could not renew its lock, and another could take its job.
test("taskforcesh/bullmq#3056: a holder whose event loop is blocked for longer than its lease keeps it", async () => {
  await client.limits.create({ name: "busy", limit: 1 });
  const busy = collect(
    spawn(process.execPath, [BUSY_HOLDER, "5", "7000", "0", "busy"], {
      env: cleanEnvironment(env),
      stdio: ["ignore", "pipe", "pipe"],
    }),
  );
  expect(JSON.parse((await busy).stdout)).toEqual({ wasAborted: false });
});

// Leases are kept in memory by default: a restart forgets them, and limits no longer say what is true.
test("PrefectHQ/prefect#20090: after kill -9 of the server its holders hold what they held, and give it back", async () => {
  await client.limits.create({ name: "kept", limit: 4 });
  const { http } = client;
  const grants = await Promise.all(
    Array.from({ length: 4 }, () =>
      http.post<{ lease_id: string }>("/v2/concurrency_limits/acquire", {
        names: ["kept"],
        request_id: crypto.randomUUID(),
      }),
    ),
  );
  await server.kill9();
  await server.restart();
  expect((await client.limits.read("kept")).active_slots).toBe(4);
  for (const { lease_id } of grants) {
    await http.post(`/v2/concurrency_limits/leases/${lease_id}/renew`, { lease_duration: 60 });
    await http.post(`/v2/concurrency_limits/leases/${lease_id}/release`, {});
  }
  expect((await client.limits.read("kept")).active_slots).toBe(0);
});

/** An embedded server with a real worker, for the bugs of others that need processes. */
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect } from "vitest";
import { createClient, type Client } from "../../src/client/index.ts";
import type { FlowRun } from "../../src/contract/wire/flow-runs.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { SLUICE_BIN, spawnSluice } from "../support/sluice.ts";

export const BOUND = { timeout: 30_000, interval: 50 };
/** The command line before a command that is to hold the slot of the limit `gpu`. */
export const HOLD = `'${process.execPath}' '${SLUICE_BIN}' exec --limit gpu --`;

/** The command line of a program in `test/fixtures/agent`. */
export function fixtureCommand(name: string, ...words: string[]): string {
  const path = fileURLToPath(new URL(`../fixtures/agent/${name}`, import.meta.url));
  return ["sh", path, ...words].map((word) => `'${word}'`).join(" ");
}

export interface Fleet {
  readonly server: TestServer;
  readonly client: Client;
  readonly folder: string;
  readonly env: Record<string, string>;
  /** Runs one run of the pool `pool` at a time. */
  readonly worker: ChildProcess;
  /** Starts another worker, of a pool of its own, which ends after the tests. */
  startWorker(pool: string, apiUrl?: string): Promise<ChildProcess>;
  createRun(command: string, work_pool_name?: string): Promise<FlowRun>;
  waitForState(run: FlowRun, type: string): Promise<void>;
  /** How many hold slots of a limit. */
  holdersOf(limit: string): Promise<number>;
}

/** Starts the server, a worker of one slot and a limit `gpu` of one slot for the tests of a file. */
export function useFleet(): Fleet {
  const workers: ChildProcess[] = [];
  let started: { server: TestServer; client: Client; folder: string; flowId: string } | undefined;
  const use = () => started ?? expect.fail("The fleet has not been started.");
  beforeAll(async () => {
    const folder = mkdtempSync(join(tmpdir(), "sluice-peers-"));
    const server = await startTestServer();
    const client = createClient({ apiUrl: `${server.url}/api` });
    started = { server, client, folder, flowId: (await client.flows.put({ name: "flow" })).id };
    await client.limits.create({ name: "gpu", limit: 1 });
    await fleet.startWorker("pool");
  });
  afterAll(async () => {
    const { server, client, folder } = use();
    const alive = workers.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null);
    const exits = alive.map((worker) => once(worker, "exit"));
    for (const worker of alive) {
      // Twice: the first lets runs end.
      worker.kill("SIGINT");
      worker.kill("SIGTERM");
    }
    await Promise.all(exits);
    await client.close();
    await server.stop();
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
  });
  const fleet: Fleet = {
    get server() {
      return use().server;
    },
    get client() {
      return use().client;
    },
    get folder() {
      return use().folder;
    },
    get env() {
      return { SLUICE_API_URL: `${use().server.url}/api`, SLUICE_HOME: use().folder };
    },
    get worker() {
      return workers[0] ?? expect.fail("There is no worker.");
    },
    async startWorker(pool, apiUrl = `${use().server.url}/api`) {
      await use().client.workPools.create({ name: pool, type: "process" });
      const env = { ...fleet.env, SLUICE_API_URL: apiUrl };
      const words = ["worker", "start", "--pool", pool, "--limit", "1", "--grace", "1s"];
      const worker = spawnSluice(words, { env });
      workers.push(worker);
      return worker;
    },
    createRun: (command, work_pool_name = "pool") =>
      use().client.flowRuns.create({
        flow_id: use().flowId,
        work_pool_name,
        job_variables: { command },
        state: { type: "SCHEDULED", state_details: { scheduled_time: Date.now() / 1000 } },
      }),
    async waitForState({ id }, type) {
      await expect.poll(async () => (await use().client.flowRuns.read(id)).state_type, BOUND).toBe(type);
    },
    holdersOf: async (limit) => (await use().client.limits.holders(limit)).length,
  };
  return fleet;
}

/** The worker as a person starts it, against the real server: what it runs, what a dying process held, and kill -9. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createClient, type Client } from "../../src/client/index.ts";
import type { JsonObject } from "../../src/contract/wire/common.ts";
import type { FlowRun } from "../../src/contract/wire/flow-runs.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

const SLUICE = fileURLToPath(new URL("../../bin/sluice.js", import.meta.url));
const POOL = "pool";
const BOUND = { timeout: 30_000, interval: 50 };

let server: TestServer;
let client: Client;
let folder: string;
let flowId: string;
const workers = new Map<ChildProcess, Promise<unknown>>();

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "sluice-worker-"));
  server = await startTestServer();
  client = createClient({ apiUrl: `${server.url}/api` });
  await client.workPools.create({ name: POOL, type: "process" });
  flowId = (await client.flows.put({ name: "flow" })).id;
});

afterEach(async () => {
  for (const run of await client.flowRuns.list().catch(() => [])) {
    const pgid = Number(run.infrastructure_pid);
    if (pgid > 1) kill(-pgid);
  }
  for (const [worker, exited] of workers) {
    worker.kill("SIGKILL");
    await exited;
  }
  workers.clear();
  await client.close();
  await server.stop();
  rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
});

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}

function startWorker(...args: string[]): {
  child: ChildProcess;
  exited: Promise<unknown>;
  stderr: () => string;
} {
  const command = [
    SLUICE,
    "worker",
    "start",
    "--pool",
    POOL,
    "--limit",
    "5",
    "--state-dir",
    join(folder, "state"),
  ];
  const child = spawn(process.execPath, [...command, ...args], {
    env: { ...process.env, SLUICE_API_URL: `${server.url}/api`, SLUICE_HOME: folder, WORKER_ID: "gpu-1" },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const exited = once(child, "exit").then(([code, signal]: unknown[]) => code ?? signal);
  workers.set(child, exited);
  let stderr = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  return { child, exited, stderr: () => stderr };
}

function createRun(words: string[]): Promise<FlowRun> {
  return client.flowRuns.create({
    flow_id: flowId,
    work_pool_name: POOL,
    job_variables: { command: words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ") },
    state: { type: "SCHEDULED", state_details: { scheduled_time: Date.now() / 1000 } },
  });
}

/** A command that runs until it is told to end with a code. */
function heldCommand(): { words: string[]; release: (code: number) => void } {
  const file = join(folder, `go-${crypto.randomUUID()}`);
  const script = `echo begun; while [ ! -e ${file} ]; do sleep 0.05; done; echo released; exit $(cat ${file})`;
  return {
    words: ["sh", "-c", script],
    release: (code) => {
      writeFileSync(`${file}.draft`, String(code));
      renameSync(`${file}.draft`, file);
    },
  };
}

async function waitForState(run: FlowRun, type: string): Promise<FlowRun> {
  await expect.poll(async () => (await client.flowRuns.read(run.id)).state_type, BOUND).toBe(type);
  return client.flowRuns.read(run.id);
}

async function readLogs(run: FlowRun): Promise<string[]> {
  const logs = await client.logs.list({ logs: { flow_run_id: { any_: [run.id] } }, sort: "TIMESTAMP_ASC" });
  return logs.map(({ message }) => message);
}

test("exit codes become states, output becomes logs, and the first Ctrl-C lets what runs end", async () => {
  const good = await createRun(["sh", "-c", "echo out; echo err >&2"]);
  const bad = await createRun(["sh", "-c", "exit 3"]);
  const held = heldCommand();
  const running = await createRun(held.words);
  const worker = startWorker();
  await waitForState(good, "COMPLETED");
  expect(await readLogs(good)).toEqual(["out", "err"]);
  expect((await waitForState(bad, "FAILED")).state?.message).toMatch(/3/);
  await waitForState(running, "RUNNING");
  worker.child.kill("SIGINT");
  await expect.poll(worker.stderr, BOUND).toContain("no more runs are claimed");
  const late = await createRun(["true"]);
  held.release(0);
  expect(await worker.exited).toBe(0);
  await waitForState(running, "COMPLETED");
  expect((await client.flowRuns.read(late.id)).state_type).toBe("SCHEDULED");
});

test("what a run held is free at once when its process is killed", async () => {
  await client.limits.create({ name: "gpu", limit: 1 });
  startWorker();
  const holder = await createRun([process.execPath, SLUICE, "exec", "--limit", "gpu", "--", "sleep", "1000"]);
  await expect.poll(async () => (await client.limits.holders("gpu")).length, BOUND).toBe(1);
  const { infrastructure_pid } = await waitForState(holder, "RUNNING");
  kill(-Number(infrastructure_pid));
  await waitForState(holder, "CRASHED");
  // Its lease had minutes to go.
  await expect.poll(async () => (await client.limits.holders("gpu")).length, BOUND).toBe(0);
});

test("a cancelled run is stopped and becomes Cancelled", async () => {
  startWorker("--grace", "1s");
  const run = await createRun(["sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 0.1; done"]);
  await waitForState(run, "RUNNING");
  await expect.poll(() => readLogs(run), BOUND).toEqual(["deaf"]);
  await client.flowRuns.cancel(run.id);
  const { state } = await waitForState(run, "CANCELLED");
  expect(state?.message).toMatch(/did not end on SIGTERM/);
});

test("a run outlives kill -9 of its worker and of the server, and completes once", async () => {
  const held = heldCommand();
  const first = startWorker();
  const run = await createRun(held.words);
  const { infrastructure_pid } = await waitForState(run, "RUNNING");
  first.child.kill("SIGKILL");
  await first.exited;
  await server.kill9();
  await server.restart();
  startWorker();
  held.release(0);
  const ended = await waitForState(run, "COMPLETED");
  expect(ended.infrastructure_pid).toBe(infrastructure_pid);
  expect(ended.run_count).toBe(1);
  await expect.poll(() => readLogs(run), BOUND).toEqual(["begun", "released"]);
  const states = (await client.flowRuns.states(run.id)).map(({ type }) => type);
  expect(states.filter((type) => type === "RUNNING")).toHaveLength(1);
});

test("blocks and variables of the server stand in a job's variables, and no secret in its logs", async () => {
  const { http } = client;
  await http.post("/block_types/install_system_block_types", {});
  const { id: block_type_id } = await http.get<{ id: string }>("/block_types/slug/secret");
  const [schema] = await http.post<{ id: string }[]>("/block_schemas/filter", {
    block_schemas: { block_type_id: { any_: [block_type_id] } },
  });
  const name = "hub-token";
  const data = { value: "open sesame" };
  await http.post("/block_documents/", { name, data, block_type_id, block_schema_id: schema?.id });
  await client.variables.create({ name: "region", value: "eu" });
  const env = {
    TOKEN: "{{ prefect.blocks.secret.hub-token }}",
    URL: "https://{{ prefect.variables.region }}.example/{{ prefect.blocks.secret.hub-token }}",
  };
  const create = (job_variables: JsonObject): Promise<FlowRun> =>
    client.flowRuns.create({
      flow_id: flowId,
      work_pool_name: POOL,
      job_variables,
      state: { type: "SCHEDULED", state_details: { scheduled_time: Date.now() / 1000 } },
    });
  const told = await create({ command: `sh -c 'echo "$URL" | sed s/sesame/Sesame/'`, env });
  const lost = await create({ command: "true", env: { TOKEN: "{{ prefect.blocks.secret.no-such }}" } });
  const unknown = await create({ command: "'{{ prefect.blocks.secret.hub-token }}' x" });
  const worker = startWorker();
  await waitForState(told, "COMPLETED");
  expect(await readLogs(told)).toEqual(["https://eu.example/open Sesame"]);
  expect((await waitForState(lost, "FAILED")).state?.message).toMatch(
    /There is no block with the name no-such and the type secret/,
  );
  expect((await waitForState(unknown, "FAILED")).state?.message).toMatch(/The command "\*{8}" was not found/);
  for (const run of [told, lost, unknown])
    expect(JSON.stringify([await client.flowRuns.states(run.id), await readLogs(run)])).not.toContain(
      data.value,
    );
  worker.child.kill("SIGINT");
  expect(await worker.exited).toBe(0);
  expect(worker.stderr()).toMatch(/started: pid/);
  expect(worker.stderr()).not.toContain(data.value);
});

/** A whole machine's work goes on through the death of everything on the server's side. */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { findServerProcesses, waitForNoProcesses } from "../support/processes.ts";
import { startTestServer } from "../support/server.ts";
import { waitFor } from "../support/wait-for.ts";

const BIN = fileURLToPath(new URL("../../bin/sluice.js", import.meta.url));
const FLOW_FOLDER = fileURLToPath(new URL("../fixtures/traced-flow/", import.meta.url));
const RUNS = 4;

test("runs that hold and wait for a slot all complete, one at a time, though everything is killed meanwhile", async () => {
  const server = await startTestServer();
  onTestFinished(() => server.stop());
  const trace = join(server.dataDir, "trace");
  const go = join(server.dataDir, "go");
  const env = {
    ...process.env,
    PATH: `${dirname(process.execPath)}:${process.env["PATH"] ?? ""}`,
    SLUICE_API_URL: `${server.url}/api`,
    SLUICE_HOME: server.dataDir,
    TRACE: trace,
    GO: go,
  };
  const sluice = async (...args: string[]) => {
    const { stdout } = await promisify(execFile)(process.execPath, [BIN, ...args], { env, cwd: FLOW_FOLDER });
    return stdout;
  };
  const read = async (what: "holders" | "waiters") =>
    JSON.parse(await sluice("gcl", what, "traced-slots", "-o", "json")) as unknown[];

  await sluice("gcl", "create", "traced-slots", "--limit", "1");
  await sluice("work-pool", "create", "traced-pool", "--type", "process");
  await sluice("deploy", "--all");
  const agent = spawn(process.execPath, [BIN, "worker", "start", "--pool", "traced-pool"], {
    env,
    cwd: FLOW_FOLDER,
    stdio: "ignore",
  });
  onTestFinished(async () => {
    if (agent.exitCode !== null || agent.signalCode !== null) return;
    agent.kill("SIGKILL");
    await once(agent, "exit");
  });
  for (let run = 0; run < RUNS; run += 1) await sluice("deployment", "run", "traced/traced");
  await waitFor(async () => {
    expect(await read("holders")).toHaveLength(1);
    expect((await read("waiters")).length).toBeGreaterThan(0);
  }, 60_000);

  const { keepers, workerds } = await findServerProcesses(server.dataDir);
  for (const pid of [server.pid, ...keepers, ...workerds]) process.kill(pid, "SIGKILL");
  await waitForNoProcesses(server.dataDir);
  await server.restart();
  writeFileSync(go, "");

  await waitFor(async () => {
    const runs = JSON.parse(await sluice("flow-run", "ls", "-o", "json")) as { state_name: string }[];
    expect(runs.map(({ state_name }) => state_name)).toEqual(Array.from({ length: RUNS }, () => "Completed"));
  }, 100_000);
  const held = readFileSync(trace, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { from: number; to: number })
    .toSorted((left, right) => left.from - right.from);
  expect(held).toHaveLength(RUNS);
  for (const [index, { from }] of held.entries()) {
    expect(from).toBeGreaterThanOrEqual(held[index - 1]?.to ?? 0);
  }
  agent.kill("SIGTERM");
  expect(await once(agent, "exit")).toEqual([0, null]);
});

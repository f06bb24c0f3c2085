/** Bugs of others that concern workers and the processes that they start: one embedded server, real workers. */
import { once } from "node:events";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { FlowRun } from "../../src/contract/wire/flow-runs.ts";
import { isGroupAlive } from "../../worker-agent/process-identity.ts";
import { startProxy } from "../prefect/support/proxy.ts";
import { BOUND, fixtureCommand, HOLD, useFleet } from "./fleet.ts";

const fleet = useFleet();
const createRun = (command: string, pool?: string) => fleet.createRun(command, pool);
const waitForState = (run: FlowRun, type: string) => fleet.waitForState(run, type);

async function pidOf(id: string): Promise<number> {
  const read = async () => Number((await fleet.client.flowRuns.read(id)).infrastructure_pid);
  await expect.poll(read, BOUND).toBeGreaterThan(0);
  return read();
}

// A cancelled run kept its slot of the pool, and the other three of a backfill never began.
test("dagster-io/dagster#28456: what a cancelled run held is free for the next", async () => {
  const first = await createRun(`${HOLD} sleep 1000`);
  const second = await createRun(`${HOLD} true`);
  await expect.poll(() => fleet.holdersOf("gpu"), BOUND).toBe(1);
  await fleet.client.flowRuns.cancel(first.id);
  await waitForState(first, "CANCELLED");
  await waitForState(second, "COMPLETED");
  await expect.poll(() => fleet.holdersOf("gpu"), BOUND).toBe(0);
});

// A run was deleted while it was under way, and a moment later its worker was dead.
test("PrefectHQ/prefect#19141: a worker whose run is deleted stops that and goes on", async () => {
  const run = await createRun("sleep 1000");
  await waitForState(run, "RUNNING");
  const pid = await pidOf(run.id);
  await fleet.client.flowRuns.delete(run.id);
  const next = await createRun("true");
  await waitForState(next, "COMPLETED");
  expect(fleet.worker.exitCode).toBeNull();
  expect(() => process.kill(pid, 0)).toThrow("ESRCH");
});

// What ran of a deleted flow ran on, and its slots were taken for ever.
test("PrefectHQ/prefect#7753: what a deleted run held is free for the next", async () => {
  const run = await createRun(`${HOLD} sleep 1000`);
  await expect.poll(() => fleet.holdersOf("gpu"), BOUND).toBe(1);
  await fleet.client.flowRuns.delete(run.id);
  await waitForState(await createRun(`${HOLD} true`), "COMPLETED");
  await expect.poll(() => fleet.holdersOf("gpu"), BOUND).toBe(0);
});

// A worker said that it had reached its limit, and nothing ran; it had to be started anew.
test("PrefectHQ/prefect#17628: however a run ends, its worker has the slot again", async () => {
  for (const [command, type] of [
    ["false", "FAILED"],
    ["sh -c 'kill -9 $$'", "CRASHED"],
    ["sh -c 'kill -9 0'", "CRASHED"],
  ] as const)
    await waitForState(await createRun(command), type);
  await waitForState(await createRun("true"), "COMPLETED");
});

// A run that could not be started gave its slot back twice, and that was the end of the worker.
test("PrefectHQ/prefect#19188: runs that cannot be started take no slot from their worker, nor give it one too many", async () => {
  for (const command of ["/no/such/command", "''"]) {
    const run = await createRun(command);
    await expect.poll(async () => (await fleet.client.flowRuns.read(run.id)).end_time, BOUND).not.toBeNull();
    expect((await fleet.client.flowRuns.read(run.id)).state_type).not.toBe("COMPLETED");
  }
  // Both together would be one too many: the second one fails where the first has not left yet.
  const room = join(fleet.folder, "room");
  const alone = `sh -c "mkdir '${room}' && sleep 0.3 && rmdir '${room}'"`;
  const runs = [await createRun(alone), await createRun(alone)];
  for (const run of runs) await waitForState(run, "COMPLETED");
  expect(fleet.worker.exitCode).toBeNull();
});

// Whom nothing in the run heard of a cancellation, nobody stopped: it ran on, as Cancelling for ever or as Cancelled.
test("PrefectHQ/prefect#17482, #18840, #21616: a run that does not listen is stopped, and Cancelled only when it is", async () => {
  const deaf = join(fleet.folder, "deaf");
  const run = await createRun(`sh -c "trap '' TERM; : > '${deaf}'; while :; do sleep 1; done"`);
  await expect.poll(() => existsSync(deaf), BOUND).toBe(true);
  const pid = await pidOf(run.id);
  onTestFinished(() => {
    if (isGroupAlive(pid)) process.kill(-pid, "SIGKILL");
  });
  await fleet.client.flowRuns.cancel(run.id);
  await waitForState(run, "CANCELLED");
  expect(isGroupAlive(pid)).toBe(false);
});

// At a SIGTERM, which each roll-out sends, a worker took its runs along instead of letting them end.
test("PrefectHQ/prefect#22528: at a SIGTERM a worker lets its run end, begins no other, and leaves", async () => {
  const worker = await fleet.startWorker("drained");
  let said = "";
  worker.stderr?.on("data", (text: Buffer) => (said += text.toString()));
  const go = join(fleet.folder, "go");
  const run = await createRun(fixtureCommand("wait-for-file.sh", go), "drained");
  await waitForState(run, "RUNNING");
  worker.kill("SIGTERM");
  await expect.poll(() => said, BOUND).toContain("no more runs are claimed");
  const later = await createRun("true", "drained");
  const exited = once(worker, "exit");
  writeFileSync(go, "0");
  expect(await exited).toEqual([0, null]);
  await waitForState(run, "COMPLETED");
  expect((await fleet.client.flowRuns.read(later.id)).state_type).toBe("SCHEDULED");
});

// The server asked for patience with 429, and the worker's process ended.
test("PrefectHQ/prefect#20488: a worker that is told 429 comes back later", async () => {
  await using proxy = await startProxy(fleet.server.url);
  let refused = 0;
  let isPatienceAsked = false;
  proxy.fault = ({ method }) => {
    if (!isPatienceAsked || method === "WS") return undefined;
    refused += 1;
    return { kind: "answer", status: 429, headers: { "retry-after": "1" } };
  };
  const askForPatience = async <Begun>(begin: () => Begun | Promise<Begun>): Promise<Begun> => {
    refused = 0;
    isPatienceAsked = true;
    const begun = await begin();
    await expect.poll(() => refused, BOUND).toBeGreaterThan(1);
    isPatienceAsked = false;
    return begun;
  };
  const worker = await fleet.startWorker("limited", `${proxy.url}/api`);
  await waitForState(await createRun("true", "limited"), "COMPLETED");
  const go = join(fleet.folder, "go on");
  const command = fixtureCommand("wait-for-file.sh", go);
  const run = await askForPatience(() => createRun(command, "limited"));
  await waitForState(run, "RUNNING");
  await askForPatience(() => writeFileSync(go, "0"));
  await waitForState(run, "COMPLETED");
  const exited = once(worker, "exit");
  worker.kill("SIGTERM");
  expect(await exited).toEqual([0, null]);
});

/** Prefect's worker and `serve()` against this server: run, watch, cancel, pause, suspend, resume, schedules. */
import { expect } from "vitest";
import { FLOWS, POOL, RUN_MS_MAX, type Fleet } from "./support/fleet.ts";
import type { Prefect } from "./support/prefect.ts";
import { waitFor } from "../support/wait-for.ts";

export async function checkWorker(prefect: Prefect, fleet: Fleet): Promise<void> {
  const { client } = fleet;
  // Without `--limit`: one that is given kills Prefect's worker when a run is resumed before its first process is gone.
  const worker = fleet.worker(prefect, "gpu-1");
  const [sleeping, suspending, pausing] = await Promise.all([
    fleet.run("sleeping"),
    fleet.run("suspending"),
    fleet.run("pausing"),
  ]);
  const watched = prefect.cli(["deployment", "run", "greeting/d", "--param", "name=there", "--watch"], {
    timeoutMs: 180_000,
  });

  const { pid } = await fleet.noted(sleeping.id, "sleeps");
  const cancelled = await prefect.cli(["flow-run", "cancel", sleeping.id]);
  expect(cancelled).toMatchObject({ exitCode: 0 });

  // Its process is on its way and learns when it asks to begin, before the five minutes after which the server gives up.
  const early = await fleet.run("sleeping");
  await waitFor(
    async () => expect((await client.flowRuns.read(early.id)).state_type).toBe("PENDING"),
    30_000,
  );
  await client.flowRuns.cancel(early.id);

  await fleet.reaches(pausing.id, "Paused");
  await client.flowRuns.resume(pausing.id);
  await fleet.reaches(suspending.id, "Suspended");
  const suspended = await fleet.noted(suspending.id, "before");
  await waitUntilGone(suspended.pid);
  await client.flowRuns.resume(suspending.id);

  const asking = await fleet.run("asking");
  await fleet.reaches(asking.id, "Suspended");
  await waitUntilGone((await fleet.noted(asking.id, "asks")).pid);
  const wrong = await client.flowRuns.resume(asking.id, { number: "x" });
  expect(wrong).toMatchObject({ status: "REJECT", state: { name: "Suspended" } });
  await client.flowRuns.resume(asking.id, { number: 7 });

  const { exitCode, stdout, stderr } = await watched;
  expect(exitCode, stdout + stderr).toBe(0);
  expect(stdout + stderr).toMatch(/Completed|finished/u);
  expect((await fleet.reaches(pausing.id, "Completed")).run_count).toBe(1);
  await fleet.reaches(suspending.id, "Completed");
  await fleet.reaches(asking.id, "Completed");
  expect(fleet.notes(asking.id).map(({ event, number }) => [event, number])).toEqual([
    ["asks", undefined],
    ["asks", undefined],
    ["answered", 7],
  ]);
  await fleet.reaches(early.id, "Cancelled");
  expect(fleet.notes(early.id)).toEqual([]);
  await fleet.reaches(sleeping.id, "Cancelled");
  await waitUntilGone(pid);
  for (const { id } of [pausing, suspending]) {
    expect(fleet.notes(id).map(({ event }) => event)).toEqual(
      id === pausing.id ? ["before", "after"] : ["before", "before", "after"],
    );
  }

  // A schedule's runs come by themselves, and a paused one's go.
  const { id } = await client.deployments.readByName("greeting/d");
  const made = await prefect.cli(["deployment", "schedule", "create", "greeting/d", "--interval", "5"]);
  expect(made).toMatchObject({ exitCode: 0 });
  const scheduled = { flow_runs: { deployment_id: { any_: [id] }, tags: { all_: ["auto-scheduled"] } } };
  await waitFor(async () => {
    const runs = await client.flowRuns.list(scheduled);
    expect(runs.filter(({ state_name }) => state_name === "Completed")).not.toEqual([]);
  }, RUN_MS_MAX);
  await prefect.cli(["deployment", "schedule", "clear", "greeting/d", "--accept-yes"]);

  const listed = await prefect.cli(["work-pool", "inspect", POOL]);
  expect(listed.stdout).toContain("status=WorkPoolStatus.READY");
  worker.signal("SIGTERM");
  await worker.ended;
}

export async function checkServe(prefect: Prefect, fleet: Fleet): Promise<void> {
  const serving = await prefect.start("serving.py", [], { env: fleet.env, cwd: FLOWS, timeoutMs: 180_000 });
  const deployment = await waitFor(() => fleet.client.deployments.readByName("greeting/served"), 30_000);
  const run = await fleet.client.deployments.createRun(deployment.id, {});
  await fleet.reaches(run.id, "Completed");
  serving.signal("SIGINT");
  await serving.ended;
  expect(await fleet.client.deployments.read(deployment.id)).toMatchObject({ paused: true });
}

function waitUntilGone(pid: number): Promise<void> {
  return waitFor(async () => expect(() => process.kill(pid, 0)).toThrow("ESRCH"), 30_000);
}

/** One version of Prefect's clients against a server of its own: command line, flows, and which calls they make. */
import { test } from "vitest";
import { checkAudit } from "./audit.ts";
import { checkCommandLine } from "./command-line.ts";
import { checkBackgroundTasks, checkLimits, checkRuns } from "./sdk.ts";
import { checkEndpoints } from "./support/endpoints.ts";
import { describeFleet } from "./support/scene.ts";
import type { PrefectVersion } from "./versions.ts";
import { checkServe, checkWorker } from "./worker.ts";

/** Declares the tests of one version. */
export function describeClients(version: PrefectVersion): void {
  describeFleet(version, `Prefect ${version}`, (scene) => {
    test("every command prints and returns what it does against a Prefect server", async () => {
      await checkCommandLine(scene.prefect);
    });

    test("slots are held by one after the other, at a rate, by tag, and refused as by a Prefect server", async () => {
      await checkLimits(scene.prefect);
    });

    test("a flow's retries, tasks, subflow, logs, result, variable and states are what they are elsewhere", async () => {
      await checkRuns(scene.prefect);
    });

    test("tasks that are delayed are done by a process that serves them", async () => {
      await checkBackgroundTasks(scene.prefect);
    });

    test("a worker runs, cancels, pauses, suspends, resumes and keeps to a schedule", async () => {
      await checkWorker(scene.prefect, scene.fleet);
    });

    test("a served flow runs in the process that serves it", async () => {
      await checkServe(scene.prefect, scene.fleet);
    });

    test("the audit list has what was typed, and nothing that engines, runners and workers said of their runs", async () => {
      await checkAudit(scene.server.url);
    });

    test("its calls and their answers are those of the table", () => {
      checkEndpoints(version, scene.prefect.proxy.seen);
    });
  });
}

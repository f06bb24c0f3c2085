/** Work pools and queues through the real executable. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { z } from "zod";
import { FlowRun } from "../../src/contract/wire/flow-runs.ts";
import { WorkPool, WorkQueue } from "../../src/contract/wire/work-pools.ts";
import { useCommandLine } from "../support/command-line.ts";

const cli = useCommandLine();
const { succeed, read, fail } = cli;

test("a pool from its creation to its end", async () => {
  const pool = await read(WorkPool, "work-pool", "create", "ml-pool", "--type", "process");
  expect(pool).toMatchObject({ name: "ml-pool", type: "process", is_paused: false });
  await fail(
    "A work pool named ml-pool exists already; use --overwrite, or `sluice work-pool update ml-pool`.",
    "work-pool",
    "create",
    "ml-pool",
  );
  expect(
    await read(WorkPool, "work-pool", "create", "ml-pool", "--overwrite", "--description", "GPUs"),
  ).toMatchObject({ id: pool.id, description: "GPUs" });
  expect(await read(WorkPool, "work-pool", "update", "ml-pool", "--lost-runs", "reschedule")).toMatchObject({
    lost_run_policy: "reschedule",
  });
  expect(await read(z.array(WorkPool), "work-pool", "ls")).toHaveLength(1);
  expect(await read(WorkPool, "work-pool", "pause", "ml-pool")).toMatchObject({ is_paused: true });
  expect(await succeed("work-pool", "ls")).toContain("paused");
  expect(await read(WorkPool, "work-pool", "resume", "ml-pool")).toMatchObject({ is_paused: false });
  expect(await read(WorkPool, "work-pool", "set-concurrency-limit", "ml-pool", "4")).toMatchObject({
    concurrency_limit: 4,
  });
  expect(await succeed("work-pool", "inspect", "ml-pool")).toContain("0 of 4");
  expect(await read(WorkPool, "work-pool", "clear-concurrency-limit", "ml-pool")).toMatchObject({
    concurrency_limit: null,
  });
  expect(await succeed("work-pool", "slots", "ml-pool")).toBe("0 slots in use, no limit.\n");
  expect(await read(z.array(FlowRun), "work-pool", "preview", "ml-pool")).toEqual([]);
  await succeed("work-pool", "get-default-base-job-template", "--type", "process", "-f", "template.json");
  expect(JSON.parse(readFileSync(join(cli.folder, "template.json"), "utf8"))).toEqual(pool.base_job_template);
  expect(
    await read(WorkPool, "work-pool", "update", "ml-pool", "--base-job-template", "template.json"),
  ).toMatchObject({ base_job_template: pool.base_job_template });
  await fail("No work pool named ml-pol; did you mean ml-pool?", "work-pool", "pause", "ml-pol");
  await fail(
    "No work pool named cpu; create it with `sluice work-pool create cpu --type process`.",
    "work-pool",
    "preview",
    "cpu",
  );

  const queue = await read(WorkQueue, "work-queue", "create", "urgent", "-p", "ml-pool", "-l", "2");
  expect(queue).toMatchObject({ name: "urgent", concurrency_limit: 2, work_pool_name: "ml-pool" });
  expect(
    (await read(z.array(WorkQueue), "work-queue", "ls", "-p", "ml-pool")).map(({ name }) => name),
  ).toEqual(["default", "urgent"]);
  expect(await read(WorkQueue, "work-queue", "pause", "urgent", "-p", "ml-pool")).toMatchObject({
    is_paused: true,
  });
  expect(await read(WorkQueue, "work-queue", "resume", queue.id)).toMatchObject({ is_paused: false });
  expect(
    await read(WorkQueue, "work-queue", "clear-concurrency-limit", "urgent", "-p", "ml-pool"),
  ).toMatchObject({ concurrency_limit: null });
  expect(await read(z.array(FlowRun), "work-queue", "preview", "urgent", "-p", "ml-pool")).toEqual([]);
  expect(await read(z.array(FlowRun), "work-queue", "read-runs", "urgent", "-p", "ml-pool")).toEqual([]);
  await fail(
    "No work queue in ml-pool named urgnet; did you mean urgent?",
    "work-queue",
    "inspect",
    "urgnet",
    "-p",
    "ml-pool",
  );
  await fail(
    "No work pool named cpu; create it with `sluice work-pool create cpu --type process`.",
    "work-queue",
    "create",
    "x",
    "-p",
    "cpu",
  );
  await succeed("work-queue", "delete", "urgent", "-p", "ml-pool");
  for (const named of [[], ["ml-pool"], ["-p", "ml-pool"], ["ml-pool", "--pool", "ml-pool"]])
    expect(await read(z.array(z.unknown()), "worker", "ls", ...named)).toEqual([]);
  expect(await read(z.array(WorkQueue), "work-queue", "ls", "ml-pool")).toHaveLength(1);
  expect(await cli.run("work-queue", "ls", "ml-pool", "-p", "cpu")).toMatchObject({
    exitCode: 2,
    stderr: "Name one work pool, ml-pool or cpu.\n",
  });
  await succeed("work-pool", "delete", "ml-pool");
  expect(await read(z.array(WorkPool), "work-pool", "ls")).toEqual([]);
});

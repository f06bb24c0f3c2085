/** `deployment run`, `flow-run` and `why` through the real executable, without a worker. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { z } from "zod";
import { FlowRun } from "../../src/contract/wire/flow-runs.ts";
import { Log } from "../../src/contract/wire/logs.ts";
import { useCommandLine } from "../support/command-line.ts";
import { runSluice } from "../support/sluice.ts";

const cli = useCommandLine();
const { succeed, read, fail } = cli;

test("a run from the command line, without a worker", async () => {
  writeFileSync(
    join(cli.folder, "prefect.yaml"),
    'deployments: [{ name: nightly, flow_name: report, parameters: { depth: 2 }, work_pool: { name: cpu, job_variables: { command: "true" } } }]',
  );
  await succeed("work-pool", "create", "cpu");
  await succeed("deploy");
  const run = await read(
    FlowRun,
    "deployment",
    "run",
    "report/nightly",
    "--param",
    "depth=3",
    "--params",
    '{"title": "x"}',
    "--start-in",
    "1h",
    "--tag",
    "mine",
    "--flow-run-name",
    "by-hand",
    "--job-variable",
    "n=1",
  );
  expect(run).toMatchObject({
    name: "by-hand",
    state_name: "Scheduled",
    parameters: { depth: 3, title: "x" },
    tags: expect.arrayContaining(["mine"]) as unknown,
    job_variables: { n: 1 },
  });
  const due = Date.parse(run.next_scheduled_start_time ?? "") - Date.now();
  expect(due).toBeGreaterThan(3_500_000);
  expect(due).toBeLessThanOrEqual(3_600_000);
  const runs = z.array(FlowRun);
  expect(await read(runs, "flow-run", "ls", "-d", "report/nightly", "--state", "Scheduled")).toMatchObject([
    { id: run.id },
  ]);
  expect(await read(runs, "flow-run", "ls", "--state-type", "completed")).toEqual([]);
  expect(await read(runs, "work-pool", "preview", "cpu", "-h", "2")).toMatchObject([{ id: run.id }]);
  expect(await succeed("flow-run", "ls", "--flow-name", "report", "-p", "cpu")).toMatch(
    /report +by-hand +Scheduled +in (?:1h|\d+m)/,
  );
  // Its name and the beginning of its id, as tables show it, are as good as the id.
  for (const ref of ["by-hand", `${run.id.slice(0, 18)}…`])
    expect(await read(FlowRun, "flow-run", "inspect", ref)).toMatchObject({ id: run.id });
  await succeed("deployment", "run", "report/nightly", "--flow-run-name", "twin", "--start-in", "1h");
  await succeed("deployment", "run", "report/nightly", "--flow-run-name", "twin", "--start-in", "1h");
  expect(await cli.run("why", "twin")).toMatchObject({
    exitCode: 1,
    stderr: expect.stringMatching(
      /^2 flow runs are called twin; name one by its id: .{36}, .{36}\.\n$/,
    ) as unknown,
  });
  expect(await succeed("flow-run", "inspect", run.id)).toContain('{"depth":3,"title":"x"}');
  await succeed("gcl", "create", "gpu", "--limit", "1");
  const holder = { type: "flow_run", id: run.id } as const;
  const grant = await cli.api.limits.acquire({ names: ["gpu"], request_id: "held", holder });
  await cli.api.limits.release("lease_id" in grant ? grant.lease_id : "");
  await expect
    .poll(() => succeed("flow-run", "inspect", run.id))
    .toMatch(/\nSlots held\nLIMIT +SLOTS +WAITED +HELD FOR +ENDED BY\ngpu +1 +0s +\S+ +holder\n$/);
  expect(await succeed("why", run.id)).toMatch(/^The run is scheduled for .*\. \[not_due\]\n$/);
  await fail(
    "The flow run by-hand is Scheduled; only one that has ended can be retried.",
    "flow-run",
    "retry",
    run.id,
  );

  await cli.api.logs.write(
    Array.from({ length: 30 }, (_, index) => ({
      name: "test",
      level: index === 29 ? 40 : 20,
      message: `line ${index}`,
      timestamp: new Date(Date.now() + index).toISOString(),
      flow_run_id: run.id,
    })),
  );
  const linesOf = (text: string): string[] =>
    text
      .trimEnd()
      .split("\n")
      .map((line) => line.slice(line.lastIndexOf(" - ") + 3));
  expect(linesOf(await succeed("flow-run", "logs", run.id))).toEqual(
    Array.from({ length: 30 }, (_, index) => `line ${index}`),
  );
  expect(linesOf(await succeed("flow-run", "logs", run.id, "--head", "-n", "2"))).toEqual([
    "line 0",
    "line 1",
  ]);
  expect(linesOf(await succeed("flow-run", "logs", run.id, "--tail", "-n", "2"))).toEqual([
    "line 28",
    "line 29",
  ]);
  expect(linesOf(await succeed("flow-run", "logs", run.id, "--tail", "-n", "2", "--reverse"))).toEqual([
    "line 29",
    "line 28",
  ]);
  expect(linesOf(await succeed("flow-run", "logs", run.id, "--reverse"))[0]).toBe("line 29");
  expect(await read(z.array(Log), "flow-run", "logs", run.id, "--tail")).toHaveLength(20);
  expect(await succeed("flow-run", "logs", run.id, "-n", "1")).toMatch(
    /^\d\d:\d\d:\d\d\.\d{3} \| ERROR    \| test - line 29\n$/,
  );

  const following = runSluice(["flow-run", "logs", run.id, "--follow", "--tail", "-n", "1"], {
    env: cli.env,
  });
  const watching = cli.run("flow-run", "watch", run.id);
  expect(await read(FlowRun, "flow-run", "cancel", run.id)).toMatchObject({ state_type: "CANCELLED" });
  expect(linesOf((await following).stdout)).toEqual(["line 29"]);
  const watched = await watching;
  expect(watched.exitCode).toBe(1);
  expect(watched.stdout).toContain("The flow run by-hand ended as Cancelled");
  const twice = await cli.run("flow-run", "cancel", run.id);
  expect(twice).toMatchObject({ exitCode: 1, stdout: "" });
  expect(twice.stderr).toMatch(/^The flow run was not cancelled: .*\.\n$/);
  expect(await read(FlowRun, "flow-run", "retry", run.id)).toMatchObject({ state_type: "SCHEDULED" });
  expect(await read(FlowRun, "flow-run", "delete", run.id)).toMatchObject({ id: run.id });
  await fail(
    `No flow run ${run.id}; \`sluice flow-run ls\` shows those there are.`,
    "flow-run",
    "inspect",
    run.id,
  );
});

test("a run that waits is moved to the front of its queue", async () => {
  await succeed("work-pool", "create", "narrow");
  writeFileSync(
    join(cli.folder, "prefect.yaml"),
    'deployments: [{ name: narrow, flow_name: urgent, work_pool: { name: narrow, job_variables: { command: "true" } } }]',
  );
  await succeed("deploy");
  const runs: FlowRun[] = [];
  for (const name of ["one", "two", "three"])
    runs.push(await read(FlowRun, "deployment", "run", "urgent/narrow", "--flow-run-name", `narrow-${name}`));
  expect(await read(FlowRun, "flow-run", "to-front", "narrow-three")).toMatchObject({
    id: runs[2]?.id,
    next_scheduled_start_time: runs[2]?.next_scheduled_start_time,
  });
  expect(await succeed("flow-run", "to-front", "narrow-two")).toBe(
    "The flow run narrow-two goes before 2 others of the queue default.\n",
  );
  expect(await succeed("flow-run", "to-front", "narrow-two")).toBe(
    "The flow run narrow-two stands at the front of the queue default already.\n",
  );
  const scheduled = await read(z.array(FlowRun), "work-pool", "preview", "narrow");
  expect(scheduled.map(({ name }) => name)).toEqual(["narrow-two", "narrow-three", "narrow-one"]);
  await succeed("flow-run", "cancel", "narrow-one");
  await fail(
    "This flow run has ended as Cancelled; only one that waits in a queue can go to its front.",
    "flow-run",
    "to-front",
    "narrow-one",
  );
});

test("a list that is cut short says so, unless somebody has said how short", async () => {
  const { id } = await cli.api.flows.put({ name: "many" });
  for (let count = 0; count < 16; count += 1) await cli.api.flowRuns.create({ flow_id: id });
  const list = (...args: string[]) => cli.run("flow-run", "ls", "--flow-name", "many", "-o", "json", ...args);
  const cut = await list();
  expect(JSON.parse(cut.stdout)).toHaveLength(15);
  expect(cut.stderr).toBe("Only 15 are shown; --limit shows more.\n");
  for (const args of [
    ["--limit", "15"],
    ["--offset", "1"],
  ]) {
    const { stdout, stderr } = await list(...args);
    expect(JSON.parse(stdout)).toHaveLength(15);
    expect(stderr).toBe("");
  }
});

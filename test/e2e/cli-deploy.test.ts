/** `deploy` and `deployment` through the real executable, without a worker. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { z } from "zod";
import { Deployment } from "../../src/contract/wire/deployments.ts";
import { DeploymentSchedule } from "../../src/contract/wire/schedules.ts";
import { useCommandLine } from "../support/command-line.ts";

const cli = useCommandLine();
const { succeed, read, fail } = cli;

test("from prefect.yaml to a deployment and its schedules", async () => {
  writeFileSync(
    join(cli.folder, "prefect.yaml"),
    `
deployments:
- name: nightly
  flow_name: report
  parameters: { depth: 2 }
  tags: [fast]
  schedules: [{ cron: "0 3 * * *", timezone: Europe/Berlin }]
  work_pool: { name: cpu, job_variables: { command: "true", env: { MODEL: "{{ prefect.variables.model }}" } } }
- name: python
  entrypoint: flows.py:clean_up
`,
  );
  writeFileSync(
    join(cli.folder, "flows.py"),
    'from prefect import flow\n\n@flow\ndef clean_up(days: int = 7):\n    """Cleans up."""\n',
  );
  await fail(
    "prefect.yaml:3: {{ prefect.variables.model }}: no variable named model; create it with `sluice variable set model VALUE`.\nprefect.yaml:9: the deployment python has no work pool; write `work_pool: {name: …}` or say --pool.",
    "deploy",
    "--all",
  );
  await succeed("variable", "set", "model", "resnet");
  await fail(
    "prefect.yaml:9: the deployment python has no work pool; write `work_pool: {name: …}` or say --pool.",
    "deploy",
    "--all",
  );
  await fail(
    "No work pool named cpu; create it with `sluice work-pool create cpu --type process`.",
    "deploy",
    "--all",
    "--pool",
    "cpu",
  );
  expect(await read(z.array(Deployment), "deployment", "ls")).toEqual([]);
  await succeed("work-pool", "create", "cpu", "--type", "process", "--set-as-default");
  expect(await cli.run("deploy", "--all")).toEqual({
    exitCode: 0,
    stdout: "Created the deployment report/nightly in cpu.\nCreated the deployment clean-up/python in cpu.\n",
    stderr:
      "No worker serves cpu yet; start one with `sluice worker start --pool cpu`.\nStart a run with `sluice deployment run report/nightly`.\n",
  });
  const [again] = await read(z.array(Deployment), "deploy", "-n", "nightly", "-t", "again");
  expect(again).toMatchObject({
    name: "nightly",
    tags: ["fast", "again"],
    parameters: { depth: 2 },
    job_variables: { command: "true", env: { MODEL: "resnet" } },
    schedules: [{ schedule: { cron: "0 3 * * *", timezone: "Europe/Berlin", day_or: true }, active: true }],
  });
  expect(await succeed("deployment", "ls")).toMatch(/report\/nightly +cpu +default +cron 0 3 \* \* \*/);
  const flows = (await succeed("flow", "ls")).split("\n").slice(1, 3);
  expect(flows.map((line) => line.replace(/ .*/, "")).toSorted()).toEqual(["clean-up", "report"]);
  const python = await read(Deployment, "deployment", "inspect", "clean-up/python");
  expect(python).toMatchObject({
    entrypoint: "flows.py:clean_up",
    description: "Cleans up.",
    pull_steps: [{ "prefect.deployments.steps.set_working_directory": { directory: cli.folder } }],
    parameter_openapi_schema: { properties: { days: { type: "integer", default: 7 } } },
  });
  await fail(
    "The flow of clean-up/python has no parameter day; did you mean days?",
    "deployment",
    "run",
    "clean-up/python",
    "--param",
    "day=3",
  );
  const refused = await cli.run("deployment", "run", "clean-up/python", "--param", "days=soon");
  expect(refused.exitCode).toBe(1);
  expect(refused.stderr).toMatch(/days/);
  await fail(
    "No deployment named report/nightli; did you mean report/nightly?",
    "deployment",
    "run",
    "report/nightli",
  );

  const schedules = z.array(DeploymentSchedule);
  const [added] = await read(
    schedules,
    "deployment",
    "schedule",
    "create",
    "clean-up/python",
    "--interval",
    "1h30m",
    "--slug",
    "often",
  );
  expect(added).toMatchObject({ schedule: { interval: 5400 }, slug: "often", active: true });
  expect(
    await read(schedules, "deployment", "schedule", "pause", "clean-up/python", added?.id ?? ""),
  ).toMatchObject([{ active: false }]);
  expect(await read(schedules, "deployment", "schedule", "resume", "clean-up/python", "--all")).toMatchObject(
    [{ active: true }],
  );
  expect(await succeed("deployment", "schedule", "ls", "clean-up/python")).toContain("every 1h 30m");
  await succeed("deployment", "schedule", "delete", "clean-up/python", added?.id ?? "");
  await succeed("deployment", "schedule", "clear", "report/nightly");
  expect(await read(schedules, "deployment", "schedule", "ls", "report/nightly")).toEqual([]);
  expect(await read(Deployment, "deployment", "pause", "report/nightly")).toMatchObject({ paused: true });
  expect(await read(Deployment, "deployment", "resume", "report/nightly")).toMatchObject({ paused: false });
  const [id] = (await read(z.array(Deployment), "deployment", "ls", "clean-up")).map((one) => one.id);
  await succeed("deployment", "delete", "--id", id ?? "");
  await succeed("deployment", "delete", "--all");
  expect(await read(z.array(Deployment), "deployment", "ls")).toEqual([]);
  await succeed("work-pool", "delete", "cpu");
});

test("--all with an entry that the server refuses says what was done", async () => {
  const entry = (name: string, cron: string): string =>
    `  - { name: ${name}, flow_name: f, schedule: { cron: "${cron}" }, work_pool: { name: p, job_variables: { command: x } } }\n`;
  writeFileSync(
    join(cli.folder, "prefect.yaml"),
    `deployments:\n${entry("a", "0 3 * * *")}${entry("b", "61 3 * * *")}${entry("c", "0 3 * * *")}`,
  );
  await succeed("work-pool", "create", "p");
  const { exitCode, stdout, stderr } = await cli.run("deploy", "--all");
  expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "Created the deployment f/a in p.\n" });
  expect(stderr).toMatch(
    /^prefect\.yaml:3: the deployment f\/b was not made: .*cron.*\nDeployed before it: f\/a\.\nNot deployed: f\/c\.\n$/,
  );
  expect((await read(z.array(Deployment), "deployment", "ls")).map(({ name }) => name)).toEqual(["a"]);
});

test("an unset name of the environment is nothing, which no pool can be called", async () => {
  const file = (pool: string): string =>
    `deployments: [{ name: unset, flow_name: f, version: "v{{ $NO_SUCH }}", work_pool: { name: "${pool}", job_variables: { command: "true" } } }]`;
  writeFileSync(join(cli.folder, "unset.yaml"), file("{{ $NO_SUCH_POOL }}"));
  const refused = await cli.run("deploy", "--all", "--prefect-file", "unset.yaml");
  expect(refused).toMatchObject({ exitCode: 1, stdout: "" });
  expect(refused.stderr).toMatch(/work_pool\.name wants a name of 1 to 255 characters\.\n$/);
  await succeed("work-pool", "create", "unset-pool", "--type", "process");
  writeFileSync(join(cli.folder, "unset.yaml"), file("unset-pool"));
  const done = await cli.run("deploy", "--all", "--prefect-file", "unset.yaml");
  expect(done.exitCode).toBe(0);
  expect(done.stderr).toContain(
    "unset.yaml:1: the environment has no NO_SUCH; {{ $NO_SUCH }} becomes nothing.\n",
  );
  expect(await read(Deployment, "deployment", "inspect", "f/unset")).toMatchObject({ version: "v" });
});

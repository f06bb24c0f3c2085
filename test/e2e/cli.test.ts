/** Each group of commands against a real server, through the real executable. */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { createClient, type Client } from "../../src/client/index.ts";
import { Deployment } from "../../src/contract/wire/deployments.ts";
import { FlowRun } from "../../src/contract/wire/flow-runs.ts";
import { LeaseRecord, Limit, TagLimit, WaiterRecord } from "../../src/contract/wire/limits.ts";
import { Log, Variable } from "../../src/contract/wire/logs.ts";
import { DeploymentSchedule } from "../../src/contract/wire/schedules.ts";
import { WorkPool, WorkQueue } from "../../src/contract/wire/work-pools.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { runSluice } from "../support/sluice.ts";

let server: TestServer;
let api: Client;
let folder: string;
let env: Record<string, string>;
beforeAll(async () => {
  server = await startTestServer();
  api = createClient({ apiUrl: `${server.url}/api` });
  folder = mkdtempSync(join(tmpdir(), "sluice-cli-"));
  env = { SLUICE_API_URL: server.url, SLUICE_PROFILES_PATH: join(folder, "profiles.json") };
});
afterAll(async () => {
  await api?.close();
  await server?.stop();
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
});

const sluice = (...args: string[]) => runSluice(args, { env, cwd: folder });

/** Runs a command that must succeed and gives what it printed. */
async function succeed(...args: string[]): Promise<string> {
  const outcome = await sluice(...args);
  expect(outcome, args.join(" ")).toMatchObject({ exitCode: 0 });
  return outcome.stdout;
}

/** Runs a command twice over: as JSON, of exactly the API's form. */
async function read<Schema extends z.ZodType>(schema: Schema, ...args: string[]): Promise<z.infer<Schema>> {
  return schema.parse(JSON.parse(await succeed(...args, "-o", "json")));
}

async function fail(sentence: string, ...args: string[]): Promise<void> {
  expect(await sluice(...args), args.join(" ")).toEqual({
    exitCode: 1,
    stdout: "",
    stderr: `${sentence}\n`,
  });
}

describe("gcl", () => {
  test("a limit from its creation to its end", async () => {
    expect(await succeed("gcl", "create", "gpu:gpu-1", "--limit", "2")).toBe(
      "Created the concurrency limit gpu:gpu-1 with 2 slots.\n",
    );
    await fail(
      "A concurrency limit named gpu:gpu-1 exists already; change it with `sluice gcl update gpu:gpu-1`.",
      "gcl",
      "create",
      "gpu:gpu-1",
      "--limit",
      "3",
    );
    const named = await read(Limit, "gcl", "create", "gpus", "--slot-name", "GPU-a", "--slot-name", "GPU-b");
    expect(named).toMatchObject({ limit: 2, slot_names: ["GPU-a", "GPU-b"] });

    expect((await succeed("gcl", "ls")).split("\n").map((line) => line.split(/\s{2,}/))).toEqual([
      ["NAME", "USED", "LIMIT", "WAITING", "ACTIVE", "DECAY/S"],
      ["gpu:gpu-1", "0", "2", "0", "yes", "-"],
      ["gpus", "0", "2", "0", "yes", "-"],
      [""],
    ]);
    expect((await read(z.array(Limit), "gcl", "ls")).map(({ name }) => name)).toEqual(["gpu:gpu-1", "gpus"]);
    expect(await read(z.array(Limit), "gcl", "ls", "--limit", "1", "--offset", "1")).toHaveLength(1);
    expect(await succeed("gcl", "inspect", "gpus")).toContain("GPU-a, GPU-b");
    expect(await read(Limit, "gcl", "inspect", named.id)).toMatchObject({ name: "gpus" });

    expect(await read(Limit, "gcl", "update", "gpu:gpu-1", "--limit", "3")).toMatchObject({ limit: 3 });
    await succeed("gcl", "disable", "gpu:gpu-1");
    await fail("The concurrency limit gpu:gpu-1 is disabled already.", "gcl", "disable", "gpu:gpu-1");
    expect(await read(Limit, "gcl", "enable", "gpu:gpu-1")).toMatchObject({ active: true });

    await fail("No concurrency limit named gpu:gpu1; did you mean gpu:gpu-1?", "gcl", "inspect", "gpu:gpu1");
    await fail(
      "No concurrency limit named licence; create it with `sluice gcl create licence --limit 1`.",
      "gcl",
      "delete",
      "licence",
    );
    expect(await succeed("gcl", "delete", "gpu:gpu-1")).toBe("Deleted the concurrency limit gpu:gpu-1.\n");
    expect(await read(z.array(Limit), "gcl", "ls")).toHaveLength(1);
  });

  test("who holds, who waits, and ending a lease by force", async () => {
    await succeed("gcl", "create", "one", "--limit", "1");
    expect(await sluice("gcl", "holders", "one")).toEqual({
      exitCode: 0,
      stdout: "",
      stderr: "Nobody holds a slot of one.\n",
    });
    const first = await api.limits.acquire({ names: ["one"], request_id: "first", note: "the first" });
    await api.limits.acquire({ names: ["one"], request_id: "second", note: "the second" });
    const [holder] = await read(z.array(LeaseRecord), "gcl", "holders", "one");
    expect(holder).toMatchObject({ lease_id: "lease_id" in first && first.lease_id, note: "the first" });
    expect(await read(z.array(WaiterRecord), "gcl", "waiters", "one")).toMatchObject([
      { position: 1, note: "the second" },
    ]);
    expect(await succeed("gcl", "holders", "one")).toMatch(/WHO .*\nthe first +1 +\S+.* in \d/);
    expect(await succeed("gcl", "waiters", "one")).toMatch(/\n1 +the second +1 /);
    expect((await succeed("gcl", "ls")).split("\n").find((line) => line.startsWith("one "))).toMatch(
      /^one +1 +1 +1 +yes/,
    );
    const deletion = await sluice("gcl", "delete", "one");
    expect(deletion.exitCode).toBe(1);
    expect(deletion.stderr).toContain("`sluice gcl delete one --force`");
    await succeed("gcl", "release", holder?.lease_id ?? "");
    expect(await read(z.array(LeaseRecord), "gcl", "holders", "one")).not.toContainEqual(
      expect.objectContaining({ lease_id: holder?.lease_id }),
    );
    await succeed("gcl", "delete", "one", "--force");
  });
});

test("concurrency-limit", async () => {
  expect(await read(TagLimit, "concurrency-limit", "create", "db", "3")).toMatchObject({
    concurrency_limit: 3,
  });
  expect(await succeed("concurrency-limit", "create", "db", "4")).toContain("At most 4 tasks");
  expect(await read(TagLimit, "concurrency-limit", "inspect", "db")).toMatchObject({ concurrency_limit: 4 });
  expect(await read(z.array(TagLimit), "concurrency-limit", "ls")).toHaveLength(1);
  expect(await succeed("gcl", "ls")).toContain("tag:db");
  await succeed("concurrency-limit", "reset", "db");
  await succeed("concurrency-limit", "delete", "db");
  await fail(
    "No limit on a tag named db; create it with `sluice concurrency-limit create db 1`.",
    "concurrency-limit",
    "inspect",
    "db",
  );
});

describe("work-pool and work-queue", () => {
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
    expect(await read(WorkPool, "work-pool", "update", "ml-pool", "--lost-runs", "reschedule")).toMatchObject(
      { lost_run_policy: "reschedule" },
    );
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
    expect(JSON.parse(readFileSync(join(folder, "template.json"), "utf8"))).toEqual(pool.base_job_template);
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
    expect(await read(z.array(z.unknown()), "worker", "ls")).toEqual([]);
    await succeed("work-pool", "delete", "ml-pool");
    expect(await read(z.array(WorkPool), "work-pool", "ls")).toEqual([]);
  });
});

describe("deploy, deployment and flow-run", () => {
  test("from prefect.yaml to runs, without a worker", async () => {
    writeFileSync(
      join(folder, "prefect.yaml"),
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
      join(folder, "flows.py"),
      'from prefect import flow\n\n@flow\ndef clean_up(days: int = 7):\n    """Cleans up."""\n',
    );
    await fail(
      "prefect.yaml:3: {{ prefect.variables.model }}: no variable named model; create it with `sluice variable set model VALUE`.",
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
    expect(await sluice("deploy", "--all")).toEqual({
      exitCode: 0,
      stdout:
        "Created the deployment report/nightly in cpu.\nCreated the deployment clean-up/python in cpu.\n",
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
      pull_steps: [{ "prefect.deployments.steps.set_working_directory": { directory: folder } }],
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
    const refused = await sluice("deployment", "run", "clean-up/python", "--param", "days=soon");
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
    expect(
      await read(schedules, "deployment", "schedule", "resume", "clean-up/python", "--all"),
    ).toMatchObject([{ active: true }]);
    expect(await succeed("deployment", "schedule", "ls", "clean-up/python")).toContain("every 1h 30m");
    await succeed("deployment", "schedule", "delete", "clean-up/python", added?.id ?? "");
    await succeed("deployment", "schedule", "clear", "report/nightly");
    expect(await read(schedules, "deployment", "schedule", "ls", "report/nightly")).toEqual([]);
    expect(await read(Deployment, "deployment", "pause", "report/nightly")).toMatchObject({ paused: true });
    expect(await read(Deployment, "deployment", "resume", "report/nightly")).toMatchObject({ paused: false });

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
    expect(await read(runs, "work-pool", "preview", "cpu", "--hours", "2")).toMatchObject([{ id: run.id }]);
    expect(await succeed("flow-run", "ls", "--flow-name", "report", "-p", "cpu")).toMatch(
      /report +by-hand +Scheduled +in \d+m/,
    );
    expect(await succeed("flow-run", "inspect", run.id)).toContain('{"depth":3,"title":"x"}');
    expect(await succeed("why", run.id)).toMatch(/^The run is scheduled for .*\.\n$/);
    await fail(
      "The flow run by-hand is Scheduled; only one that has ended can be retried.",
      "flow-run",
      "retry",
      run.id,
    );

    await api.logs.write(
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

    const following = runSluice(["flow-run", "logs", run.id, "--follow", "--tail", "-n", "1"], { env });
    const watching = sluice("flow-run", "watch", run.id);
    expect(await read(FlowRun, "flow-run", "cancel", run.id)).toMatchObject({ state_type: "CANCELLED" });
    expect(linesOf((await following).stdout)).toEqual(["line 29"]);
    const watched = await watching;
    expect(watched.exitCode).toBe(1);
    expect(watched.stdout).toContain("The flow run by-hand ended as Cancelled");
    const twice = await sluice("flow-run", "cancel", run.id);
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
    await succeed("deployment", "delete", "report/nightly");
    await succeed("deployment", "delete", "--all");
    expect(await read(z.array(Deployment), "deployment", "ls")).toEqual([]);
    await succeed("work-pool", "delete", "cpu");
  }, 120_000);
});

test("variable", async () => {
  expect(await read(Variable, "variable", "set", "sizes", '{"w": [1, 2]}')).toMatchObject({
    value: { w: [1, 2] },
  });
  await fail(
    "A variable named sizes exists already; use --overwrite to replace its value.",
    "variable",
    "set",
    "sizes",
    "x",
  );
  await succeed("variable", "set", "sizes", "plain text", "--overwrite", "--tag", "t");
  expect(await succeed("variable", "get", "sizes")).toBe("plain text\n");
  expect(await read(Variable, "variable", "inspect", "sizes")).toMatchObject({ tags: ["t"] });
  expect((await read(z.array(Variable), "variable", "ls")).map(({ name }) => name)).toContain("sizes");
  await succeed("variable", "unset", "sizes");
  await fail(
    "No variable named sizes; create it with `sluice variable set sizes VALUE`.",
    "variable",
    "get",
    "sizes",
  );
});

describe("finding the server", () => {
  const settings = z.object({
    profile: z.string(),
    settings: z.array(z.object({ name: z.string(), value: z.string(), source: z.string() })),
  });
  const profiles = (): Record<string, string> => ({ SLUICE_PROFILES_PATH: join(folder, "mine", "p.json") });
  const run = (args: string[], more: Record<string, string> = {}) =>
    runSluice(args, { env: { ...profiles(), ...more } });
  const urlOf = async (args: string[] = [], more: Record<string, string> = {}) => {
    const { stdout } = await run(["config", "view", "-o", "json", ...args], more);
    const url = settings.parse(JSON.parse(stdout)).settings.find(({ name }) => name === "SLUICE_API_URL");
    return [url?.value, url?.source];
  };

  test("an option, the environment, the profile, the default port, in this order", async () => {
    expect(await urlOf()).toEqual(["http://127.0.0.1:4200/api", "default"]);
    expect((await run(["config", "set", "PREFECT_API_URL=http://head:4200"])).exitCode).toBe(0);
    expect(await urlOf()).toEqual(["http://head:4200/api", "profile default"]);
    await run(["profile", "create", "test"]);
    await run(["profile", "use", "test"]);
    await run(["config", "set", `SLUICE_API_URL=${server.url}`, "SLUICE_API_KEY=secret-key"]);
    expect(await urlOf()).toEqual([`${server.url}/api`, "profile test"]);
    expect(await urlOf(["--profile", "default"])).toEqual(["http://head:4200/api", "profile default"]);
    expect(await urlOf([], { PREFECT_API_URL: "http://p/api" })).toEqual(["http://p/api", "PREFECT_API_URL"]);
    const both = { PREFECT_API_URL: "http://p/api", SLUICE_API_URL: "http://s/api" };
    expect(await urlOf([], both)).toEqual(["http://s/api", "SLUICE_API_URL"]);
    expect(await urlOf(["--api-url", "http://o"], both)).toEqual(["http://o/api", "--api-url"]);
    expect((await run(["gcl", "ls", "-o", "json"])).exitCode).toBe(0);

    const view = await run(["config", "view"]);
    expect(view.stdout).not.toContain("secret-key");
    expect((await run(["config", "view", "--show-secrets"])).stdout).toContain("secret-key");
    expect(statSync(profiles()["SLUICE_PROFILES_PATH"] ?? "").mode & 0o777).toBe(0o600);
    await run(["config", "unset", "SLUICE_API_URL"]);
    expect(await urlOf()).toEqual(["http://127.0.0.1:4200/api", "default"]);
    expect(await run(["profile", "use", "tset"])).toMatchObject({
      exitCode: 1,
      stderr: "No profile named tset; did you mean test?\n",
    });
    expect(await run(["profile", "delete", "test"])).toMatchObject({ exitCode: 1 });
    await run(["profile", "use", "default"]);
    expect((await run(["profile", "delete", "test"])).exitCode).toBe(0);
    expect((await run(["profile", "ls"])).stdout).not.toContain("test");
    writeFileSync(profiles()["SLUICE_PROFILES_PATH"] ?? "", "{");
    expect((await run(["gcl", "ls"])).stderr).toMatch(
      /^The profile file .* is damaged \(.*\); mend it or delete it\.\n$/,
    );
  });

  test("nobody there", async () => {
    const url = `http://127.0.0.1:${await findClosedPort()}`;
    expect(await runSluice(["gcl", "ls"], { env: { SLUICE_API_URL: url } })).toEqual({
      exitCode: 1,
      stdout: "",
      stderr: `Nothing answers at ${url}/api (from SLUICE_API_URL); start it with \`sluice server start\` or set SLUICE_API_URL.\n`,
    });
    expect(await runSluice(["gcl", "ls", "--json"], { env: { SLUICE_API_URL: "nowhere" } })).toEqual({
      exitCode: 2,
      stdout: "",
      stderr: 'SLUICE_API_URL wants an address like http://127.0.0.1:4200/api, but is "nowhere".\n',
    });
  });

  test("no key, a wrong one, the right one in each form", async () => {
    await using locked = await startTestServer({ env: { SLUICE_API_KEY: "user:right" } });
    const ask = (more: Record<string, string> = {}) =>
      runSluice(["gcl", "ls", "-o", "json"], { env: { SLUICE_API_URL: locked.url, ...more } });
    const place = `${locked.url}/api (from SLUICE_API_URL)`;
    expect(await ask()).toEqual({
      exitCode: 1,
      stdout: "",
      stderr: `The server at ${place} wants a key; set SLUICE_API_KEY to the one it was given.\n`,
    });
    expect(await ask({ SLUICE_API_KEY: "wrong" })).toEqual({
      exitCode: 1,
      stdout: "",
      stderr: `The server at ${place} does not accept this key; check SLUICE_API_KEY and SLUICE_API_AUTH_STRING.\n`,
    });
    for (const name of [
      "SLUICE_API_KEY",
      "PREFECT_API_KEY",
      "SLUICE_API_AUTH_STRING",
      "PREFECT_API_AUTH_STRING",
    ])
      expect(await ask({ [name]: "user:right" }), name).toMatchObject({ exitCode: 0, stdout: "[]\n" });
  });
});

test("completion offers what is on the server", async () => {
  await succeed("gcl", "create", "licence:matlab", "--limit", "1");
  expect(await succeed("complete", "--", "gcl", "inspect", "lic")).toBe("licence:matlab\t\n:4\n");
  for (const shell of ["bash", "zsh", "fish"]) expect(await succeed("completion", shell)).toContain("sluice");
  await succeed("gcl", "delete", "licence:matlab");
});

/** A port that nobody listens on. */
function findClosedPort(): Promise<number> {
  return new Promise((resolve) => {
    const socket = createServer().listen(0, "127.0.0.1", () => {
      const address = socket.address();
      socket.close(() => resolve(typeof address === "object" ? (address?.port ?? 0) : 0));
    });
  });
}

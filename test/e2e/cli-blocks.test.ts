/** Blocks, artifacts, task runs and events through the real executable. */
import { spawn } from "node:child_process";
import { expect, test } from "vitest";
import { z } from "zod";
import { Artifact, ArtifactCollection } from "../../src/contract/wire/artifacts.ts";
import { BlockDocument, BlockType } from "../../src/contract/wire/blocks.ts";
import { Log } from "../../src/contract/wire/logs.ts";
import { TaskRun } from "../../src/contract/wire/task-runs.ts";
import { useCommandLine } from "../support/command-line.ts";
import { cleanEnvironment, collect, SLUICE_BIN } from "../support/sluice.ts";

const cli = useCommandLine();
const { succeed, read, fail } = cli;

function succeedWithInput(input: string, ...args: string[]) {
  const child = spawn(process.execPath, [SLUICE_BIN, ...args], {
    env: cleanEnvironment(cli.env),
    cwd: cli.folder,
  });
  child.stdin.end(input);
  return collect(child);
}

test("block", async () => {
  await fail(
    "No block type named secrets; did you mean secret?",
    "block",
    "create",
    "secrets/token",
    "value=x",
  );
  await fail(
    "Blocks of the type secret have no field valeu; they have value (required).",
    "block",
    "create",
    "secret/token",
    "valeu=x",
  );
  const created = await succeedWithInput("open sesame\n", "block", "create", "secret/token", "value=-");
  expect(created).toMatchObject({ exitCode: 0, stdout: "Created the block secret/token.\n" });
  await fail(
    "A block secret/token exists already; use --overwrite to replace fields of it.",
    "block",
    "create",
    "secret/token",
    "value=x",
  );
  expect(await read(BlockDocument, "block", "inspect", "secret/token")).toMatchObject({
    name: "token",
    data: { value: "********" },
  });
  const shown = await read(BlockDocument, "block", "inspect", "secret/token", "--secrets");
  expect(shown.data).toEqual({ value: "open sesame" });
  expect(await succeed("block", "inspect", "--id", shown.id)).not.toContain("sesame");
  await succeed("block", "create", "secret/token", 'value="12"', "--overwrite");
  expect(await read(BlockDocument, "block", "inspect", "secret/token", "--secrets")).toMatchObject({
    id: shown.id,
    data: { value: "12" },
  });
  expect((await read(z.array(BlockDocument), "blocks", "ls")).map(({ name }) => name)).toEqual(["token"]);
  expect(await succeed("block", "ls")).toContain("secret/token");
  expect(await succeed("complete", "--", "block", "inspect", "sec")).toBe("secret/token\t\n:4\n");
  await fail("No block named secret/tokem; did you mean secret/token?", "block", "inspect", "secret/tokem");
  expect(await cli.run("block", "delete")).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining("Name the block, as TYPE/NAME or by --id.") as string,
  });
  await succeed("block", "delete", "secret/token");
  await fail(
    `No block with the id ${shown.id}; \`sluice block ls\` shows those there are.`,
    "block",
    "delete",
    "--id",
    shown.id,
  );
});

test("block type", async () => {
  const slugs = (await read(z.array(BlockType), "block", "type", "ls")).map(({ slug }) => slug);
  expect(slugs).toEqual(expect.arrayContaining(["local-file-system", "secret", "webhook"]));
  expect(await succeed("block", "types", "inspect", "secret")).toMatch(/Fields +value \(required\)/);
  await fail("The block type secret is protected: every server has it.", "block", "type", "delete", "secret");
  await cli.api.http.post("/block_types/", { name: "Mine", slug: "mine" });
  await fail(
    "The block type mine has no schema; save a block of it with its client once.",
    "block",
    "create",
    "mine/one",
    "a=1",
  );
  await succeed("block", "type", "delete", "mine");
  await fail(
    "No block type named mine; `sluice block type ls` shows those there are; others come with the clients that save such blocks.",
    "block",
    "type",
    "inspect",
    "mine",
  );
});

test("artifact", async () => {
  const make = (key: string, data: unknown) =>
    cli.api.http.post<Artifact>("/artifacts/", { key, data, type: "markdown", description: `about ${key}` });
  const first = await make("report", "# one");
  const second = await make("report", { rows: 2 });
  const other = await make("other", null);
  const latest = await read(z.array(ArtifactCollection), "artifact", "ls");
  expect(latest.map(({ key, latest_id }) => [key, latest_id])).toEqual([
    ["other", other.id],
    ["report", second.id],
  ]);
  expect(await read(z.array(Artifact), "artifact", "ls", "--all")).toHaveLength(3);
  const shown = await succeed("artifact", "inspect", "report");
  expect(shown.indexOf('"rows": 2')).toBeLessThan(shown.indexOf("# one"));
  expect(await read(z.array(Artifact), "artifact", "inspect", "report", "--limit", "1")).toHaveLength(1);
  expect(await succeed("artifact", "inspect", first.id)).toContain("# one");
  await succeed("artifact", "delete", "--id", second.id);
  expect(await read(z.array(Artifact), "artifact", "inspect", "report")).toMatchObject([{ id: first.id }]);
  expect(await succeed("artifact", "delete", "report")).toBe("Deleted the artifacts of report (1).\n");
  await fail(
    "No artifact named report; `sluice artifact ls` shows the keys there are.",
    "artifact",
    "inspect",
    "report",
  );
});

test("task-run, and the slots of a queue", async () => {
  const { http, flows, workPools } = cli.api;
  await workPools.create({ name: "tasks", type: "process" });
  const flow = await flows.put({ name: "steps" });
  const run = await http.post<{ id: string; name: string }>("/flow_runs/", {
    flow_id: flow.id,
    work_pool_name: "tasks",
    state: { type: "RUNNING" },
  });
  const task = await http.post<TaskRun>("/task_runs/", {
    flow_run_id: run.id,
    task_key: "load",
    dynamic_key: "0",
    name: "load-0",
    state: { type: "FAILED", message: "no such file" },
  });
  const logs = ["one", "two", "three"].map((message, at) => ({
    name: "t",
    level: 20,
    message,
    flow_run_id: run.id,
    task_run_id: task.id,
    timestamp: new Date(Date.now() + at).toISOString(),
  }));
  await http.post("/logs/", [...logs, { ...logs[0], message: "of the flow", task_run_id: null }]);
  const ofRun = ["task-run", "ls", "--flow-run", run.name];
  expect(await read(z.array(TaskRun), ...ofRun)).toMatchObject([{ id: task.id }]);
  expect(await read(z.array(TaskRun), ...ofRun, "--state-type", "completed")).toEqual([]);
  expect(await read(z.array(TaskRun), "task-runs", "ls", "--state", "Failed")).toMatchObject([
    { id: task.id },
  ]);
  expect(await succeed("task-run", "inspect", task.id)).toContain("no such file");
  const last = await read(z.array(Log), "task-run", "logs", task.id, "--tail", "-n", "2");
  expect(last.map(({ message }) => message)).toEqual(["two", "three"]);
  expect(await succeed("task-run", "logs", task.id)).not.toContain("of the flow");
  const missing = "01993a5c-7b1e-7777-8000-0123456789ab";
  await fail(
    `No task run ${missing}; \`sluice task-run ls\` shows those of the last days.`,
    "task-run",
    "inspect",
    missing,
  );
  const slots = await succeed("work-queue", "slots", "default", "--pool", "tasks");
  expect(slots).toContain(run.name);
  expect(slots).toContain("1 slots in use, no limit.");
});

test("event emit", async () => {
  const Sent = z.object({ id: z.string(), resource: z.record(z.string(), z.string()) });
  const about = ["--resource-id", "my.model.resnet", "-r", "stage=test", "--payload", '{"accuracy": 0.9}'];
  const sent = await read(Sent, "event", "emit", "my.model.trained", ...about);
  expect(sent.resource).toEqual({ "prefect.resource.id": "my.model.resnet", stage: "test" });
  const { events } = await cli.api.http.post<{ events: unknown[] }>("/events/filter", {
    filter: { event: { name: ["my.model.trained"] }, occurred: { since: new Date(0).toISOString() } },
  });
  expect(events).toMatchObject([{ id: sent.id, payload: { accuracy: 0.9 } }]);
  expect(await cli.run("event", "emit", "x")).toMatchObject({ exitCode: 2 });
});

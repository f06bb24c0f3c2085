/** One run's way through the agent, with real processes and a real HTTP server. */
import { realpathSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { agentFor, command, fixture, makeFolder, startPlane } from "./support.ts";

test("a command is claimed and started, and its exit code and output arrive", async () => {
  const plane = await startPlane();
  const run = command(plane, ["sh", "-c", "echo one; echo two >&2; echo three; exit 3"]);
  agentFor(plane);
  const end = await plane.endOf(run);
  expect(end).toMatchObject({
    exit_code: 3,
    signal: null,
    outcome: "exited",
    sets_own_state: false,
    fence: 1,
  });
  const [attempt] = plane.attemptsOf(run);
  expect(attempt?.started?.sets_own_state).toBe(false);
  expect(attempt?.started?.infrastructure_pid).toMatch(/^\d+$/);
  // The last logs are there before the end is.
  expect(plane.outputOf(run)).toEqual(["one", "two", "three"]);
});

test("the environment names the run, the server, the parameters and the worker, and keeps the user's own", async () => {
  const plane = await startPlane();
  plane.authorization = "Bearer key-1234";
  plane.variables.set("region", "eu");
  const cwd = realpathSync(makeFolder());
  const run = command(plane, ["node", fixture("environment.mjs"), "an argument"], {
    parameters: { image_id: 7, label: "cat's", nested: { deep: [1] } },
    job_variables: {
      working_dir: cwd,
      env: { REGION: "{{ prefect.variables.region }}", CUDA_VISIBLE_DEVICES: null, NUMBER: 5 },
    },
  });
  agentFor(plane, {
    apiKey: "key-1234",
    env: {
      ...process.env,
      WORKER_ID: "host-7",
      CUDA_VISIBLE_DEVICES: "3",
      NVIDIA_VISIBLE_DEVICES: "all",
      PREFECT_CLIENT_CUSTOM_HEADERS: '{"X-Mine":"yes"}',
    },
  });
  expect(await plane.endOf(run)).toMatchObject({ exit_code: 0 });
  const seen = JSON.parse(plane.outputOf(run)[0] ?? "") as {
    env: Record<string, string>;
    cwd: string;
    args: string[];
  };
  const [attempt] = plane.attemptsOf(run);
  const identity = `${run.id}/${attempt?.claim.attempt_id}/1`;
  expect(seen.cwd).toBe(cwd);
  expect(seen.args).toEqual(["an argument"]);
  expect(seen.env).toMatchObject({
    WORKER_ID: "host-7",
    NVIDIA_VISIBLE_DEVICES: "all",
    PREFECT_API_URL: plane.url,
    SLUICE_API_URL: plane.url,
    PREFECT_API_KEY: "key-1234",
    SLUICE_API_KEY: "key-1234",
    PREFECT_API_AUTH_STRING: "key-1234",
    PREFECT__FLOW_RUN_ID: run.id,
    SLUICE_FLOW_RUN_ID: run.id,
    SLUICE_RUN: identity,
    SLUICE_PARAM_image_id: "7",
    SLUICE_PARAM_label: "cat's",
    REGION: "eu",
    NUMBER: "5",
  });
  expect(JSON.parse(seen.env["SLUICE_PARAMETERS"] ?? "")).toEqual(run.parameters);
  expect(JSON.parse(seen.env["PREFECT_CLIENT_CUSTOM_HEADERS"] ?? "")).toEqual({
    "X-Mine": "yes",
    Authorization: "Bearer key-1234",
    "Sluice-Run": identity,
  });
  // A null in the job's environment takes the variable away; nothing else touches it.
  expect(seen.env).not.toHaveProperty("CUDA_VISIBLE_DEVICES");
});

test("a Python entrypoint runs under Prefect's engine, which speaks for itself", async () => {
  const plane = await startPlane();
  // A stand-in for the interpreter: what matters here is how it is called.
  const folder = makeFolder();
  const line = "12:00:00.123 | INFO    | Flow run 'x' - sent by the engine itself";
  writeFileSync(`${folder}/python`, `#!/bin/sh\necho "$@"\necho "${line}"\n`, { mode: 0o755 });
  const run = plane.addRun(
    {},
    {
      name: "d",
      entrypoint: "flow.py:main",
      pull_steps: [{ "prefect.deployments.steps.git_clone": {} }],
    },
  );
  agentFor(plane, { env: { ...process.env, PATH: `${folder}:${process.env["PATH"]}` } });
  expect(await plane.endOf(run)).toMatchObject({ exit_code: 0, sets_own_state: true, outcome: "exited" });
  expect(plane.attemptsOf(run)[0]?.states).toEqual([]);
  expect(plane.outputOf(run)).toEqual(["-m prefect.engine"]);
});

test.each([
  [
    "a command that is not there",
    { command: "no-such-program --x" },
    127,
    /"no-such-program" was not found.*install it/,
  ],
  [
    "a working directory that is not there",
    { command: "true", working_dir: "/no/such/dir" },
    1,
    /\/no\/such\/dir does not exist.*create it/,
  ],
  ["a run without a command", {}, 1, /neither a command nor a Python entrypoint/],
  ["a quote that is not closed", { command: "echo 'x" }, 1, /cannot be read/],
  [
    "a block that is not there",
    { command: "true", env: { A: "{{ prefect.blocks.secret.x }}" } },
    1,
    /no block with the name x and the type secret.*save it/,
  ],
])("%s ends the run with a sentence that says what to do", async (_, job_variables, exit_code, message) => {
  const plane = await startPlane();
  const run = plane.addRun({ job_variables });
  agentFor(plane);
  const end = await plane.endOf(run);
  expect(end).toMatchObject({ exit_code, outcome: "exited", signal: null });
  expect(end.message).toMatch(message);
  expect(plane.attemptsOf(run)[0]?.started).toBeUndefined();
});

test("a pull step that sets the working directory is honoured for a command, another one is refused", async () => {
  const plane = await startPlane();
  const directory = realpathSync(makeFolder());
  const job_variables = { command: "pwd" };
  const step = { "prefect.deployments.steps.set_working_directory": { directory } };
  const good = plane.addRun({}, { pull_steps: [step], job_variables });
  const clone = { "prefect.deployments.steps.git_clone": { repository: "x" } };
  const bad = plane.addRun({}, { pull_steps: [clone], job_variables });
  agentFor(plane);
  await plane.endOf(good);
  expect(plane.outputOf(good)).toEqual([directory]);
  expect((await plane.endOf(bad)).message).toMatch(/git_clone needs Python/);
});

test("a run whose deployment is gone ends with a reason", async () => {
  const plane = await startPlane();
  const run = plane.addRun({ deployment_id: "00000000-0000-4000-8000-000000000000" });
  agentFor(plane);
  expect((await plane.endOf(run)).message).toMatch(/does not exist any more/);
});

test("a process that dies by a signal is reported with the signal", async () => {
  const plane = await startPlane();
  const run = command(plane, ["sh", "-c", "kill -SEGV $$"]);
  agentFor(plane);
  expect(await plane.endOf(run)).toMatchObject({ exit_code: null, signal: "SIGSEGV", outcome: "exited" });
});

test("the limit is never exceeded, and a free slot is used without waiting for a poll", async () => {
  const plane = await startPlane();
  const runs = Array.from({ length: 7 }, () => command(plane, ["sh", "-c", "sleep 0.2"]));
  let most = 0;
  agentFor(plane, { limit: 2, pollSeconds: 60 });
  await plane.until("all ends", () => {
    const live = [...plane.attempts.values()].filter(({ ends }) => ends.length === 0).length;
    most = Math.max(most, live);
    return runs.every((run) => plane.attemptsOf(run)[0]?.ends.length === 1);
  });
  expect(most).toBe(2);
  expect(plane.attempts.size).toBe(7);
});

/** The main job as a person types it: two workers, one pool, limits per worker, twenty runs. */
import { spawn, type ChildProcess } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { FlowRun } from "../../src/contract/wire/flow-runs.ts";
import { Limit } from "../../src/contract/wire/limits.ts";
import { Log } from "../../src/contract/wire/logs.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { cleanEnvironment, collect, runSluice, SLUICE_BIN, spawnSluice } from "../support/sluice.ts";

const EXAMPLE = fileURLToPath(new URL("../../examples/per-worker-gpu", import.meta.url));
const RUNS = 20;
const SLOTS = 2;

/** What the flow returns. */
const Result = z.object({
  value: z.object({ worker_id: z.string(), held_from: z.number(), held_until: z.number() }),
});

let server: TestServer;
let folder: string;
let env: Record<string, string>;
const workers: ChildProcess[] = [];
beforeAll(async () => {
  server = await startTestServer();
  folder = mkdtempSync(join(tmpdir(), "sluice-main-job-"));
  env = { SLUICE_API_URL: server.url, SLUICE_HOME: folder };
  // `sluice` by its name, as an installed package has it.
  mkdirSync(join(folder, "bin"));
  writeFileSync(
    join(folder, "bin", "sluice"),
    `#!/bin/sh\nexec "${process.execPath}" "${SLUICE_BIN}" "$@"\n`,
  );
  chmodSync(join(folder, "bin", "sluice"), 0o755);
});
afterAll(async () => {
  await Promise.all(workers.map((worker) => endWorker(worker)));
  await server?.stop();
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
});

/** Stops a worker and what it runs: the second signal does not wait for runs. */
async function endWorker(worker: ChildProcess): Promise<void> {
  if (worker.exitCode !== null || worker.signalCode !== null) return;
  const ended = new Promise((resolve) => worker.once("exit", resolve));
  worker.kill("SIGTERM");
  worker.kill("SIGINT");
  await ended;
}

/** Runs lines of a shell in the example's folder. */
async function type(lines: string): Promise<string> {
  const clean = cleanEnvironment(env);
  const outcome = await collect(
    spawn("bash", ["-ec", lines], {
      cwd: EXAMPLE,
      env: { ...clean, PATH: `${join(folder, "bin")}:${clean["PATH"] ?? ""}` },
      stdio: ["ignore", "pipe", "pipe"],
    }),
  );
  expect(outcome, lines).toMatchObject({ exitCode: 0 });
  return outcome.stdout;
}

function startWorker(name: string): void {
  const stateDir = join(folder, `worker-${name}`);
  workers.push(
    spawnSluice(["worker", "start", "--pool", "ml-pool", "--limit", "10", "--state-dir", stateDir], {
      env: { ...env, WORKER_ID: name },
      cwd: EXAMPLE,
    }),
  );
}

async function readJson<Schema extends z.ZodType>(
  schema: Schema,
  ...args: string[]
): Promise<z.infer<Schema>> {
  const { stdout } = await runSluice([...args, "-o", "json"], { env });
  return schema.parse(JSON.parse(stdout));
}

/** Waits until a condition holds, with a bound. */
async function waitFor(what: string, isTrue: () => Promise<boolean>, seconds: number): Promise<void> {
  const giveUpAt = performance.now() + seconds * 1000;
  while (!(await isTrue())) {
    if (performance.now() > giveUpAt) throw new Error(`After ${seconds} s: not ${what}.`);
  }
}

describe("the main job", () => {
  test("twenty runs complete, at most two inferences on each worker at any time", async () => {
    const typed = await type(`
sluice gcl create gpu:gpu-1 --limit ${SLOTS}
sluice gcl create gpu:gpu-2 --limit ${SLOTS}
sluice work-pool create ml-pool --type process
sluice deploy --all                                   # reads prefect.yaml
`);
    expect(typed).toBe(
      [
        "Created the concurrency limit gpu:gpu-1 with 2 slots.",
        "Created the concurrency limit gpu:gpu-2 with 2 slots.",
        "Created the work pool ml-pool of type process; start a worker with `sluice worker start --pool ml-pool`.",
        "Created the deployment process-image/process-image in ml-pool.",
        "",
      ].join("\n"),
    );
    startWorker("gpu-1");
    startWorker("gpu-2");
    await waitFor(
      "both workers online",
      async () => (await runSluice(["worker", "ls"], { env })).stdout.match(/ online /g)?.length === 2,
      60,
    );
    const created = await type(
      `for i in {1..${RUNS}}; do sluice deployment run process-image/process-image --param image_id=$i; done`,
    );
    expect(created.match(/Created the flow run \S+ \(\S+\)\./g)).toHaveLength(RUNS);

    const runs = z.array(FlowRun);
    await waitFor(
      "all runs completed",
      async () =>
        (await readJson(runs, "flow-run", "ls", "--state-type", "COMPLETED", "--limit", "50")).length ===
        RUNS,
      150,
    );
    const done = await readJson(runs, "flow-run", "ls", "--limit", "50");
    expect(done.map(({ parameters }) => Number(parameters["image_id"])).sort((a, b) => a - b)).toEqual(
      Array.from({ length: RUNS }, (_, index) => index + 1),
    );

    // Who held a slot when, by the flow processes' own clocks; their output carries the agent's.
    const held = new Map<string, [at: number, change: 1 | -1][]>();
    for (const run of done) {
      const { worker_id, held_from, held_until } = Result.parse(run.state?.data).value;
      held.set(worker_id, [...(held.get(worker_id) ?? []), [held_from, 1], [held_until, -1]]);
      const image = Number(run.parameters["image_id"]);
      let lines: string[] = [];
      await waitFor(
        `all lines of image ${image} there`,
        async () => {
          const logs = await readJson(z.array(Log), "flow-run", "logs", run.id);
          lines = logs.flatMap(({ message }) => message.trim().split("\n"));
          return lines.includes(`saved labels of image ${image}`);
        },
        30,
      );
      expect(lines).toEqual([
        `Downloaded image ${image}; it waits for a GPU of ${worker_id}`,
        `Inference of image ${image} begins on ${worker_id}`,
        `Inference of image ${image} ends on ${worker_id}`,
        `saved labels of image ${image}`,
      ]);
    }
    expect([...held.keys()].sort()).toEqual(["gpu-1", "gpu-2"]);
    for (const [worker, changes] of held) expect(countMost(changes), worker).toBe(SLOTS);

    const limits = await readJson(z.array(Limit), "gcl", "ls");
    expect(limits.map(({ active_slots, waiting }) => [active_slots, waiting])).toEqual([
      [0, 0],
      [0, 0],
    ]);
    // A run that says itself that it is completed has a process for a moment more.
    await waitFor(
      "the workers without work",
      async () => /gpu-1 +ml-pool +online +0 of 10/.test((await runSluice(["worker", "ls"], { env })).stdout),
      30,
    );

    const watched = await runSluice(
      [
        "deployment",
        "run",
        "process-image/process-image",
        "--param",
        "image_id=99",
        "--param",
        "infer_seconds=0.1",
        "--watch",
        "--watch-timeout",
        "60s",
      ],
      { env },
    );
    expect(watched).toMatchObject({ exitCode: 0 });
    for (const line of ["is Running", "Inference of image 99 ends on gpu-", "saved labels of image 99"])
      expect(watched.stdout).toContain(line);
    expect(watched.stdout).toMatch(/ended as Completed after .*\n$/);
  });

  test("--watch ends with 1 when the run fails", async () => {
    const failing = await runSluice(
      [
        "deployment",
        "run",
        "process-image/process-image",
        "--watch",
        "--watch-timeout",
        "60s",
        "--job-variable",
        "command=sh -c 'echo going wrong; exit 3'",
      ],
      { env },
    );
    expect(failing).toMatchObject({ exitCode: 1 });
    expect(failing.stdout).toContain("going wrong");
    expect(failing.stdout).toMatch(/ended as Failed after .*\n$/);
  });

  test("a worker leaves at once when nothing runs", async () => {
    const [worker] = workers;
    if (worker === undefined) throw new Error("No worker was started.");
    const ended = new Promise<number | null>((resolve) => worker.once("exit", (code) => resolve(code)));
    worker.kill("SIGINT");
    expect(await ended).toBe(0);
  });
});

/** The largest number that held at the same time; one who ends frees the slot for one who begins in the same millisecond. */
function countMost(changes: readonly (readonly [at: number, change: 1 | -1])[]): number {
  let now = 0;
  let most = 0;
  for (const [, change] of changes.toSorted(([a, x], [b, y]) => a - b || x - y)) {
    now += change;
    most = Math.max(most, now);
  }
  return most;
}

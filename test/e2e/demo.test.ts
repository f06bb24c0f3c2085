import { spawn, type ChildProcess } from "node:child_process";
import { readdirSync } from "node:fs";
import { mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Outcome } from "../../examples/demo/outcome.ts";

const DEMO = fileURLToPath(new URL("../../examples/demo/main.ts", import.meta.url));
let folder: string;
let child: ChildProcess | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "sluice-demo-test-"));
});
afterEach(async () => {
  child?.kill("SIGKILL");
  for (const pid of await findProcesses()) kill(pid);
  await rm(folder, { recursive: true, force: true });
});

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}

/** Starts the demo with a temporary folder of its own, so that what it leaves behind is found. */
function startDemo(...args: string[]) {
  const started = spawn(process.execPath, [DEMO, ...args], {
    env: { ...process.env, TMPDIR: folder },
    stdio: ["ignore", "pipe", "pipe"],
  });
  child = started;
  const exited = new Promise<number | null>((resolve) => started.once("exit", resolve));
  const done = Promise.all([exited, text(started.stdout), text(started.stderr)]).then(
    ([code, stdout, stderr]) => ({ code, stdout, stderr }),
  );
  return { child: started, done };
}

/** The processes whose command line or environment names the folder. */
async function findProcesses(): Promise<number[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const found = await Promise.all(
    pids.map(async (pid) => {
      const read = (file: string) => readFile(`/proc/${pid}/${file}`, "utf8").catch(() => "");
      const [words, env] = await Promise.all([read("cmdline"), read("environ")]);
      return pid !== process.pid && (words + env).includes(folder) ? [pid] : [];
    }),
  );
  return found.flat();
}

async function expectNothingLeft(): Promise<void> {
  expect(readdirSync(folder)).toEqual([]);
  if (process.platform === "linux") expect(await findProcesses()).toEqual([]);
}

test("the main job runs from nothing: no limit exceeded, no run lost, and nothing is left behind", async () => {
  const { done } = startDemo("--runs", "8", "--download", "0.2", "--infer", "0.5", "--save", "0.1", "--json");
  const { stdout, stderr } = await done;
  const outcome = JSON.parse(stdout) as Outcome;
  expect(stderr).toContain("8/8 done");
  // The ideal of so small a job is over before the processes have started, so its ratio says nothing.
  expect(outcome.problems.filter((problem) => !problem.includes("times the ideal"))).toEqual([]);
  expect(outcome.holds.map(({ image_id }) => image_id).sort((left, right) => left - right)).toEqual([
    1, 2, 3, 4, 5, 6, 7, 8,
  ]);
  for (const { holders_max } of outcome.workers) expect([1, 2]).toContain(holders_max);
  expect(outcome.ideal_seconds).toBeCloseTo(0.2 + 2 * 0.5 + 0.1);
  await expectNothingLeft();
});

test("Ctrl-C in the middle ends everything, the runs' processes too", async () => {
  const { child, done } = startDemo("--runs", "4", "--download", "0.1", "--infer", "120");
  await new Promise<void>((resolve) => {
    let seen = "";
    child.stdout.on("data", (chunk: Buffer) => {
      seen += chunk.toString("utf8");
      if (/gpu-1 2\/2 .*gpu-2 2\/2/.test(seen)) resolve();
    });
  });
  child.kill("SIGINT");
  expect((await done).code).toBe(130);
  await expectNothingLeft();
});

test("a step that fails ends everything too", async () => {
  const { child, done } = startDemo("--runs", "4", "--infer", "120");
  const [server] = await expect.poll(findServers, { timeout: 30_000 }).toHaveLength(1).then(findServers);
  await new Promise<void>((resolve) => {
    child.stdout.on("data", (chunk: Buffer) => {
      if (chunk.toString("utf8").includes("0/4 done")) resolve();
    });
  });
  process.kill(server ?? 0, "SIGKILL");
  const { code, stderr } = await done;
  expect(code).toBe(1);
  expect(stderr).toContain("The demo failed:");
  await expectNothingLeft();
});

/** The supervisors of the demo's server. */
async function findServers(): Promise<number[]> {
  const pids = await findProcesses();
  const found = await Promise.all(
    pids.map(async (pid) => {
      const words = (await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")).split("\0");
      return words.some((word) => word.endsWith("sluice.js")) && words.includes("server") ? [pid] : [];
    }),
  );
  return found.flat();
}

test("a mistake on the command line is named, and nothing is started", async () => {
  const { code, stderr } = await startDemo("--runs", "many").done;
  expect(code).toBe(2);
  expect(stderr).toContain('--runs wants a whole number from 1 to 500, not "many".');
  await expectNothingLeft();
});

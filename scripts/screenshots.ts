/**
 * `npm run screenshots`: the pictures of the dashboard in the README, of a real server with real workers. It takes five
 * minutes, for the timelines to have something to show, and needs Chromium (`apt-get install chromium`, or $CHROMIUM).
 */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { createClient } from "sluice/client";
import { findChromium } from "../test/browser/browser-path.ts";
import { startTestServer } from "../test/support/server.ts";
import { waitFor } from "../test/support/wait-for.ts";

const SLUICE = fileURLToPath(new URL("../bin/sluice.js", import.meta.url));
const EXAMPLE = fileURLToPath(new URL("../examples/per-worker-gpu", import.meta.url));
const PICTURES = fileURLToPath(new URL("../docs/screenshots", import.meta.url));
const MACHINES = ["gpu-1", "gpu-2"];
const GPUS = 2;
const RUNS = 60;
/** How long inferences last: by turns one of these. */
const INFER_SECONDS = [12, 25, 18, 40, 9, 30];
const PLAYED_MS = 290_000;
const SUBMITTED_EVERY_MS = 3500;

const executablePath = findChromium();
if (executablePath === undefined) {
  process.stderr.write("There is no Chromium: apt-get install chromium, or set CHROMIUM.\n");
  process.exit(1);
}
await using server = await startTestServer();
const home = mkdtempSync(join(tmpdir(), "sluice-screenshots-"));
const client = createClient({ apiUrl: `${server.url}/api` });
const children: ChildProcess[] = [];

function sluice(args: string[], env: Record<string, string> = {}): ChildProcess {
  const child = spawn(process.execPath, [SLUICE, ...args], {
    cwd: EXAMPLE,
    env: {
      ...process.env,
      SLUICE_API_URL: `${server.url}/api`,
      SLUICE_HOME: home,
      PATH: `${dirname(process.execPath)}:${process.env["PATH"] ?? ""}`,
      ...env,
    },
    stdio: ["ignore", "ignore", "inherit"],
  });
  children.push(child);
  return child;
}

/** A worker takes its runs with it: they outlive one that is killed. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  await exited;
}

async function play(executablePath: string): Promise<void> {
  for (const machine of MACHINES)
    await client.limits.create({
      name: `gpu:${machine}`,
      limit: GPUS,
      slot_names: Array.from({ length: GPUS }, (_, gpu) => `${machine}-${gpu}`),
    });
  await client.limits.create({ name: "licence", limit: 3 });
  await client.workPools.create({ name: "ml-pool", type: "process" });
  await once(sluice(["deploy", "--all"]), "exit");
  for (const machine of MACHINES)
    sluice(["worker", "start", "--pool", "ml-pool", "--limit", "10", "--drain", "0", "--grace", "5"], {
      WORKER_ID: machine,
    });
  const deployment = await client.deployments.readByName("process-image/process-image");
  process.stderr.write("Playing for five minutes …\n");
  const until = performance.now() + PLAYED_MS;
  for (let image_id = 1; image_id <= RUNS && performance.now() < until; image_id += 1) {
    const infer_seconds = INFER_SECONDS[image_id % INFER_SECONDS.length] ?? 10;
    await client.deployments.createRun(deployment.id, {
      parameters: { image_id, infer_seconds, download_seconds: 2 },
      idempotency_key: String(image_id),
    });
    await sleep(SUBMITTED_EVERY_MS);
  }
  await sleep(Math.max(0, until - performance.now()));
  const waiting = await waitFor(async () => {
    // The last in line still waits when its picture is taken.
    const waiter = (await client.limits.waiters("gpu:gpu-1")).at(-1);
    const id = waiter?.run?.flow_run_id;
    if (typeof id !== "string") throw new Error("Nobody waits.");
    return id;
  }, 60_000);
  const shots = [
    ["machines", "/"],
    ["machines-dark", "/", "dark"],
    ["run", `/runs/flow-run/${waiting}`],
    ["limit", "/limits/gpu:gpu-1"],
    ["pool", "/work-pools/work-pool/ml-pool"],
    ["deployment", `/deployments/deployment/${deployment.id}`],
  ] as const;
  mkdirSync(PICTURES, { recursive: true });
  await using browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
  for (const [name, path, colorScheme = "light"] of shots) {
    const page = await browser.newPage({ viewport: { width: 1280, height: 860 }, colorScheme });
    await page.goto(`${server.url}${path}`);
    // A live page's network is never idle: it is ready when nothing on it waits for a first answer.
    await page.locator("h1").first().waitFor();
    // By a locator: the dashboard's policy forbids the eval by which a function of a script is waited for.
    await page.locator("[aria-busy=true]").first().waitFor({ state: "detached" });
    await page.waitForLoadState("networkidle", { timeout: 5000 }).catch(() => {});
    await page.screenshot({ path: join(PICTURES, `${name}.png`), animations: "disabled" });
    await page.close();
  }
  process.stderr.write(`${shots.length} pictures are in docs/screenshots.\n`);
}

/** Whoever stops it leaves no worker behind. */
const interrupted = new Promise<never>((_, reject) => {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.once(signal, () => reject(new Error(`Ended by ${signal}.`)));
});

try {
  await Promise.race([play(executablePath), interrupted]);
} finally {
  await Promise.all(children.map(end));
  await client.close();
  rmSync(home, { recursive: true, force: true, maxRetries: 10 });
}

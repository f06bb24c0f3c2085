/**
 * `npm run demo`: the main job on this machine, from nothing. A server, two limits, a pool, a deployment, two agents,
 * some runs; then a picture of who held which GPU slot when, drawn from what the flow processes themselves noted.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { createClient, type Client } from "sluice/client";
import { readOptions, USAGE, type DemoOptions } from "./options.ts";
import { computeIdeal, judge, RATIO_MAX, type Outcome, type RunRecord } from "./outcome.ts";
import { drawOutcome } from "./picture.ts";
import { Stage } from "./processes.ts";
import { Progress } from "./progress.ts";

const EXAMPLE = fileURLToPath(new URL("../per-worker-gpu", import.meta.url));
const POOL = "ml-pool";
const DEPLOYMENT = "process-image/process-image";
const POLL_MS = 250;
/** Runs that have not ended by then are lost. */
const PATIENCE_SECONDS = 60;

async function main(): Promise<number> {
  let options: DemoOptions;
  try {
    options = readOptions(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    return 2;
  }
  const progress = new Progress(options.isJson ? process.stderr : process.stdout);
  const interrupted = new Promise<number>((resolve) => {
    for (const [signal, code] of [
      ["SIGINT", 130],
      ["SIGTERM", 143],
      ["SIGHUP", 129],
    ] as const)
      process.on(signal, () => resolve(code));
    // Nobody reads any more, as behind `| head`: as if by SIGPIPE.
    for (const stream of [process.stdout, process.stderr]) stream.on("error", () => resolve(141));
  });
  // Only now, when no signal ends the process by itself any more: it makes a folder.
  const stage = new Stage();
  try {
    const finished = perform(options, stage, progress);
    const ended = await Promise.race([finished, interrupted]);
    if (typeof ended === "number") {
      finished.catch(() => {
        // The processes that it worked with are being ended; what it says of that is no news.
      });
      progress.say("Interrupted; ending the server and the agents.");
      return ended;
    }
    progress.end();
    process.stdout.write(
      options.isJson
        ? `${JSON.stringify(ended, undefined, 2)}\n`
        : `\n${drawOutcome(ended, { hasColor: process.stdout.isTTY && !process.env["NO_COLOR"] })}`,
    );
    return ended.is_ok ? 0 : 1;
  } catch (error) {
    progress.end();
    process.stderr.write(`The demo failed: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  } finally {
    await stage.close();
  }
}

async function perform(options: DemoOptions, stage: Stage, progress: Progress): Promise<Outcome> {
  progress.say("Starting the server on a free port, its data in a temporary folder");
  const [apiUrl] = await Promise.all([stage.startServer(), stage.warmUp(EXAMPLE)]);
  const client = createClient({ apiUrl });
  progress.say(`The server answers at ${apiUrl}`);

  for (const worker of options.workers)
    await stage.run(["gcl", "create", `gpu:${worker}`, "--limit", String(options.slots)]);
  await stage.run(["work-pool", "create", POOL, "--type", "process"]);
  await stage.run(["deploy", "--all"], EXAMPLE);
  progress.say(
    `Made ${options.workers.length} limits of ${options.slots} slots, the pool ${POOL} and the deployment`,
  );

  for (const worker of options.workers) await stage.startAgent(worker, POOL, options.agentLimit);
  await waitForAgents(client, options, stage);
  progress.say(`Two agents are online; submitting ${options.runs} runs`);

  const startedAt = Date.now();
  const runIds = await submit(client, options);
  await watch(client, options, stage, progress, startedAt);
  const { records, endedAt } = await collect(client, runIds);
  return judge(options, records, { startedAt, endedAt });
}

async function waitForAgents(client: Client, options: DemoOptions, stage: Stage): Promise<void> {
  const deadline = Date.now() + PATIENCE_SECONDS * 1000;
  for (;;) {
    stage.assertRunning();
    const workers = await client.workers.list(POOL);
    if (workers.filter(({ status }) => status === "ONLINE").length >= options.workers.length) return;
    if (Date.now() > deadline) throw new Error("The agents did not come online in time.");
    await sleep(POLL_MS);
  }
}

/** Submits all runs; image ids count from 1. */
async function submit(client: Client, options: DemoOptions): Promise<Map<string, number>> {
  const deployment = await client.deployments.readByName(DEPLOYMENT);
  const runs = await Promise.all(
    Array.from({ length: options.runs }, async (_, index) => {
      const image_id = index + 1;
      const run = await client.deployments.createRun(deployment.id, {
        idempotency_key: `demo-${image_id}`,
        parameters: {
          image_id,
          download_seconds: options.downloadSeconds,
          infer_seconds: options.inferSeconds,
          save_seconds: options.saveSeconds,
        },
      });
      return [run.id, image_id] as const;
    }),
  );
  return new Map(runs);
}

/** Shows how it goes until every run has ended, or until the patience is over. */
async function watch(
  client: Client,
  options: DemoOptions,
  stage: Stage,
  progress: Progress,
  startedAt: number,
): Promise<void> {
  const deadline = startedAt + (computeIdeal(options) * RATIO_MAX + PATIENCE_SECONDS) * 1000;
  for (;;) {
    stage.assertRunning();
    const ended = await client.flowRuns.count({
      flow_runs: { state: { type: { any_: ["COMPLETED", "FAILED", "CRASHED", "CANCELLED"] } } },
    });
    const limits = await Promise.all(options.workers.map((worker) => client.limits.read(`gpu:${worker}`)));
    progress.show({ ended, runs: options.runs, seconds: (Date.now() - startedAt) / 1000, limits });
    if (ended >= options.runs || Date.now() > deadline) return;
    await sleep(POLL_MS);
  }
}

/** Reads what the runs left behind: states, results, logs. */
async function collect(
  client: Client,
  runIds: Map<string, number>,
): Promise<{ records: RunRecord[]; endedAt: number }> {
  let endedAt = 0;
  const records = await Promise.all(
    [...runIds].map(async ([id, image_id]): Promise<RunRecord> => {
      const run = await client.flowRuns.read(id);
      const logs = await waitForLogs(client, id, run.state_type === "COMPLETED");
      endedAt = Math.max(endedAt, run.end_time === null ? Date.now() : Date.parse(run.end_time));
      return {
        image_id,
        state: run.state_type ?? "without a state",
        result: readResult(run.state?.data),
        log_lines: logs,
      };
    }),
  );
  return { records, endedAt };
}

/** A run's last lines are on their way for a moment after it has ended. */
async function waitForLogs(client: Client, runId: string, isCompleted: boolean): Promise<number> {
  for (const deadline = Date.now() + 10_000; ;) {
    const logs = await client.logs.list({ logs: { flow_run_id: { any_: [runId] } } });
    const lines = logs.flatMap(({ message }) => message.split("\n"));
    const isWhole = lines.some((line) => line.startsWith("saved "));
    if (isWhole || !isCompleted || Date.now() > deadline) return lines.length;
    await sleep(POLL_MS);
  }
}

function readResult(data: unknown): RunRecord["result"] {
  if (typeof data !== "object" || data === null || !("value" in data)) return undefined;
  const { value } = data;
  return typeof value === "object" && value !== null && "held_from" in value
    ? (value as RunRecord["result"])
    : undefined;
}

process.exitCode = await main();

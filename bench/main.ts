/**
 * `npm run bench`: how fast it is on this machine, as ratios wherever a bare number would say more of the machine than
 * of us. Run it on a quiet machine; it takes under five minutes and uses one workerd, one agent and one client process.
 */
import { closeSync, existsSync, fdatasyncSync, openSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { concurrency, createClient, type Client } from "sluice/client";
import { makeRequestId } from "../src/client/request-id.ts";
import { waitOnSocket } from "../src/client/wait-socket.ts";
import { readArguments } from "../test/support/arguments.ts";
import { measureCost } from "./cost.ts";
import { drawFindings, runMany, summarize, type Finding, type Samples } from "./measure.ts";
import { measurePairs, measureSlowDisk } from "./pairs.ts";
import { FULL, QUICK, type Measure } from "./plan.ts";
import { openWorld } from "./world.ts";

const FILL_PARALLEL = 32;

async function main(): Promise<void> {
  const values = readArguments(import.meta.filename, {
    json: { type: "boolean", default: false },
    quick: { type: "boolean", default: false },
  });
  const plan = values.quick ? QUICK : FULL;
  const say = (line: string) => process.stderr.write(`${line}\n`);
  await using world = await openWorld();
  const client = createClient({ apiUrl: world.apiUrl });
  const findings: Finding[] = [];
  for (const measure of [
    measureDisk,
    measurePairs,
    measureSlowDisk,
    measureHandover,
    measureStart,
    measureClaims,
    measureCost,
  ]) {
    say(`${measure.title} …`);
    findings.push(...(await measure.run(world, client, plan)));
  }
  process.stdout.write(values.json ? `${JSON.stringify(findings, undefined, 2)}\n` : drawFindings(findings));
}

/** What batching saves is commits, so what it is worth depends on the disk. */
const measureDisk: Measure = {
  title: "A write to this disk",
  run({ folder }) {
    const file = openSync(join(folder, "disk"), "w");
    const latencies = Array.from({ length: 500 }, (_, index) => {
      const from = performance.now();
      writeSync(file, Buffer.alloc(4096), 0, 4096, (index % 64) * 4096);
      fdatasyncSync(file);
      return performance.now() - from;
    });
    closeSync(file);
    const { p50_ms, p99_ms, count } = summarize(latencies, 1);
    return Promise.resolve([
      {
        name: "a page written and synced to this disk",
        measured: `p50 ${p50_ms.toFixed(2)} ms, p99 ${p99_ms.toFixed(2)} ms`,
        values: { p50_ms, p99_ms, count },
      },
    ]);
  },
};

const measureHandover: Measure = {
  title: "From a release to the next grant",
  async run(_, client, { handovers, waiters }) {
    const { signal } = new AbortController();
    const grants = await handOn(client, "grants", handovers, waiters, async (name) => {
      const acquire = { names: [name], request_id: makeRequestId() };
      const outcome = await waitOnSocket(client.http, acquire, { signal, onWaiting: () => {} });
      if (outcome.type !== "granted") throw new Error("A place in line was lost.");
      return () => client.limits.release(outcome.grant.lease_id);
    });
    const holders = await handOn(client, "holders", handovers, waiters, async (name) => {
      const lease = await concurrency(name, { client });
      return () => lease.release();
    });
    return [
      {
        name: `release to next grant, ${waiters} waiters`,
        measured: `p50 ${grants.p50_ms.toFixed(1)} ms, p99 ${grants.p99_ms.toFixed(1)} ms`,
        goal: "p99 under 20 ms",
        is_met: grants.p99_ms < 20,
        values: { p50_ms: grants.p50_ms, p99_ms: grants.p99_ms, count: grants.count },
      },
      {
        name: "the same until the SDK's body runs",
        measured: `p50 ${holders.p50_ms.toFixed(1)} ms, p99 ${holders.p99_ms.toFixed(1)} ms`,
        values: { p50_ms: holders.p50_ms, p99_ms: holders.p99_ms, count: holders.count },
      },
    ];
  },
};

/** Hands one slot on and on along a full line; `take` resolves with what gives the slot back. */
async function handOn(
  client: Client,
  name: string,
  handovers: number,
  waiters: number,
  take: (name: string) => Promise<() => Promise<void>>,
): Promise<Samples> {
  await client.limits.create({ name, limit: 1 });
  const latencies: number[] = [];
  let releasedAt: number | undefined;
  // The last holders find an ever shorter line; they are not counted.
  let left = handovers + waiters;
  const stand = async () => {
    while (left > 0) {
      const release = await take(name);
      if (releasedAt !== undefined && left > waiters) latencies.push(performance.now() - releasedAt);
      left -= 1;
      if (left > waiters)
        await waitUntil("the line is full", async () => (await client.limits.read(name)).waiting >= waiters);
      releasedAt = performance.now();
      await release();
    }
  };
  await Promise.all(Array.from({ length: waiters + 1 }, stand));
  return summarize(latencies, 1);
}

const measureStart: Measure = {
  title: "From a submission to the start of its process, on an idle agent",
  async run(world, client, { starts }) {
    await client.workPools.create({ name: "start", type: "process" });
    const flow = await client.flows.put({ name: "start" });
    const deployment = await client.deployments.put({
      name: "start",
      flow_id: flow.id,
      work_pool_name: "start",
      job_variables: {
        command: `sh -c 'date +%s%N > ${join(world.folder, "$SLUICE_FLOW_RUN_ID.tmp")} && mv ${join(world.folder, "$SLUICE_FLOW_RUN_ID.tmp")} ${join(world.folder, "$SLUICE_FLOW_RUN_ID")}'`,
      },
    });
    world.startAgent("start");
    await waitUntil("the agent is online", async () =>
      (await client.workers.list("start")).some(({ status }) => status === "ONLINE"),
    );
    const latencies: number[] = [];
    for (let index = 0; index < starts; index += 1) {
      const submittedAt = performance.timeOrigin + performance.now();
      const { id } = await client.deployments.createRun(deployment.id);
      await waitUntil("the process has started", () => Promise.resolve(existsSync(join(world.folder, id))));
      const startedAt = Number(readFileSync(join(world.folder, id), "utf8")) / 1e6;
      latencies.push(startedAt - submittedAt);
      await waitUntil(
        "the run has ended",
        async () => (await client.flowRuns.read(id)).state_type === "COMPLETED",
      );
    }
    const { p50_ms, p99_ms, count } = summarize(latencies, 1);
    return [
      {
        name: "submit to process start",
        measured: `p50 ${p50_ms.toFixed(0)} ms, worst ${p99_ms.toFixed(0)} ms`,
        goal: "p50 under 250 ms",
        is_met: p50_ms < 250,
        values: { p50_ms, p99_ms, count },
      },
    ];
  },
};

const measureClaims: Measure = {
  title: "Creating runs, and claiming from a short and a long line",
  async run(_, client, plan) {
    const flow = await client.flows.put({ name: "backlog" });
    const fill = async (pool: string, count: number) => {
      await client.workPools.create({ name: pool, type: "process" });
      return runMany(count, FILL_PARALLEL, plan.fillSeconds, async () => {
        await client.flowRuns.create({
          flow_id: flow.id,
          work_pool_name: pool,
          state: { type: "SCHEDULED" },
          idempotency_key: crypto.randomUUID(),
        });
      });
    };
    await fill("small", plan.smallBacklog);
    const filled = await fill("large", plan.largeBacklog);
    const small = await measureClaimsOf(client, "small", plan.claims);
    const large = await measureClaimsOf(client, "large", plan.claims);
    const ratio = large.p50_ms / small.p50_ms;
    const isWhole = filled.done === plan.largeBacklog;
    return [
      {
        name: "run creation",
        measured: `${(filled.done / filled.seconds).toFixed(0)}/s with ${FILL_PARALLEL} clients`,
        values: { per_second: filled.done / filled.seconds, count: filled.done },
      },
      {
        name: `claim latency, ${filled.done} over ${plan.smallBacklog} queued runs`,
        measured: `ratio ${ratio.toFixed(2)} (p50 ${large.p50_ms.toFixed(1)} and ${small.p50_ms.toFixed(1)} ms)${isWhole ? "" : `; only ${filled.done} of ${plan.largeBacklog} runs could be made in ${plan.fillSeconds} s`}`,
        goal: `at most 1.5${isWhole ? "" : `, with ${plan.largeBacklog} runs`}`,
        is_met: ratio <= 1.5 && isWhole,
        values: { ratio, small_p50_ms: small.p50_ms, large_p50_ms: large.p50_ms, queued: filled.done },
      },
    ];
  },
};

/** Claims one run at a time. */
async function measureClaimsOf(client: Client, pool: string, claims: number): Promise<Samples> {
  const session_id = crypto.randomUUID();
  await client.workers.beat(pool, { name: "bench", session_id, session_seconds: 600 });
  const latencies: number[] = [];
  for (let index = 0; index < claims; index += 1) {
    const from = performance.now();
    const answer = await client.workers.claim(pool, {
      worker_name: "bench",
      session_id,
      attempt_ids: [crypto.randomUUID()],
    });
    latencies.push(performance.now() - from);
    if (answer.claims.length !== 1)
      throw new Error(`A claim from ${pool} got ${answer.claims.length} runs (${answer.reason ?? ""}).`);
  }
  return summarize(latencies.slice(Math.floor(claims / 10)), 1);
}

async function waitUntil(what: string, isSo: () => Promise<boolean>): Promise<void> {
  for (const deadline = performance.now() + 30_000; ; await sleep(2)) {
    if (await isSo()) return;
    if (performance.now() > deadline) throw new Error(`Waited in vain until ${what}.`);
  }
}

await main();

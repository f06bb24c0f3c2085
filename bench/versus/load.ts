/** How much a control plane takes: the calls of Prefect's client without the client, from one process with many connections. */
import { concurrency } from "sluice/client";
import { Pool } from "undici";
import { measureInTurns } from "../measure.ts";
import type { Experiment, Figure } from "./experiment.ts";
import { POOL, type Scene } from "./scene.ts";

const CLIENTS = 32;
const LEASE_SECONDS = 60;
const CLAIMED_AT_ONCE = 10;

export const load: Experiment = {
  key: "f",
  title: "Load",
  method: `Acquire and release of a limit that has room for all, from 1 and from ${CLIENTS} connections; then runs handed out to one worker and set to Pending, ${CLAIMED_AT_ONCE} at a time.`,
  async run(scene, plan) {
    const pool = new Pool(scene.system.url, { connections: CLIENTS });
    try {
      const figures = await measurePairs(scene, pool, plan.loadSeconds);
      return scene.client === "prefect"
        ? [...figures, await measureClaims(scene, pool, plan.claimedRuns)]
        : figures;
    } finally {
      await pool.close();
    }
  },
};

async function measurePairs(scene: Scene, pool: Pool, seconds: number): Promise<Figure[]> {
  const name = `load-${scene.client}`;
  await scene.api.limits.create({ name, limit: CLIENTS });
  const figures: Figure[] = [];
  for (const clients of [1, CLIENTS]) {
    let [tried, failed] = [0, 0];
    const pair = scene.client === "sluice" ? () => pairOfOurs(scene, name) : () => pairOfPrefect(pool, name);
    const [samples] = await measureInTurns(clients, seconds, [
      async () => {
        tried += 1;
        await pair().catch(() => {
          failed += 1;
        });
      },
    ]);
    const share = failed / Math.max(1, tried);
    figures.push({
      name: `acquire and release, ${clients} ${clients === 1 ? "connection" : "connections"}`,
      unit: "/s",
      value: (samples?.per_second ?? 0) * (1 - share),
      ...(clients === CLIENTS && { isHeadline: true }),
      ...(failed > 0 && { said: `${Math.round(100 * share)} % of the calls failed` }),
    });
  }
  return figures;
}

async function pairOfOurs(scene: Scene, name: string): Promise<void> {
  const lease = await concurrency(name, { client: scene.api, leaseSeconds: LEASE_SECONDS });
  await lease.release();
}

async function pairOfPrefect(pool: Pool, name: string): Promise<void> {
  const { lease_id } = (await call(pool, "/api/v2/concurrency_limits/increment-with-lease", {
    names: [name],
    slots: 1,
    mode: "concurrency",
    lease_duration: LEASE_SECONDS,
  })) as { lease_id: string };
  await call(pool, "/api/v2/concurrency_limits/decrement-with-lease", { lease_id });
}

async function measureClaims(scene: Scene, pool: Pool, count: number): Promise<Figure> {
  await scene.deploy();
  for (let made = 0; made < count; made += CLAIMED_AT_ONCE)
    await Promise.all(Array.from({ length: CLAIMED_AT_ONCE }, () => scene.run("quick")));
  const from = performance.now();
  const claimed = new Set<string>();
  while (claimed.size < count) {
    const due = (await call(pool, `/api/work_pools/${POOL}/get_scheduled_flow_runs`, {
      limit: CLAIMED_AT_ONCE,
      scheduled_before: new Date().toISOString(),
    })) as { flow_run: { id: string } }[];
    if (due.length === 0) break;
    await Promise.all(
      due.map(async ({ flow_run: { id } }) => {
        await call(pool, `/api/flow_runs/${id}/set_state`, { state: { type: "PENDING" } });
        claimed.add(id);
      }),
    );
  }
  return {
    name: "runs handed out and set to Pending",
    unit: "/s",
    value: claimed.size / ((performance.now() - from) / 1000),
    ...(claimed.size < count && { said: `only ${claimed.size} of ${count}` }),
  };
}

async function call(pool: Pool, path: string, body: object): Promise<unknown> {
  const { statusCode, body: answer } = await pool.request({
    method: "POST",
    path,
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const text = await answer.text();
  if (statusCode >= 300) throw new Error(`${path}: ${statusCode} ${text}`);
  return text === "" ? null : JSON.parse(text);
}

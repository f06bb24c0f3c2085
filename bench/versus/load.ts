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
  method: `Acquire and release of a limit that has room for all, by 1 and by ${CLIENTS} callers in one process, each on a connection of its own (with our own client all on one socket); then runs handed out to one worker and set to Pending, ${CLAIMED_AT_ONCE} at a time; then the memory of all processes of the control plane, its database among them.`,
  async run(scene, plan) {
    const pool = new Pool(scene.system.url, { connections: CLIENTS });
    try {
      const pairs = await measurePairs(scene, pool, plan.loadSeconds);
      const claims = await measureClaims(
        scene,
        plan.claimedRuns,
        scene.client === "prefect" ? claimAsPrefect(pool) : claimAsOurs(scene),
      );
      const memory = await scene.system.measureMemory();
      return [
        ...pairs,
        claims,
        { name: "memory of the control plane after that", unit: "MB", value: memory / 1e6 },
      ];
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
      name: `acquire and release, ${clients} ${clients === 1 ? "caller" : "callers"}`,
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

/** Hands out the next runs and sets them to Pending; returns their ids. */
type Claim = () => Promise<string[]>;

function claimAsPrefect(pool: Pool): Claim {
  return async () => {
    const due = (await call(pool, `/api/work_pools/${POOL}/get_scheduled_flow_runs`, {
      limit: CLAIMED_AT_ONCE,
      scheduled_before: new Date().toISOString(),
    })) as { flow_run: { id: string } }[];
    await Promise.all(
      due.map(({ flow_run: { id } }) =>
        call(pool, `/api/flow_runs/${id}/set_state`, { state: { type: "PENDING" } }),
      ),
    );
    return due.map(({ flow_run: { id } }) => id);
  };
}

/** As our agent does: one call hands the runs out and makes them Pending. */
function claimAsOurs({ api }: Scene): Claim {
  const session_id = crypto.randomUUID();
  let session: Promise<unknown> | undefined;
  return async () => {
    await (session ??= api.workers.beat(POOL, { name: "load", session_id, session_seconds: 600 }));
    const { claims } = await api.workers.claim(POOL, {
      worker_name: "load",
      session_id,
      attempt_ids: Array.from({ length: CLAIMED_AT_ONCE }, () => crypto.randomUUID()),
    });
    return claims.map(({ flow_run: { id } }) => id);
  };
}

async function measureClaims(scene: Scene, count: number, claim: Claim): Promise<Figure> {
  await scene.deploy();
  for (let made = 0; made < count; made += CLAIMED_AT_ONCE)
    await Promise.all(Array.from({ length: CLAIMED_AT_ONCE }, () => scene.run("quick")));
  const from = performance.now();
  const claimed = new Set<string>();
  while (claimed.size < count) {
    const ids = await claim();
    if (ids.length === 0) break;
    for (const id of ids) claimed.add(id);
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

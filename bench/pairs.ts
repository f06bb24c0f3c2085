/** Acquire and release beside a bare object, and what a pair of them takes of the machine. */
import { createClient, type Client } from "sluice/client";
import type { Grant, Waiting } from "../src/contract/wire/limits.ts";
import { makeRequestId } from "../src/client/request-id.ts";
import { countStatements, readCpuSeconds } from "./counts.ts";
import { measureInTurns, type Finding, type Samples } from "./measure.ts";
import { CLIENTS, type Measure } from "./plan.ts";
import { openWorld, type World } from "./world.ts";

/** What a sync takes on the network disk of a virtual machine. */
const SLOW_SYNC_MS = 2;
const GOAL_OF_MANY = 1.5;

const LIMITS = "/v2/concurrency_limits";

/** An acquire with its release, as a program has it and by requests, and what the bare object has for it. */
interface Pairs {
  ours: () => Promise<void>;
  requests: () => Promise<void>;
  bare: () => Promise<void>;
}

async function makePairs({ bareUrl }: World, client: Client): Promise<Pairs> {
  const bareClient = createClient({ apiUrl: bareUrl });
  await client.limits.create({ name: "pairs", limit: CLIENTS });
  const ask = () => ({ names: ["pairs"], request_id: makeRequestId() });
  const held = (answer: Grant | Waiting): string => {
    if (answer.status !== "granted") throw new Error("A free slot was not granted.");
    return answer.lease_id;
  };
  return {
    ours: async () => client.limits.release(held(await client.limits.acquire(ask()))),
    requests: async () => {
      const lease_id = held(await client.http.post<Grant | Waiting>(`${LIMITS}/acquire`, ask()));
      await client.http.post(`${LIMITS}/decrement-with-lease`, { lease_id });
    },
    bare: async () => {
      const { id } = await bareClient.http.post<{ id: number }>("/insert", { holder: "bench" });
      await bareClient.http.post("/remove", { id });
    },
  };
}

/** How many pairs there are in a second, over those of the bare object in the same time. */
async function compare(
  name: string,
  { clients, goal, seconds }: { clients: number; goal: number; seconds: number },
  pairs: readonly [ours: () => Promise<void>, theirs: () => Promise<void>],
): Promise<Finding> {
  const [left, right] = await measureInTurns(clients, seconds, pairs);
  if (left === undefined || right === undefined) throw new Error("Nothing was measured.");
  const ratio = left.per_second / right.per_second;
  return {
    name,
    measured: `${ratio.toFixed(2)} of the bare object (${describe(left)}; bare ${right.per_second.toFixed(0)}/s)`,
    goal: `at least ${goal}`,
    is_met: ratio >= goal,
    values: { ratio, ...left, bare_per_second: right.per_second, bare_p50_ms: right.p50_ms },
  };
}

export const measurePairs: Measure = {
  title: "Acquire and release, beside a bare object in the same workerd",
  async run(world, client, { loopSeconds: seconds }) {
    const pairs = await makePairs(world, client);
    const findings: Finding[] = [];
    for (const [clients, goal] of [
      [1, 0.7],
      [CLIENTS, GOAL_OF_MANY],
    ] as const) {
      const name = `acquire+release, ${clients} ${clients === 1 ? "client" : "clients"}`;
      findings.push(
        await compare(name, { clients, goal, seconds }, [pairs.ours, pairs.bare]),
        await compare(`${name}, by requests`, { clients, goal, seconds }, [pairs.requests, pairs.bare]),
      );
    }
    return [...findings, ...(await weighPairs(world, seconds, pairs))];
  },
};

/** What a pair takes of the machine: it tells where the time goes. */
async function weighPairs(world: World, seconds: number, pairs: Pairs): Promise<Finding[]> {
  const weighAll = async (clients: number) => ({
    ours: await weigh(world, clients, seconds, pairs.ours),
    requests: await weigh(world, clients, seconds, pairs.requests),
    bare: await weigh(world, clients, seconds, pairs.bare),
  });
  const [one, many] = [await weighAll(1), await weighAll(CLIENTS)];
  const tell = (name: string, of: keyof Load, unit: string): Finding[] => {
    const values = {
      one_client: one.ours[of],
      many_clients: many.ours[of],
      requests_one_client: one.requests[of],
      requests_many_clients: many.requests[of],
      bare_one_client: one.bare[of],
      bare_many_clients: many.bare[of],
    };
    if (Object.values(values).some((value) => value === undefined)) return [];
    const [first, last, ...others] = Object.values(values).map((value) => value?.toFixed(2));
    const [requestsFirst, requestsLast, bareFirst, bareLast] = others;
    return [
      {
        name,
        measured: `${first}${unit} with 1 client, ${last}${unit} with ${CLIENTS} (by requests ${requestsFirst} and ${requestsLast}${unit}, bare ${bareFirst} and ${bareLast}${unit})`,
        values: values as Record<string, number>,
      },
    ];
  };
  const statements = await countStatements();
  return [
    ...tell("processor time of workerd for a pair", "cpu_ms", " ms"),
    ...tell("syncs to the disk for a pair", "syncs", ""),
    {
      name: "SQL statements for a pair",
      measured: `${statements.acquire} for the acquire, ${statements.release} for the release`,
      values: statements,
    },
  ];
}

/** What one act takes; undefined where this machine does not say. */
interface Load {
  cpu_ms: number | undefined;
  syncs: number | undefined;
}

async function weigh(
  world: World,
  clients: number,
  seconds: number,
  act: () => Promise<void>,
): Promise<Load> {
  let acts = 0;
  const [cpu, syncs] = [readCpuSeconds(world.workerdPid), world.syncs?.read()];
  await measureInTurns(clients, seconds / 2, [
    async () => {
      await act();
      acts += 1;
    },
  ]);
  const [cpuAfter, syncsAfter] = [readCpuSeconds(world.workerdPid), world.syncs?.read()];
  return {
    cpu_ms: cpu === undefined || cpuAfter === undefined ? undefined : (1000 * (cpuAfter - cpu)) / acts,
    syncs: syncs === undefined || syncsAfter === undefined ? undefined : (syncsAfter - syncs) / acts,
  };
}

/** Calls that come at the same time share a commit, which is worth what a sync takes: next to nothing on a fast disk. */
export const measureSlowDisk: Measure = {
  title: `The same where a sync to the disk takes ${SLOW_SYNC_MS} ms longer`,
  async run(_, __, { loopSeconds }) {
    await using world = await openWorld({ sync_ms: SLOW_SYNC_MS });
    if (world.syncs === undefined) return [];
    const client = createClient({ apiUrl: world.apiUrl });
    const of = { clients: CLIENTS, goal: GOAL_OF_MANY, seconds: loopSeconds };
    const { ours, bare } = await makePairs(world, client);
    return [await compare(`the same, a sync ${SLOW_SYNC_MS} ms slower`, of, [ours, bare])];
  },
};

function describe({ per_second, p50_ms, p99_ms }: Samples): string {
  return `${per_second.toFixed(0)}/s, p50 ${p50_ms.toFixed(1)} ms, p99 ${p99_ms.toFixed(1)} ms`;
}

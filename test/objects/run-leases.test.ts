/** The slots that a run has held, from its limit to its pool and on to its journal, in the real runtime. */
import { env } from "cloudflare:workers";
import { runInDurableObject } from "cloudflare:test";
import { afterEach, expect, test, vi } from "vitest";
import { foreignAttemptOf } from "../../src/contract/attempts.ts";
import { addressOfName, formatAddress } from "../../src/contract/envelope.ts";
import { formatRunIdentity, RUN_IDENTITY_HEADER } from "../../src/contract/wire/agents.ts";
import { RunLease } from "../../src/contract/wire/limits.ts";
import { waitFor } from "../support/wait-for.ts";
import { passTime } from "./support/pass-time.ts";
import { send } from "./support/send.ts";

const HOUR_MS = 3_600_000;
const GRACE_MS = 10_000;

const poolStub = env.WORK_POOL.getByName(formatAddress(addressOfName("default", "pool", "leases")));
const limitStub = env.CONCURRENCY_LIMIT.getByName(formatAddress(addressOfName("default", "limit", "gpu")));

async function must(method: string, path: string, body?: unknown, headers?: Record<string, string>) {
  const answer = await send(method, path, body, headers);
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
  return answer.body as { [field: string]: unknown };
}

async function startRun(): Promise<string> {
  const flow = await must("POST", "/flows/", { name: "flow" });
  const run = await must("POST", "/flow_runs/", { flow_id: flow["id"], work_pool_name: "leases" });
  const id = String(run["id"]);
  await must("POST", `/flow_runs/${id}/set_state`, { state: { type: "RUNNING" } });
  return id;
}

async function acquire(flow_run_id: string, more: object = {}): Promise<string> {
  const grant = await must(
    "POST",
    "/v2/concurrency_limits/acquire",
    { names: ["gpu"], request_id: crypto.randomUUID(), ...more },
    { [RUN_IDENTITY_HEADER]: formatRunIdentity(foreignAttemptOf(flow_run_id)) },
  );
  return String(grant["lease_id"]);
}

const leasesOf = async (id: string): Promise<RunLease[]> =>
  RunLease.array().parse(await must("GET", `/flow_runs/${id}/leases`));

afterEach(() => vi.useRealTimers());

test("a run keeps the slots that it has held, whatever ended them, also in its journal", async () => {
  await must("POST", "/work_pools/", { name: "leases", type: "process" });
  await must("POST", "/v2/concurrency_limits/", { name: "gpu", limit: 3, slot_names: ["a", "b", "c"] });
  const id = await startRun();
  expect(await leasesOf(id)).toEqual([]);
  const released = await acquire(id);
  await must("POST", `/v2/concurrency_limits/leases/${released}/release`, {});
  await waitFor(async () => expect(await leasesOf(id)).toHaveLength(1));
  const expired = await acquire(id, { lease_seconds: 60 });
  await passTime([limitStub], 60_000 + GRACE_MS + 1000);
  await waitFor(async () => expect(await leasesOf(id)).toHaveLength(2));
  const ended = await acquire(id, { slots: 2 });
  expect(await leasesOf(id)).toHaveLength(2);
  await must("POST", `/flow_runs/${id}/set_state`, { state: { type: "CRASHED" } });
  await waitFor(async () => expect(await leasesOf(id)).toHaveLength(3));
  const leases = await leasesOf(id);
  expect(leases).toMatchObject([
    { lease_id: released, limit_name: "gpu", slot_names: ["a"], ended_by: "holder", flow_run_id: id },
    { lease_id: expired, ended_by: "deadline" },
    { lease_id: ended, slots: 2, slot_names: ["a", "b"], ended_by: "run" },
  ]);
  await passTime([poolStub], 2 * HOUR_MS);
  const count = () =>
    runInDurableObject(poolStub, (_, { storage }) =>
      storage.sql
        .exec("SELECT (SELECT count(*) FROM flow_run) + (SELECT count(*) FROM run_lease) AS n")
        .one(),
    );
  await waitFor(async () => expect(await count()).toEqual({ n: 0 }));
  expect(await leasesOf(id)).toEqual(leases);
  await must("PATCH", `/flow_runs/${id}/labels`, { seen: "yes" });
  expect(await count()).toEqual({ n: 4 });
  expect(await leasesOf(id)).toEqual(leases);
  await must("DELETE", `/flow_runs/${id}`);
  expect((await send("GET", `/flow_runs/${id}/leases`)).status).toBe(404);
  expect(await count()).toEqual({ n: 0 });
});

test("only a run that there is has leases", async () => {
  for (const id of [crypto.randomUUID(), "no-id"])
    expect((await send("GET", `/flow_runs/${id}/leases`)).status).toBe(404);
});

/** Puts together what a deployment's record says: the catalog's part, the polls of its queue, the slots of its limit. */
import { PAGE_MAX } from "../contract/bounds.ts";
import { addressOfName, addressOfWorkspace } from "../contract/envelope.ts";
import { poolNameOfRun } from "../contract/internal-pools.ts";
import { formatInstant, instantToMs } from "../contract/instants.ts";
import type { JsonObject } from "../contract/wire/common.ts";
import type { Deployment, LimitSummary } from "../contract/wire/deployments.ts";
import type { WorkQueue } from "../contract/wire/work-pools.ts";
import { findDefaultsFault, findVariablesFault } from "../domain/catalog/values.ts";
import type { CatalogDeployment, DeploymentPlace } from "../objects/workspace/operations.ts";
import { ApiError, call, fail, type ApiContext } from "./context.ts";

/** A deployment is ready while somebody polls its queue at least this often (source: wire §4.3). */
const POLL_PAUSE_MAX_MS = 60_000;

/** Runs `ask`; a thing that does not exist is undefined, any other refusal ends the request. */
async function find<Value>(ask: Promise<Value>): Promise<Value | undefined> {
  try {
    return await ask;
  } catch (error) {
    if (error instanceof ApiError && error.refusal.code === "not_found") return undefined;
    throw error;
  }
}

/** Reads a deployment, in the catalog's words. */
export function readDeployment(
  c: ApiContext,
  by: { id: string } | { flow_name: string; name: string },
): Promise<CatalogDeployment> {
  return call(c, addressOfWorkspace(c.get("workspace")), "read_deployment", by);
}

/** Adds to deployments what other objects know: one call for each pool, one for each limit. */
export async function completeDeployments(
  c: ApiContext,
  found: readonly CatalogDeployment[],
): Promise<Deployment[]> {
  const [queues, limits, polls] = await Promise.all([
    readQueues(c, found),
    readLimits(c, found),
    readPolls(c, found),
  ]);
  return found.map(({ deployment }) => {
    const queue = deployment.work_queue_id === null ? undefined : queues.get(deployment.work_queue_id);
    const last_polled = queue?.last_polled ?? polls.get(deployment.id) ?? null;
    const isReady = last_polled !== null && instantToMs(last_polled) >= Date.now() - POLL_PAUSE_MAX_MS;
    return {
      ...deployment,
      global_concurrency_limit: limits.get(deployment.id) ?? null,
      work_queue_name: queue?.name ?? deployment.work_queue_name,
      last_polled,
      status: isReady ? "READY" : "NOT_READY",
    };
  });
}

/** Deployments without a pool are polled by the process that serves them. */
async function readPolls(
  c: ApiContext,
  found: readonly CatalogDeployment[],
): Promise<ReadonlyMap<string, string>> {
  const byPool = new Map<string, string[]>();
  for (const { deployment } of found) {
    if (deployment.work_pool_name !== null) continue;
    const name = poolNameOfRun(null, deployment.flow_id);
    byPool.set(name, [...(byPool.get(name) ?? []), deployment.id]);
  }
  const polls = await Promise.all(
    [...byPool].map(([name, deployment_ids]) =>
      find(call(c, addressOfName(c.get("workspace"), "pool", name), "read_polls", { deployment_ids })),
    ),
  );
  return new Map(
    polls
      .flatMap((answer) => answer ?? [])
      .map(({ deployment_id, last_polled }) => [deployment_id, formatInstant(last_polled)] as const),
  );
}

async function readQueues(
  c: ApiContext,
  found: readonly CatalogDeployment[],
): Promise<ReadonlyMap<string, WorkQueue>> {
  const idsByPool = new Map<string, Set<string>>();
  for (const { deployment } of found) {
    const { work_pool_name: pool, work_queue_id: queue } = deployment;
    if (pool === null || queue === null) continue;
    const ids = idsByPool.get(pool) ?? new Set();
    idsByPool.set(pool, ids.add(queue));
  }
  const pages = await Promise.all(
    [...idsByPool].map(([pool, ids]) =>
      find(
        call(
          c,
          addressOfName(c.get("workspace"), "pool", pool),
          "filter_queues",
          { ids: [...ids], limit: PAGE_MAX, offset: 0 },
          { name: pool },
        ),
      ),
    ),
  );
  return new Map(pages.flatMap((page) => (page ?? []).map((queue) => [queue.id, queue] as const)));
}

async function readLimits(
  c: ApiContext,
  found: readonly CatalogDeployment[],
): Promise<ReadonlyMap<string, LimitSummary>> {
  const summaries = await Promise.all(
    found
      .filter(({ note }) => note.concurrency_limit !== null)
      .map(async ({ deployment }) => {
        const name = `deployment:${deployment.id}`;
        const address = addressOfName(c.get("workspace"), "limit", name);
        const limit = await find(call(c, address, "read", {}, { name }));
        if (limit === undefined) return [];
        const { id, created, updated, active, limit: slots, active_slots, slot_decay_per_second } = limit;
        const summary = {
          id,
          created,
          updated,
          active,
          name,
          limit: slots,
          active_slots,
          slot_decay_per_second,
        };
        return [[deployment.id, summary] as const];
      }),
  );
  return new Map(summaries.flat());
}

/**
 * Resolves where a deployment's runs go. The pool must exist; a queue that it has not got comes into being. Undefined:
 * the request says nothing about it.
 */
export async function resolvePlace(
  c: ApiContext,
  sent: { work_pool_name?: string | null | undefined; work_queue_name?: string | null | undefined },
  current?: DeploymentPlace,
): Promise<DeploymentPlace | undefined> {
  if (sent.work_pool_name === undefined && sent.work_queue_name === undefined) return undefined;
  const pool = sent.work_pool_name === undefined ? (current?.work_pool_name ?? null) : sent.work_pool_name;
  if (pool === null)
    return { work_pool_name: null, work_queue_name: sent.work_queue_name ?? null, work_queue_id: null };
  const isQueueKept = sent.work_queue_name === undefined && pool === current?.work_pool_name;
  const wanted = isQueueKept ? current.work_queue_name : (sent.work_queue_name ?? null);
  const address = addressOfName(c.get("workspace"), "pool", pool);
  const ask = async () => {
    if (wanted !== null) return call(c, address, "ensure_queue", { name: wanted }, { name: pool });
    const { default_queue_id: id } = await call(c, address, "read", {}, { name: pool });
    return call(c, address, "read_queue", { id }, { name: pool });
  };
  const queue = await find(ask());
  if (queue === undefined) return fail("not_found", `Work pool ${JSON.stringify(pool)} not found.`);
  return { work_pool_name: pool, work_queue_name: queue.name, work_queue_id: queue.id };
}

/** Refuses default values that cannot fit: parameters by the flow's schema, job variables by the pool's template. */
export async function checkValues(
  c: ApiContext,
  values: {
    enforce_parameter_schema?: boolean | null | undefined;
    parameter_openapi_schema?: JsonObject | null | undefined;
    parameters?: JsonObject | null | undefined;
    job_variables?: JsonObject | null | undefined;
  },
  work_pool_name: string | null,
  doing: "creating" | "updating",
): Promise<void> {
  const { enforce_parameter_schema, parameter_openapi_schema, parameters, job_variables } = values;
  if (enforce_parameter_schema !== false && parameters) {
    const fault = findDefaultsFault(parameter_openapi_schema ?? null, parameters);
    if (fault !== undefined) fail("conflict", `Error ${doing} deployment: ${fault}`);
  }
  if (work_pool_name === null || !job_variables || Object.keys(job_variables).length === 0) return;
  const address = addressOfName(c.get("workspace"), "pool", work_pool_name);
  const pool = await find(call(c, address, "read", {}, { name: work_pool_name }));
  if (pool === undefined) return;
  const fault = findVariablesFault(pool.base_job_template, job_variables);
  if (fault !== undefined) fail("conflict", `Error ${doing} deployment: ${fault}`);
}

/** Questions about runs of several pools: asked in parallel, merged by their sort. */
import { addressOfWorkspace } from "../contract/envelope.ts";
import type { FlowRunsCountBody, FlowRunSort, RunFilter } from "../contract/wire/filters.ts";
import type { FlowRun } from "../contract/wire/flow-runs.ts";
import { compareRuns } from "../domain/flow-run/sort-runs.ts";
import { call, type ApiContext } from "./context.ts";
import { addressesOfRuns, orIfAbsent, queuesMeantBy } from "./pools.ts";

/** Flows or deployments that one filter may mean. */
const RESOLVED_MAX = 10_000;

/** Prefect's filter with what other objects know resolved to ids. */
async function resolve(c: ApiContext, body: FlowRunsCountBody): Promise<RunFilter> {
  const workspace = addressOfWorkspace(c.get("workspace"));
  const [flow_ids, deployment_ids] = await Promise.all([
    body.flows
      ? call(c, workspace, "find_flow_ids", { filter: { flows: body.flows }, limit: RESOLVED_MAX })
      : undefined,
    body.deployments
      ? call(c, workspace, "find_deployment_ids", {
          filter: { deployments: body.deployments },
          limit: RESOLVED_MAX,
        })
      : undefined,
  ]);
  const queues = queuesMeantBy(body.work_pool_queues);
  return {
    flow_runs: body.flow_runs ?? null,
    ...(flow_ids !== undefined && { flow_ids }),
    ...(deployment_ids !== undefined && { deployment_ids }),
    ...(queues.ids && { work_queue_ids: queues.ids }),
    ...(queues.names && { work_queue_names: queues.names }),
    ...(queues.name_prefixes && { work_queue_name_prefixes: queues.name_prefixes }),
  };
}

/** One page of the runs that a filter means. */
export async function findRuns(
  c: ApiContext,
  body: FlowRunsCountBody & { sort: FlowRunSort; limit: number; offset: number },
): Promise<FlowRun[]> {
  const { sort, limit, offset } = body;
  const [addresses, filter] = await Promise.all([
    addressesOfRuns(c, { work_pools: body.work_pools, run_ids: runIdsOf(body) }),
    resolve(c, body),
  ]);
  const [only, ...others] = addresses;
  if (only === undefined || limit === 0) return [];
  if (others.length === 0)
    return orIfAbsent(call(c, only, "filter_runs", { filter, sort, limit, offset }), []);
  const pages = await Promise.all(
    addresses.map((address) =>
      orIfAbsent(call(c, address, "filter_runs", { filter, sort, limit: offset + limit, offset: 0 }), []),
    ),
  );
  return pages
    .flat()
    .toSorted(compareRuns(sort))
    .slice(offset, offset + limit);
}

/** How many runs a filter means. */
export async function countRuns(c: ApiContext, body: FlowRunsCountBody): Promise<number> {
  const [addresses, filter] = await Promise.all([
    addressesOfRuns(c, { work_pools: body.work_pools, run_ids: runIdsOf(body) }),
    resolve(c, body),
  ]);
  const counts = await Promise.all(
    addresses.map((address) => orIfAbsent(call(c, address, "count_runs", { filter }), 0)),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

/** Ids say by themselves which pools to ask, unless another condition would do as well. */
function runIdsOf({ flow_runs }: FlowRunsCountBody): string[] | null {
  return flow_runs?.operator === "or_" ? null : (flow_runs?.id?.any_ ?? null);
}

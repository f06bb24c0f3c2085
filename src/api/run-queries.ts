/** Questions about runs of several pools: asked in parallel, merged by their sort. */
import { addressOfWorkspace } from "../contract/envelope.ts";
import { journalOfRun } from "../contract/journals.ts";
import { isBlank } from "../contract/wire/common.ts";
import type { FlowRunsCountBody, FlowRunSort, RunFilter } from "../contract/wire/filters.ts";
import type { FlowRun } from "../contract/wire/flow-runs.ts";
import { compareKeys, findPageFault, inOrder } from "../domain/flow-run/sort-runs.ts";
import { call, fail, orIfAbsent, type ApiContext } from "./context.ts";
import { addressesOfRuns, queuesMeantBy } from "./pools.ts";
import { findRunsOfTaskRuns } from "./task-run-places.ts";

/** Flows or deployments that one filter may mean. */
const RESOLVED_MAX = 10_000;

/** Stand-ins of subflows that one flow run may have here. */
const STAND_INS_MAX = 10_000;

/** Which runs have which parents is known by the parents' journals: their stand-ins take the place of their ids. */
async function resolveParents(
  c: ApiContext,
  filter: FlowRunsCountBody["flow_runs"],
): Promise<FlowRunsCountBody["flow_runs"]> {
  const parents = filter?.parent_flow_run_id?.any_;
  if (!filter || !parents || filter.parent_task_run_id) return filter;
  const standIns = await Promise.all(
    [...new Set(parents)].map(async (id) => {
      const journal = journalOfRun(c.get("workspace"), id);
      if (journal === undefined) return [];
      const question = { filter: { subflow_runs: { exists_: true } }, flow_run_ids: [id.toLowerCase()] };
      return call(c, journal, "filter_task_runs", { ...question, sort: "ID_DESC", limit: STAND_INS_MAX });
    }),
  );
  const any_ = standIns.flat().map(({ id }) => id);
  return { ...filter, parent_flow_run_id: null, parent_task_run_id: { any_ } };
}

/** Prefect's filter with what other objects know resolved to ids. */
async function resolve(c: ApiContext, body: FlowRunsCountBody): Promise<RunFilter> {
  const workspace = addressOfWorkspace(c.get("workspace"));
  const [flow_runs, run_ids, flow_ids, deployment_ids] = await Promise.all([
    resolveParents(c, body.flow_runs),
    body.task_runs && !isBlank(body.task_runs)
      ? findRunsOfTaskRuns(c, body.task_runs, runIdsOf(body) ?? undefined)
      : undefined,
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
    flow_runs: flow_runs ?? null,
    ...(run_ids !== undefined && { run_ids }),
    ...(flow_ids !== undefined && { flow_ids }),
    ...(deployment_ids !== undefined && { deployment_ids }),
    ...(queues.ids && { work_queue_ids: queues.ids }),
    ...(queues.names && { work_queue_names: queues.names }),
    ...(queues.name_prefixes && { work_queue_name_prefixes: queues.name_prefixes }),
  };
}

/** Which pools a question about runs goes to, and with which filter. */
export async function locateRuns(c: ApiContext, body: FlowRunsCountBody) {
  const [addresses, filter] = await Promise.all([
    addressesOfRuns(c, { work_pools: body.work_pools, run_ids: runIdsOf(body) }),
    resolve(c, body),
  ]);
  return { addresses, filter };
}

/** One page of the runs that a filter means. */
export async function findRuns(
  c: ApiContext,
  body: FlowRunsCountBody & { sort: FlowRunSort; limit: number; offset: number },
): Promise<FlowRun[]> {
  const { sort, limit, offset } = body;
  const { addresses, filter } = await locateRuns(c, body);
  const [only, ...others] = addresses;
  if (only === undefined || limit === 0) return [];
  if (others.length === 0)
    return orIfAbsent(call(c, only, "filter_runs", { filter, sort, limit, offset }), []);
  const keys = await Promise.all(
    addresses.map(async (address) => {
      const command = { filter, sort, limit: offset + limit, offset: 0 };
      const found = await orIfAbsent(call(c, address, "list_run_keys", command), []);
      return found.map((run) => ({ ...run, address }));
    }),
  );
  const page = keys
    .flat()
    .toSorted(compareKeys(sort))
    .slice(offset, offset + limit);
  const fault = findPageFault(page);
  if (fault !== undefined) fail("invalid", fault);
  const runs = await Promise.all(
    addresses.map(async (address) => {
      const ids = page.filter((run) => run.address === address).map(({ id }) => id);
      return ids.length === 0 ? [] : orIfAbsent(call(c, address, "read_runs", { ids }), []);
    }),
  );
  return inOrder(
    page.map(({ id }) => id),
    runs.flat(),
  );
}

/** How many runs a filter means. */
export async function countRuns(c: ApiContext, body: FlowRunsCountBody): Promise<number> {
  const { addresses, filter } = await locateRuns(c, body);
  const counts = await Promise.all(
    addresses.map((address) => orIfAbsent(call(c, address, "count_runs", { filter }), 0)),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

/** Ids say by themselves which pools to ask, unless another condition would do as well. */
function runIdsOf({ flow_runs }: FlowRunsCountBody): string[] | null {
  return flow_runs?.operator === "or_" ? null : (flow_runs?.id?.any_ ?? null);
}

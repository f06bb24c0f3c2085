/**
 * Filters of flows and deployments by their runs, and by the type of their pool: the catalog knows neither, so these are
 * resolved to ids before.
 */
import type { FilterWithRuns } from "../contract/wire/catalog-bodies.ts";
import type { CatalogFilter } from "../contract/wire/catalog-filters.ts";
import { isBlank } from "../contract/wire/common.ts";
import { fail, type ApiContext } from "./context.ts";
import { readPools } from "./pools.ts";
import { findRuns } from "./run-queries.ts";

/** Flow runs that one such filter may mean. */
const RUNS_MAX = 1000;

/** The filter of flows, or of deployments, with the ids of those that have such runs. */
export async function resolveRuns(
  c: ApiContext,
  things: "flows" | "deployments",
  { flow_runs, task_runs, ...sent }: FilterWithRuns,
): Promise<CatalogFilter> {
  const filter = await resolvePools(c, sent);
  if (isBlank(flow_runs) && isBlank(task_runs)) return filter;
  const own = filter[things];
  if (own?.operator === "or_")
    fail(
      "invalid",
      `Where one condition on ${things} is enough, they cannot be filtered by their runs, too.`,
    );
  const { flows, deployments } = filter;
  const page = { sort: "EXPECTED_START_TIME_DESC" as const, limit: RUNS_MAX, offset: 0 };
  const runs = await findRuns(c, { flows, deployments, flow_runs, task_runs, ...page });
  if (runs.length === RUNS_MAX)
    fail("invalid", `This means ${RUNS_MAX} flow runs or more; narrow the filter, by time for example.`);
  const found = new Set(runs.map((run) => (things === "flows" ? run.flow_id : run.deployment_id)));
  const wanted = own?.id?.any_;
  const any_ = [...found].filter((id) => id !== null && (wanted?.includes(id) ?? true));
  return { ...filter, [things]: { ...own, id: { ...own?.id, any_ } } };
}

/** The filter with the ids of the pools that it means, where it names a type of pools. */
async function resolvePools(
  c: ApiContext,
  { work_pools, ...filter }: Omit<FilterWithRuns, "flow_runs" | "task_runs">,
): Promise<CatalogFilter> {
  if (isBlank(work_pools?.type)) return { ...filter, work_pools };
  const pools = await readPools(c, work_pools);
  return { ...filter, work_pools: { id: { any_: pools.map(({ id }) => id) } } };
}

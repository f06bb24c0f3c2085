/** Of each deployment the run that comes next, and the one that came last. */
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import type { Request } from "./http.ts";
import { useQueries, useQuery } from "./query.ts";

/** Runs of one answer: when a deployment is not among those of all, it is asked for alone. */
const PAGE = 200;

export type EdgeRuns = ReadonlyMap<string, FlowRun>;

const NEXT = {
  filter: { state: { type: { any_: ["SCHEDULED"] } } },
  sort: "NEXT_SCHEDULED_START_TIME_ASC",
};
const LAST = {
  filter: { state: { type: { not_any_: ["SCHEDULED"] } } },
  sort: "EXPECTED_START_TIME_DESC",
};

function ask(
  { filter, sort }: typeof NEXT | typeof LAST,
  deployments: readonly string[],
  limit: number,
): Request {
  const flow_runs = { ...filter, deployment_id: { any_: deployments } };
  return { method: "POST", path: "/flow_runs/filter", body: { flow_runs, sort, limit } };
}

function useEdge(which: typeof NEXT | typeof LAST, ids: readonly string[]): EdgeRuns {
  const { value: page } = useQuery<FlowRun[]>(ids.length === 0 ? null : ask(which, ids, PAGE));
  const found = new Map<string, FlowRun>();
  for (const run of page ?? [])
    if (run.deployment_id !== null && !found.has(run.deployment_id)) found.set(run.deployment_id, run);
  const isWhole = page === undefined || page.length < PAGE;
  const missing = isWhole ? [] : ids.filter((id) => !found.has(id));
  const alone = useQueries<FlowRun[]>(missing.map((id) => ask(which, [id], 1)));
  for (const { value: [run] = [] } of alone)
    if (run !== undefined && run.deployment_id !== null) found.set(run.deployment_id, run);
  return found;
}

export function useNextRuns(deployments: readonly string[]): EdgeRuns {
  return useEdge(NEXT, deployments);
}

export function useLastRuns(deployments: readonly string[]): EdgeRuns {
  return useEdge(LAST, deployments);
}

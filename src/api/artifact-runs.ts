/** Filters of artifacts by their runs: an artifact knows its runs by id only, so what else is asked is resolved to ids. */
import type { ArtifactFilter, ArtifactRunFilters } from "../contract/wire/artifacts.ts";
import { fail, type ApiContext } from "./context.ts";
import { findRuns } from "./run-queries.ts";
import { findTaskRuns } from "./task-run-queries.ts";

/** Runs that one filter of artifacts may mean. */
const RUNS_MAX = 500;
const isSaid = (value: unknown) => value !== null && value !== undefined;

/** The artifact's own filter with what is said beside it of its runs, all of which must hold. */
export async function withRuns(
  c: ApiContext,
  filter: ArtifactFilter | null | undefined,
  runs: ArtifactRunFilters,
): Promise<ArtifactFilter> {
  const [flowRunIds, taskRunIds] = await Promise.all([findFlowRunIds(c, runs), findTaskRunIds(c, runs)]);
  if (flowRunIds === null && taskRunIds === null) return filter ?? {};
  if (filter?.operator === "or_")
    fail("invalid", "Name the runs inside the filter of artifacts where one condition is enough.");
  return {
    ...filter,
    ...(flowRunIds !== null && { flow_run_id: { any_: both(flowRunIds, filter?.flow_run_id?.any_) } }),
    ...(taskRunIds !== null && { task_run_id: { any_: both(taskRunIds, filter?.task_run_id?.any_) } }),
  };
}

function both(found: string[], own: readonly string[] | null | undefined): string[] {
  return own === null || own === undefined ? found : found.filter((id) => own.includes(id));
}

async function findFlowRunIds(
  c: ApiContext,
  { flows, flow_runs, deployments }: ArtifactRunFilters,
): Promise<string[] | null> {
  if (!flows && !deployments) {
    const said = Object.entries(flow_runs ?? {}).filter(([, value]) => isSaid(value));
    if (said.length === 0) return null;
    // Ids that are named need not be looked up, as long as nothing else is said.
    if (said.length === 1 && flow_runs?.id?.any_ && !isSaid(flow_runs.id.not_any_)) return flow_runs.id.any_;
  }
  const page = { sort: "EXPECTED_START_TIME_DESC" as const, limit: RUNS_MAX, offset: 0 };
  const found = await findRuns(c, { flows, flow_runs, deployments, ...page });
  return checkCount(found).map(({ id }) => id);
}

async function findTaskRunIds(c: ApiContext, { task_runs }: ArtifactRunFilters): Promise<string[] | null> {
  const said = Object.entries(task_runs ?? {}).filter(([, value]) => isSaid(value));
  if (said.length === 0) return null;
  if (said.length === 1 && task_runs?.id?.any_) return task_runs.id.any_;
  const page = { sort: "EXPECTED_START_TIME_DESC" as const, limit: RUNS_MAX, offset: 0 };
  return checkCount(await findTaskRuns(c, { task_runs, ...page })).map(({ id }) => id);
}

function checkCount<Run>(found: Run[]): Run[] {
  if (found.length === RUNS_MAX)
    fail(
      "invalid",
      `This means ${RUNS_MAX} runs or more; narrow the filter to fewer, or name artifacts by key.`,
    );
  return found;
}

/** The bodies of questions about flows and deployments, which may name runs too. Source: wire §4.11. */
import { z } from "zod";
import {
  DEPLOYMENT_SORTS,
  DeploymentFilter,
  FLOW_SORTS,
  FlowFilter,
  WorkQueueFilter,
  type CatalogFilter,
} from "./catalog-filters.ts";
import { NumberedPage, Page } from "./common.ts";
import { FlowRunFilter, TaskRunFilter, WorkPoolFilter } from "./filters.ts";

const filters = {
  flows: FlowFilter.nullish(),
  deployments: DeploymentFilter.nullish(),
  work_pools: WorkPoolFilter.nullish(),
  /** Those that have such a flow run. */
  flow_runs: FlowRunFilter.nullish(),
  /** Those with a flow run that has such a task run. */
  task_runs: TaskRunFilter.nullish(),
};
/** What is said of flows or deployments and of their runs; all of it must hold. */
export type FilterWithRuns = Omit<CatalogFilter, "work_pools"> & {
  work_pools?: WorkPoolFilter | null | undefined;
  flow_runs?: FlowRunFilter | null | undefined;
  task_runs?: TaskRunFilter | null | undefined;
};

const flowsBody = { ...filters, work_queues: WorkQueueFilter.nullish() };
const deploymentsBody = { ...filters, work_pool_queues: WorkQueueFilter.nullish() };
const flowSort = { sort: z.enum(FLOW_SORTS).nullish() };
const deploymentSort = { sort: z.enum(DEPLOYMENT_SORTS).nullish() };

export const FlowsFilterBody = z.object({ ...flowsBody, ...flowSort, ...Page });
export const FlowsPaginateBody = z.object({ ...flowsBody, ...flowSort, ...NumberedPage });
export const FlowsCountBody = z.object(flowsBody);
export const DeploymentsFilterBody = z.object({ ...deploymentsBody, ...deploymentSort, ...Page });
export const DeploymentsPaginateBody = z.object({
  ...deploymentsBody,
  ...deploymentSort,
  ...NumberedPage,
});
export const DeploymentsCountBody = z.object(deploymentsBody);

/** Filters, sorts and pages of flows, deployments and variables. Source: wire §4.11. */
import { z } from "zod";
import { Page } from "./common.ts";
import type { WorkPoolFilter } from "./filters.ts";
import { anyId, idList, isNull, nameFilter, operator, tagFilter, textList } from "./filter-parts.ts";

const idFilter = z.strictObject({ any_: idList, not_any_: idList }).nullish();

export const FlowFilter = z.strictObject({
  operator,
  id: idFilter,
  name: nameFilter,
  tags: tagFilter,
  deployment: z.strictObject({ operator, is_null_: isNull }).nullish(),
});
export type FlowFilter = z.infer<typeof FlowFilter>;

export const DeploymentFilter = z.strictObject({
  operator,
  id: idFilter,
  name: nameFilter,
  flow_or_deployment_name: z.strictObject({ like_: z.string().nullish() }).nullish(),
  paused: z.strictObject({ eq_: z.boolean().nullish() }).nullish(),
  tags: tagFilter,
  work_queue_name: z.strictObject({ any_: textList }).nullish(),
  concurrency_limit: z
    .strictObject({ ge_: z.int().nullish(), le_: z.int().nullish(), is_null_: isNull })
    .nullish(),
});
export type DeploymentFilter = z.infer<typeof DeploymentFilter>;

export const VariableFilter = z.strictObject({ operator, id: idFilter, name: nameFilter, tags: tagFilter });
export type VariableFilter = z.infer<typeof VariableFilter>;

export const WorkQueueFilter = z.strictObject({
  operator,
  id: anyId,
  name: z.strictObject({ any_: textList, startswith_: textList }).nullish(),
});
export type WorkQueueFilter = z.infer<typeof WorkQueueFilter>;

/** All conditions must hold together. */
export interface CatalogFilter {
  flows?: FlowFilter | null | undefined;
  deployments?: DeploymentFilter | null | undefined;
  /** The type of a pool is not known to the catalog. */
  work_pools?: Omit<WorkPoolFilter, "type"> | null | undefined;
  work_queues?: WorkQueueFilter | null | undefined;
}

export const FLOW_SORTS = ["NAME_ASC", "NAME_DESC", "CREATED_DESC", "UPDATED_DESC"] as const;
export type FlowSort = (typeof FLOW_SORTS)[number];
export const DEPLOYMENT_SORTS = [...FLOW_SORTS, "CONCURRENCY_LIMIT_ASC", "CONCURRENCY_LIMIT_DESC"] as const;
export type DeploymentSort = (typeof DEPLOYMENT_SORTS)[number];
export const VARIABLE_SORTS = FLOW_SORTS;
export type VariableSort = FlowSort;

const variablesBody = { variables: VariableFilter.nullish() };
export const VariablesFilterBody = z.object({
  ...variablesBody,
  sort: z.enum(VARIABLE_SORTS).nullish(),
  ...Page,
});
export const VariablesCountBody = z.object(variablesBody);

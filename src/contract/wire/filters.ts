/** Filters, sorts and pages of flow runs, pools, queues and workers. Source: wire §4.11. */
import { z } from "zod";
import { DeploymentFilter, FlowFilter, WorkQueueFilter } from "./catalog-filters.ts";
import { InstantIn, NumberedPage, Page } from "./common.ts";
import {
  anyId,
  FILTER_ITEMS_MAX,
  idList,
  isNull,
  nameFilter,
  operator,
  tagFilter,
  textList,
} from "./filter-parts.ts";
import { StateType } from "./states.ts";

const stateTypes = z.array(StateType).max(FILTER_ITEMS_MAX).nullish();
const instant = InstantIn.nullish();
const timeFilter = z.strictObject({ before_: instant, after_: instant, is_null_: isNull }).nullish();

export const FlowRunFilter = z.strictObject({
  operator,
  id: z.strictObject({ any_: idList, not_any_: idList }).nullish(),
  name: nameFilter,
  tags: tagFilter,
  deployment_id: z.strictObject({ operator, any_: idList, is_null_: isNull }).nullish(),
  work_queue_name: z.strictObject({ operator, any_: textList, is_null_: isNull }).nullish(),
  state: z
    .strictObject({
      operator,
      type: z.strictObject({ any_: stateTypes, not_any_: stateTypes }).nullish(),
      name: z.strictObject({ any_: textList, not_any_: textList }).nullish(),
    })
    .nullish(),
  flow_version: z.strictObject({ any_: textList }).nullish(),
  start_time: timeFilter,
  end_time: timeFilter,
  expected_start_time: timeFilter,
  next_scheduled_start_time: timeFilter,
  parent_flow_run_id: z.strictObject({ operator, any_: idList }).nullish(),
  parent_task_run_id: z.strictObject({ operator, any_: idList, is_null_: isNull }).nullish(),
  idempotency_key: z.strictObject({ any_: textList, not_any_: textList }).nullish(),
  created_by: z.strictObject({ operator, id_: idList, type_: textList, is_null_: isNull }).nullish(),
  /** Ours: the worker that has, or had last, the run. */
  worker_name: z.strictObject({ any_: textList }).nullish(),
});
export type FlowRunFilter = z.infer<typeof FlowRunFilter>;

export const TaskRunFilter = z.strictObject({
  operator,
  id: anyId,
  name: nameFilter,
  tags: tagFilter,
  state: z
    .strictObject({
      operator,
      type: z.strictObject({ any_: stateTypes }).nullish(),
      name: z.strictObject({ any_: textList }).nullish(),
    })
    .nullish(),
  start_time: timeFilter,
  end_time: timeFilter,
  expected_start_time: z
    .strictObject({ before_: InstantIn.nullish(), after_: InstantIn.nullish() })
    .nullish(),
  subflow_runs: z.strictObject({ exists_: isNull }).nullish(),
  flow_run_id: z.strictObject({ operator, any_: idList, is_null_: isNull }).nullish(),
});
export type TaskRunFilter = z.output<typeof TaskRunFilter>;

export const FLOW_RUN_SORTS = [
  "ID_DESC",
  "START_TIME_ASC",
  "START_TIME_DESC",
  "EXPECTED_START_TIME_ASC",
  "EXPECTED_START_TIME_DESC",
  "NAME_ASC",
  "NAME_DESC",
  "NEXT_SCHEDULED_START_TIME_ASC",
  "END_TIME_DESC",
] as const;
export type FlowRunSort = (typeof FLOW_RUN_SORTS)[number];

export const WorkPoolFilter = z.strictObject({
  operator,
  id: anyId,
  name: z.strictObject({ any_: textList }).nullish(),
  type: z.strictObject({ any_: textList }).nullish(),
});
export type WorkPoolFilter = z.infer<typeof WorkPoolFilter>;

export const WorkerFilter = z.strictObject({
  operator,
  /** Ours: Prefect's filter knows neither ids nor names. */
  id: anyId,
  name: z.strictObject({ any_: textList }).nullish(),
  last_heartbeat_time: z.strictObject({ before_: instant, after_: instant }).nullish(),
  status: z
    .strictObject({
      any_: z.array(z.enum(["ONLINE", "OFFLINE"])).nullish(),
      not_any_: z.array(z.enum(["ONLINE", "OFFLINE"])).nullish(),
    })
    .nullish(),
});

const runFilters = {
  flows: FlowFilter.nullish(),
  flow_runs: FlowRunFilter.nullish(),
  /** Flow runs that have such a task run. */
  task_runs: TaskRunFilter.nullish(),
  deployments: DeploymentFilter.nullish(),
  work_pools: WorkPoolFilter.nullish(),
  work_pool_queues: WorkQueueFilter.nullish(),
};
const sort = z
  .enum(FLOW_RUN_SORTS)
  .nullish()
  .transform((chosen) => chosen ?? "ID_DESC");

/** `POST /flow_runs/filter`. Bodies of single parameters ignore what they do not know (source: wire §9.4). */
export const FlowRunsFilterBody = z.object({ ...runFilters, sort, ...Page });
/** `POST /flow_runs/paginate` */
export const FlowRunsPaginateBody = z.object({ ...runFilters, sort, ...NumberedPage });
/** `POST /flow_runs/count` */
export const FlowRunsCountBody = z.object(runFilters);
export type FlowRunsCountBody = z.infer<typeof FlowRunsCountBody>;

/** Which runs of a pool are meant; what other objects know is already resolved to ids. */
export interface RunFilter {
  flow_runs?: FlowRunFilter | null;
  run_ids?: string[];
  flow_ids?: string[];
  deployment_ids?: string[];
  work_queue_ids?: string[];
  work_queue_names?: string[];
  work_queue_name_prefixes?: string[];
}

/** Task runs. Source of the fields: Prefect's `TaskRun`, `TaskRunCreate`, `TaskRunFilter`; wire §3.7, §4.9. */
import { z } from "zod";
import { DeploymentFilter, FlowFilter } from "./catalog-filters.ts";
import { Id, InstantIn, InstantOut, Labels, NumberedPage, Page, Stamps, Tags } from "./common.ts";
import { FlowRunFilter, TaskRunFilter } from "./filters.ts";
import { RunProgress } from "./run-progress.ts";
import { HistorySpan } from "./run-summaries.ts";
import { State, StateCreate } from "./states.ts";

/** The policy of a task, as clients write it; nothing here reads it. */
const Policy = z.record(z.string(), z.unknown());
/** Parameter -> what it came from; only ids and types of runs are looked at. */
const Inputs = z.record(z.string(), z.array(z.record(z.string(), z.unknown())));

export const TaskRun = z.object({
  ...Stamps,
  name: z.string(),
  flow_run_id: Id.nullable(),
  task_key: z.string(),
  dynamic_key: z.string(),
  cache_key: z.string().nullable(),
  cache_expiration: InstantOut.nullable(),
  task_version: z.string().nullable(),
  empirical_policy: Policy,
  tags: z.array(z.string()),
  labels: Labels,
  task_inputs: Inputs,
  ...RunProgress,
  flow_run_run_count: z.int(),
});
export type TaskRun = z.infer<typeof TaskRun>;

const KEY_CHARACTERS_MAX = 1024;
const described = {
  cache_key: z.string().nullish(),
  cache_expiration: InstantIn.nullish(),
  task_version: z.string().nullish(),
  empirical_policy: Policy.nullish(),
  tags: Tags.nullish(),
  labels: Labels.nullish(),
  task_inputs: Inputs.nullish(),
};

/** `POST /task_runs/` */
export const TaskRunCreate = z.strictObject({
  id: Id.nullish(),
  state: StateCreate.nullish(),
  name: z.string().max(KEY_CHARACTERS_MAX).nullish(),
  flow_run_id: Id.nullish(),
  task_key: z.string().max(KEY_CHARACTERS_MAX),
  dynamic_key: z.string().max(KEY_CHARACTERS_MAX),
  ...described,
});
export type TaskRunCreate = z.output<typeof TaskRunCreate>;

/** `PATCH /task_runs/{id}` */
export const TaskRunUpdate = z.strictObject({ name: z.string().max(KEY_CHARACTERS_MAX).nullish() });

/** What an event says of the task run that it is about, at the moment of the event. */
const TaskRunSnapshot = z.object({
  name: z.string().max(KEY_CHARACTERS_MAX).optional(),
  task_key: z.string().max(KEY_CHARACTERS_MAX),
  dynamic_key: z.string().max(KEY_CHARACTERS_MAX),
  ...described,
  run_count: z.int().optional(),
  flow_run_run_count: z.int().optional(),
  expected_start_time: InstantIn.nullish(),
  next_scheduled_start_time: InstantIn.nullish(),
  start_time: InstantIn.nullish(),
  end_time: InstantIn.nullish(),
  total_run_time: z.number().optional(),
});
export type TaskRunSnapshot = z.output<typeof TaskRunSnapshot>;

/** The payload of `prefect.task-run.*` events of which the client has decided the states (source: wire §3.7). */
export const TaskRunPayload = z.object({ validated_state: StateCreate, task_run: TaskRunSnapshot });

/** A state that a task run came to, reported by whoever decided it. */
export interface TaskRunChange {
  task_run_id: string;
  flow_run_id: string | null;
  state: State;
  /** Absent where somebody reports the state alone, such as a subflow's pool. */
  snapshot?: TaskRunSnapshot;
}

export const TASK_RUN_SORTS = [
  "ID_DESC",
  "EXPECTED_START_TIME_ASC",
  "EXPECTED_START_TIME_DESC",
  "NAME_ASC",
  "NAME_DESC",
  "NEXT_SCHEDULED_START_TIME_ASC",
  "END_TIME_DESC",
  "DURATION_ASC",
  "DURATION_DESC",
] as const;
export type TaskRunSort = (typeof TASK_RUN_SORTS)[number];
const sort = z
  .enum(TASK_RUN_SORTS)
  .nullish()
  .transform((chosen) => chosen ?? "ID_DESC");

const filters = {
  flows: FlowFilter.nullish(),
  flow_runs: FlowRunFilter.nullish(),
  task_runs: TaskRunFilter.nullish(),
  deployments: DeploymentFilter.nullish(),
};
/** `POST /task_runs/count` */
export const TaskRunsCountBody = z.object(filters);
export type TaskRunsCountBody = z.output<typeof TaskRunsCountBody>;
/** `POST /task_runs/filter` */
export const TaskRunsFilterBody = z.object({ ...filters, sort, ...Page });
/** `POST /task_runs/paginate` */
export const TaskRunsPaginateBody = z.object({ ...filters, sort, ...NumberedPage });
/** `POST /task_runs/history` */
export const TaskRunsHistoryBody = z.object({ ...filters, ...HistorySpan });

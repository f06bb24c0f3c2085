/** Flow runs. Source of the fields: wire §3.13. */
import { z } from "zod";
import { RUN_VALUES_BYTES_MAX } from "../bounds.ts";
import {
  boundJson,
  CreatedBy,
  Id,
  JobVariables,
  JsonObject,
  Labels,
  Name,
  Parameters,
  Stamps,
  Tags,
} from "./common.ts";
import { RunProgress } from "./run-progress.ts";
import { StateCreate } from "./states.ts";

export const EmpiricalPolicy = z.object({
  max_retries: z.int().default(0),
  retry_delay_seconds: z.number().default(0),
  retries: z.int().nullable().default(null),
  retry_delay: z.number().nullable().default(null),
  pause_keys: z.array(z.string()).nullable().default([]),
  resuming: z.boolean().nullable().default(false),
  retry_type: z.enum(["in_process", "reschedule"]).nullable().default(null),
});
export type EmpiricalPolicy = z.infer<typeof EmpiricalPolicy>;

export const FlowRun = z.object({
  ...Stamps,
  name: z.string(),
  flow_id: Id,
  deployment_id: Id.nullable(),
  deployment_version: z.string().nullable(),
  work_queue_id: Id.nullable(),
  work_queue_name: z.string().nullable(),
  flow_version: z.string().nullable(),
  parameters: JsonObject,
  idempotency_key: z.string().nullable(),
  context: JsonObject,
  empirical_policy: EmpiricalPolicy,
  tags: z.array(z.string()),
  labels: Labels,
  parent_task_run_id: Id.nullable(),
  ...RunProgress,
  auto_scheduled: z.boolean(),
  infrastructure_document_id: Id.nullable(),
  infrastructure_pid: z.string().nullable(),
  created_by: CreatedBy.nullable(),
  work_pool_id: Id.nullable(),
  work_pool_name: z.string().nullable(),
  job_variables: JsonObject.nullable(),
});
export type FlowRun = z.infer<typeof FlowRun>;

const createFields = {
  name: Name.nullish(),
  parameters: Parameters.nullish(),
  context: boundJson(JsonObject, "A run's context", RUN_VALUES_BYTES_MAX).nullish(),
  tags: Tags.nullish(),
  labels: Labels.nullish(),
  idempotency_key: z.string().max(1024).nullish(),
  parent_task_run_id: Id.nullish(),
  infrastructure_document_id: Id.nullish(),
  empirical_policy: EmpiricalPolicy.partial().nullish(),
  work_queue_name: Name.nullish(),
  job_variables: JobVariables.nullish(),
  state: StateCreate.nullish(),
};

/** `POST /flow_runs/` */
export const FlowRunCreate = z.strictObject({
  ...createFields,
  flow_id: Id,
  flow_version: z.string().nullish(),
  deployment_id: Id.nullish(),
  deployment_version: z.string().nullish(),
  work_pool_name: Name.nullish(),
});
export type FlowRunCreate = z.infer<typeof FlowRunCreate>;

/** `POST /deployments/{id}/create_flow_run` */
export const DeploymentFlowRunCreate = z.strictObject({
  ...createFields,
  enforce_parameter_schema: z.boolean().nullish(),
});
export type DeploymentFlowRunCreate = z.infer<typeof DeploymentFlowRunCreate>;

/** `PATCH /flow_runs/{id}`: only what is sent changes. */
export const FlowRunUpdate = z.strictObject({
  name: Name.nullish(),
  flow_version: z.string().nullish(),
  parameters: Parameters.optional(),
  empirical_policy: EmpiricalPolicy.partial().optional(),
  tags: Tags.optional(),
  infrastructure_pid: z.string().nullish(),
  job_variables: JobVariables.nullish(),
});
export type FlowRunUpdate = z.infer<typeof FlowRunUpdate>;

/** What became of a run that was moved to the front of the line in which it waits. */
export const FlowRunMoved = z.object({
  /** Its queue; its deployment, where no pool has it; or the limit of its deployment, which has no slot for it yet. */
  line: z.object({ kind: z.enum(["work_queue", "deployment", "limit"]), name: z.string() }),
  /** How many it has passed, counted up to 10 000; null in the line of a limit. */
  passed: z.int().nullable(),
});
export type FlowRunMoved = z.infer<typeof FlowRunMoved>;

/** Flows and deployments. Source of the fields: wire §3.5, §3.13. */
import { z } from "zod";
import {
  CreatedBy,
  Id,
  InstantOut,
  JobVariables,
  JsonObject,
  Labels,
  Name,
  Parameters,
  Stamps,
  Tags,
} from "./common.ts";
import { DeploymentSchedule, DeploymentScheduleCreate, DeploymentScheduleUpdate } from "./schedules.ts";

export const Flow = z.object({ ...Stamps, name: z.string(), tags: z.array(z.string()), labels: Labels });
export type Flow = z.infer<typeof Flow>;
export const FlowCreate = z.strictObject({ name: Name, tags: Tags.nullish(), labels: Labels.nullish() });
export type FlowCreate = z.infer<typeof FlowCreate>;
export const FlowUpdate = z.strictObject({ tags: Tags.nullish() });

export const ConcurrencyOptions = z.object({
  collision_strategy: z.enum(["ENQUEUE", "CANCEL_NEW"]),
  grace_period_seconds: z.int().min(60).max(86_400).nullish(),
});
export type ConcurrencyOptions = z.infer<typeof ConcurrencyOptions>;

/** A global concurrency limit as a deployment shows its own. */
export const LimitSummary = z.object({
  ...Stamps,
  active: z.boolean(),
  name: z.string(),
  limit: z.int(),
  active_slots: z.int(),
  slot_decay_per_second: z.number(),
});
export type LimitSummary = z.infer<typeof LimitSummary>;

export const Deployment = z.object({
  ...Stamps,
  name: z.string(),
  version: z.string().nullable(),
  description: z.string().nullable(),
  flow_id: Id,
  paused: z.boolean(),
  schedules: z.array(DeploymentSchedule),
  concurrency_limit: z.null(),
  global_concurrency_limit: LimitSummary.nullable(),
  concurrency_options: ConcurrencyOptions.nullable(),
  job_variables: JsonObject,
  parameters: JsonObject,
  tags: z.array(z.string()),
  labels: Labels,
  work_queue_name: z.string().nullable(),
  work_queue_id: Id.nullable(),
  last_polled: InstantOut.nullable(),
  parameter_openapi_schema: JsonObject.nullable(),
  path: z.string().nullable(),
  pull_steps: z.array(JsonObject).nullable(),
  entrypoint: z.string().nullable(),
  storage_document_id: Id.nullable(),
  infrastructure_document_id: Id.nullable(),
  created_by: CreatedBy.nullable(),
  updated_by: CreatedBy.nullable(),
  work_pool_name: z.string().nullable(),
  status: z.enum(["READY", "NOT_READY"]).nullable(),
  enforce_parameter_schema: z.boolean(),
});
export type Deployment = z.infer<typeof Deployment>;

const writable = {
  version: z.string().max(1024).nullish(),
  version_info: JsonObject.nullish(),
  description: z.string().max(65_536).nullish(),
  paused: z.boolean().nullish(),
  schedules: z.array(DeploymentScheduleCreate).max(100).nullish(),
  concurrency_limit: z.int().min(1).nullish(),
  concurrency_options: ConcurrencyOptions.nullish(),
  global_concurrency_limit_id: Id.nullish(),
  job_variables: JobVariables.nullish(),
  parameters: Parameters.nullish(),
  parameter_openapi_schema: JsonObject.nullish(),
  tags: Tags.nullish(),
  work_queue_name: Name.nullish(),
  work_pool_name: Name.nullish(),
  path: z.string().nullish(),
  entrypoint: z.string().nullish(),
  pull_steps: z.array(JsonObject).nullish(),
  storage_document_id: Id.nullish(),
  infrastructure_document_id: Id.nullish(),
  enforce_parameter_schema: z.boolean().nullish(),
};
/** `POST /deployments/`: creates or replaces the deployment of that flow and name. */
export const DeploymentCreate = z.strictObject({
  ...writable,
  name: Name,
  flow_id: Id,
  labels: Labels.nullish(),
});
export type DeploymentCreate = z.infer<typeof DeploymentCreate>;
/** `PATCH /deployments/{id}`: only what is sent changes. */
export const DeploymentUpdate = z.strictObject({
  ...writable,
  /** One that is known by its slug needs to say only what changes. */
  schedules: z.array(DeploymentScheduleUpdate).max(100).nullish(),
});
export type DeploymentUpdate = z.infer<typeof DeploymentUpdate>;

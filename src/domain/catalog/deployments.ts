/** How the record of a deployment comes into being and changes. */
import type { Instant } from "../../contract/instants.ts";
import type { CreatedBy, JsonObject, Labels } from "../../contract/wire/common.ts";
import type {
  ConcurrencyOptions,
  Deployment,
  DeploymentCreate,
  DeploymentUpdate,
  Flow,
} from "../../contract/wire/deployments.ts";
import type { ScheduleRecord } from "./schedules.ts";

/** What is stored of a deployment beside its schedules. */
export interface DeploymentRecord {
  id: string;
  flow_id: string;
  name: string;
  created: Instant;
  updated: Instant;
  /** Rises with every change; the pool of its runs refuses older ones. */
  revision: number;
  paused: boolean;
  work_pool_name: string | null;
  work_queue_name: string | null;
  work_queue_id: string | null;
  /** Slots of the limit `deployment:<id>`, null without one. */
  concurrency_limit: number | null;
  tags: string[];
  /** It has moved, and the pool that it left may still have its runs: the new pool gets none before that is over. */
  is_moving: boolean;
  /** Pools that it has left: runs that people asked for may still be there, until the deployment is deleted. */
  former_pools: string[];
  details: DeploymentDetails;
}

/** What nobody searches by; kept as it came, keys in their order. */
export interface DeploymentDetails {
  version: string | null;
  version_info: JsonObject | null;
  description: string | null;
  concurrency_options: ConcurrencyOptions | null;
  job_variables: JsonObject;
  parameters: JsonObject;
  labels: Labels;
  parameter_openapi_schema: JsonObject | null;
  path: string | null;
  pull_steps: JsonObject[] | null;
  entrypoint: string | null;
  storage_document_id: string | null;
  infrastructure_document_id: string | null;
  created_by: CreatedBy | null;
  updated_by: CreatedBy | null;
  enforce_parameter_schema: boolean;
}

/** Where the runs go, the queue resolved. */
export interface Place {
  work_pool_name: string | null;
  work_queue_name: string | null;
  work_queue_id: string | null;
}

/** Makes the record of a new deployment, revision 1. */
export function makeDeployment(
  id: string,
  flow: Flow,
  create: DeploymentCreate,
  place: Place | undefined,
  now: Instant,
): DeploymentRecord {
  const empty: DeploymentRecord = {
    id,
    flow_id: flow.id,
    name: create.name,
    created: now,
    updated: now,
    revision: 0,
    paused: false,
    work_pool_name: null,
    work_queue_name: null,
    work_queue_id: null,
    concurrency_limit: null,
    tags: [],
    is_moving: false,
    former_pools: [],
    details: {
      version: null,
      version_info: null,
      description: null,
      concurrency_options: null,
      job_variables: {},
      parameters: {},
      labels: {},
      parameter_openapi_schema: null,
      path: null,
      pull_steps: null,
      entrypoint: null,
      storage_document_id: null,
      infrastructure_document_id: null,
      created_by: null,
      updated_by: null,
      enforce_parameter_schema: true,
    },
  };
  const record = changeDeployment(empty, create, place, now);
  record.details.labels = { ...flow.labels, "prefect.flow.id": flow.id, ...create.labels };
  return record;
}

/**
 * Changes a deployment: only what is sent. A null clears what can be empty; where it cannot, null means the default for
 * lists and objects, and "as it is" for switches.
 */
export function changeDeployment(
  record: DeploymentRecord,
  update: DeploymentUpdate & { labels?: Labels | null | undefined },
  place: Place | undefined,
  now: Instant,
): DeploymentRecord {
  const { details } = record;
  return {
    ...record,
    updated: now,
    revision: record.revision + 1,
    paused: update.paused ?? record.paused,
    ...place,
    concurrency_limit: pick(update.concurrency_limit, record.concurrency_limit),
    tags: update.tags === undefined ? record.tags : [...new Set(update.tags ?? [])],
    details: {
      ...details,
      version: pick(update.version, details.version),
      version_info: pick(update.version_info, details.version_info),
      description: pick(update.description, details.description),
      concurrency_options: pick(update.concurrency_options, details.concurrency_options),
      job_variables: pick(update.job_variables, details.job_variables) ?? {},
      parameters: pick(update.parameters, details.parameters) ?? {},
      labels: { ...details.labels, ...update.labels },
      parameter_openapi_schema: pick(update.parameter_openapi_schema, details.parameter_openapi_schema),
      path: pick(update.path, details.path),
      pull_steps: pick(update.pull_steps, details.pull_steps),
      entrypoint: pick(update.entrypoint, details.entrypoint),
      storage_document_id: pick(update.storage_document_id, details.storage_document_id),
      infrastructure_document_id: pick(update.infrastructure_document_id, details.infrastructure_document_id),
      enforce_parameter_schema: update.enforce_parameter_schema ?? details.enforce_parameter_schema,
    },
  };
}

/** The record in the form in which it travels, without what lives in other objects: the limit's slots, the queue's polls. */
export function toDeployment(record: DeploymentRecord, schedules: readonly ScheduleRecord[]): Deployment {
  const { details } = record;
  return {
    id: record.id,
    created: record.created,
    updated: record.updated,
    name: record.name,
    version: details.version,
    description: details.description,
    flow_id: record.flow_id,
    paused: record.paused,
    schedules: [...schedules],
    concurrency_limit: null,
    global_concurrency_limit: null,
    concurrency_options:
      details.concurrency_options === null
        ? null
        : { grace_period_seconds: null, ...details.concurrency_options },
    job_variables: details.job_variables,
    parameters: details.parameters,
    tags: record.tags,
    labels: details.labels,
    work_queue_name: record.work_queue_name,
    work_queue_id: record.work_queue_id,
    last_polled: null,
    parameter_openapi_schema: details.parameter_openapi_schema,
    path: details.path,
    pull_steps: details.pull_steps,
    entrypoint: details.entrypoint,
    storage_document_id: details.storage_document_id,
    infrastructure_document_id: details.infrastructure_document_id,
    created_by: details.created_by,
    updated_by: details.updated_by,
    work_pool_name: record.work_pool_name,
    status: "NOT_READY",
    enforce_parameter_schema: details.enforce_parameter_schema,
  };
}

const DEPLOYMENT_LIMIT_PREFIX = "deployment:";

/** The name of the limit that a deployment with `concurrency_limit` has of its own. */
export function limitNameOfDeployment(id: string): string {
  return DEPLOYMENT_LIMIT_PREFIX + id;
}

/** Whether a limit is a deployment's own. */
export function isLimitOfDeployment(name: string): boolean {
  return name.startsWith(DEPLOYMENT_LIMIT_PREFIX);
}

function pick<Value>(sent: Value | undefined, kept: Value): Value {
  return sent === undefined ? kept : sent;
}

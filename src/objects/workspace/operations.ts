/** What a Workspace can be asked: the catalog and the directory of pools and limits. */
import type {
  CatalogFilter,
  DeploymentSort,
  FlowSort,
  VariableFilter,
  VariableSort,
} from "../../contract/wire/catalog-filters.ts";
import type {
  Deployment,
  DeploymentCreate,
  DeploymentUpdate,
  Flow,
  FlowCreate,
} from "../../contract/wire/deployments.ts";
import type {
  DeploymentSchedule,
  DeploymentScheduleCreate,
  DeploymentScheduleUpdate,
} from "../../contract/wire/schedules.ts";
import type { JsonValue } from "../../contract/wire/common.ts";
import type { LimitCounts, LimitFilter, LimitSort } from "../../contract/wire/limits.ts";
import type { Variable } from "../../contract/wire/logs.ts";
import type { Stretch } from "../../domain/catalog/materialization.ts";
import type { DeploymentNote } from "../pool/operations.ts";
import type { ArtifactIndexOperations } from "./artifact-operations.ts";
import type { AuditOperations } from "./audit.ts";
import type { EventNameOperations } from "./event-name-operations.ts";
import type { SavedSearchOperations } from "./saved-searches.ts";
import type { BlockOperations } from "./block-operations.ts";
import type { ViolationReport } from "../shared/violations.ts";

/** One named object of the directory. */
export interface DirectoryEntry {
  id: string;
  name: string;
  key: string;
}

/** Where the runs of a deployment go. The queue is resolved by the caller, who has asked the pool for it. */
export interface DeploymentPlace {
  work_pool_name: string | null;
  work_queue_name: string | null;
  work_queue_id: string | null;
}

/** A deployment as the catalog knows it: the record without what lives elsewhere (its limit's slots, its queue's polls). */
export interface CatalogDeployment {
  deployment: Deployment;
  flow_name: string;
  revision: number;
  /** What the pool of its runs must know of it. */
  note: DeploymentNote;
}

/** A promise that an object has found broken, over all its reports. */
export interface ViolationRecord extends ViolationReport {
  first_at: number;
}

export type ViolationOperations = {
  /** Idempotent: an object's reports of one invariant carry a rising time. */
  note_violation: { command: ViolationReport; answer: null };
  /** Those that were reported last come first. */
  list_violations: { command: { limit: number }; answer: ViolationRecord[] };
};

export type WorkspaceOperations = BlockOperations &
  ArtifactIndexOperations &
  SavedSearchOperations &
  ViolationOperations &
  EventNameOperations &
  AuditOperations & {
    create_flow: { command: FlowCreate; answer: { flow: Flow; was_created: boolean } };
    read_flow: { command: { id: string } | { name: string }; answer: Flow };
    update_flow: { command: { id: string; tags: string[] }; answer: Flow };
    /** The flow's deployments go with it. */
    delete_flow: { command: { id: string }; answer: null };
    filter_flows: {
      command: { filter: CatalogFilter; sort: FlowSort; limit: number; offset: number };
      answer: Flow[];
    };
    count_flows: { command: { filter: CatalogFilter }; answer: number };
    /** Ids of what a filter means, in no order, at most `limit`: for callers who filter runs by flows or deployments. */
    find_flow_ids: { command: { filter: CatalogFilter; limit: number }; answer: string[] };
    find_deployment_ids: { command: { filter: CatalogFilter; limit: number }; answer: string[] };
    /** Creates, or replaces by (flow, name); the pool hears of it by outbox. `place` absent: a replaced one stays where it is. */
    put_deployment: {
      command: { create: DeploymentCreate; place?: DeploymentPlace };
      answer: CatalogDeployment & { was_created: boolean };
    };
    update_deployment: {
      command: { id: string; update: DeploymentUpdate; place?: DeploymentPlace };
      answer: CatalogDeployment;
    };
    read_deployment: {
      command: { id: string } | { flow_name: string; name: string };
      answer: CatalogDeployment;
    };
    /** Answered when the deployment's limit has heard of every change that was made before, or after two seconds. */
    await_limit: { command: { deployment_id: string }; answer: null };
    delete_deployment: { command: { id: string }; answer: null };
    filter_deployments: {
      command: { filter: CatalogFilter; sort: DeploymentSort; limit: number; offset: number };
      answer: CatalogDeployment[];
    };
    count_deployments: { command: { filter: CatalogFilter }; answer: number };
    create_schedules: {
      command: { deployment_id: string; schedules: DeploymentScheduleCreate[] };
      answer: DeploymentSchedule[];
    };
    update_schedule: {
      command: { deployment_id: string; schedule_id: string; update: DeploymentScheduleUpdate };
      answer: null;
    };
    delete_schedule: { command: { deployment_id: string; schedule_id: string }; answer: null };
    /** Prefect's `POST /deployments/{id}/schedule`: runs of its active schedules for a stretch of time, also of the past. */
    backfill_deployment: { command: { deployment_id: string } & Stretch; answer: null };
    create_variable: { command: { name: string; value: JsonValue; tags: string[] }; answer: Variable };
    read_variable: { command: { id: string } | { name: string }; answer: Variable };
    update_variable: {
      command: {
        target: { id: string } | { name: string };
        update: { name?: string | undefined; value?: JsonValue | undefined; tags?: string[] | undefined };
      };
      answer: Variable;
    };
    delete_variable: { command: { id: string } | { name: string }; answer: null };
    filter_variables: {
      command: { filter: VariableFilter; sort: VariableSort; limit: number; offset: number };
      answer: Variable[];
    };
    count_variables: { command: { filter: VariableFilter }; answer: number };
    /** The directory: objects report themselves by outbox; idempotent. */
    register: { command: { kind: "limit" | "pool"; entry: DirectoryEntry }; answer: null };
    unregister: { command: { kind: "limit" | "pool"; name: string; id: string }; answer: null };
    list_directory: {
      /** A former pool is a deleted one, for those who look for its runs; one that was made anew may be listed as both. */
      command: { kind: "limit" | "pool" | "former_pool"; after_name: string; limit: number };
      answer: DirectoryEntry[];
    };
    /** The limits of a filter, a page of them in the order of `sort`. */
    filter_limits: {
      command: { filter: LimitFilter; sort: LimitSort; limit: number; offset: number };
      answer: DirectoryEntry[];
    };
    count_limits: { command: { filter: LimitFilter }; answer: LimitCounts };
    /** Which of these names exist; a probe of an unknown name touches no other object. */
    find_directory: { command: { kind: "limit" | "pool"; names: string[] }; answer: DirectoryEntry[] };
  };

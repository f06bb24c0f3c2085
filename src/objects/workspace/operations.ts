/** What a Workspace can be asked: the catalog and the directory of pools and limits. */
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
import type { Variable } from "../../contract/wire/logs.ts";

/** A page of names in order. */
export interface PageOf<Filter> {
  filter: Filter;
  sort: string | null;
  limit: number;
  offset: number;
}

/** One named object of the directory. */
export interface DirectoryEntry {
  id: string;
  name: string;
  key: string;
}

export interface NameFilter {
  ids?: string[];
  names?: string[];
  name_like?: string;
  tags_all?: string[];
  tags_any?: string[];
  [more: string]: JsonValue | undefined;
}

export type WorkspaceOperations = {
  create_flow: { command: FlowCreate; answer: { flow: Flow; was_created: boolean } };
  read_flow: { command: { id: string } | { name: string }; answer: Flow };
  update_flow: { command: { id: string; tags: string[] }; answer: Flow };
  delete_flow: { command: { id: string }; answer: null };
  filter_flows: { command: PageOf<NameFilter>; answer: Flow[] };
  count_flows: { command: { filter: NameFilter }; answer: number };
  /** Creates, or replaces by (flow, name); the pool hears of it by outbox. */
  put_deployment: { command: DeploymentCreate; answer: { deployment: Deployment; was_created: boolean } };
  update_deployment: { command: { id: string; update: DeploymentUpdate }; answer: Deployment };
  read_deployment: {
    command: { id: string } | { flow_name: string; name: string };
    answer: { deployment: Deployment; flow_name: string; revision: number };
  };
  delete_deployment: { command: { id: string }; answer: null };
  filter_deployments: { command: PageOf<NameFilter>; answer: Deployment[] };
  count_deployments: { command: { filter: NameFilter }; answer: number };
  create_schedules: {
    command: { deployment_id: string; schedules: DeploymentScheduleCreate[] };
    answer: DeploymentSchedule[];
  };
  update_schedule: {
    command: { deployment_id: string; schedule_id: string; update: DeploymentScheduleUpdate };
    answer: null;
  };
  delete_schedule: { command: { deployment_id: string; schedule_id: string }; answer: null };
  create_variable: { command: { name: string; value: JsonValue; tags: string[] }; answer: Variable };
  read_variable: { command: { id: string } | { name: string }; answer: Variable };
  update_variable: {
    command: { id?: string; name?: string; update: { name?: string; value?: JsonValue; tags?: string[] } };
    answer: Variable;
  };
  delete_variable: { command: { id: string } | { name: string }; answer: null };
  filter_variables: { command: PageOf<NameFilter>; answer: Variable[] };
  count_variables: { command: { filter: NameFilter }; answer: number };
  /** The directory: objects report themselves by outbox; idempotent. */
  register: { command: { kind: "limit" | "pool"; entry: DirectoryEntry }; answer: null };
  unregister: { command: { kind: "limit" | "pool"; name: string; id: string }; answer: null };
  list_directory: {
    command: { kind: "limit" | "pool"; after_name: string; limit: number };
    answer: DirectoryEntry[];
  };
  /** Which of these names exist; a probe of an unknown name touches no other object. */
  find_directory: { command: { kind: "limit" | "pool"; names: string[] }; answer: DirectoryEntry[] };
};

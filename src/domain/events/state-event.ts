/** The event that a run's change of state makes (source: wire §4.8, Prefect's `flow_run_state_change_event`). */
import { formatInstant, instantToMs } from "../../contract/instants.ts";
import type { Event, Resource } from "../../contract/wire/events.ts";
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import type { State } from "../../contract/wire/states.ts";
import type { PoolStatus } from "../../contract/wire/work-pools.ts";

/** Longer messages are cut. */
const MESSAGE_CHARACTERS_MAX = 100_000;
/** The event names the one before it where that was less than this ago: their order may be in doubt. */
const FOLLOWS_MS = 300_000;

/** The pool that a run belongs to, as its events name it; null for runs without one. */
export interface PoolOfRun {
  id: string;
  name: string;
  type: string;
}

/** What flows and deployments are called, by their ids; what is not there goes without. */
export type NamesById = ReadonlyMap<string, { name: string; tags: readonly string[] }>;

/** Describes that `run` has come to the state that it is in. */
export function describeStateChange(
  run: FlowRun,
  state: State,
  before: State | null,
  pool: PoolOfRun | null,
  names: NamesById,
): Event {
  const isClose =
    before !== null && Math.abs(instantToMs(state.timestamp) - instantToMs(before.timestamp)) < FOLLOWS_MS;
  return {
    id: state.id,
    occurred: state.timestamp,
    event: `prefect.flow-run.${state.name}`,
    resource: {
      "prefect.resource.id": `prefect.flow-run.${run.id}`,
      "prefect.resource.name": run.name,
      "prefect.run-count": String(run.run_count),
      "prefect.state-message": cut(state.message ?? ""),
      "prefect.state-name": state.name,
      "prefect.state-timestamp": state.timestamp,
      "prefect.state-type": state.type,
    },
    related: listRelated(run, pool, names),
    payload: {
      intended: { from: before?.type ?? null, to: state.type },
      initial_state: before === null ? null : summarize(before),
      validated_state: summarize(state),
    },
    follows: isClose ? before.id : null,
  };
}

/** Describes that a pool, or a queue of it, has come to a status; `at` is in milliseconds (source: wire §4.3). */
export function describeStatusChange({
  id,
  at,
  kind,
  of,
  status,
  pool,
}: {
  id: string;
  at: number;
  kind: "work-pool" | "work-queue";
  of: { id: string; name: string };
  status: PoolStatus;
  pool: PoolOfRun;
}): Event {
  return {
    id,
    occurred: formatInstant(at),
    event: `prefect.${kind}.${status.toLowerCase().replace("_", "-")}`,
    resource: {
      "prefect.resource.id": `prefect.${kind}.${of.id}`,
      "prefect.resource.name": of.name,
      ...(kind === "work-pool" ? { "prefect.work-pool.type": pool.type } : { "prefect.resource.role": kind }),
    },
    related: kind === "work-pool" ? [] : [namePool(pool)],
    payload: {},
    follows: null,
  };
}

/** What of a pool, or of a queue, is told when it changes; that it is paused is a status (source: Prefect's `models/workers.py`). */
const TOLD_FIELDS = {
  "work-pool": ["description", "base_job_template", "concurrency_limit", "storage_configuration"],
  "work-queue": ["name", "description", "concurrency_limit", "priority"],
} as const;

/** A pool or a queue before and after an operation; null: it was not there, or is not any more. */
export interface PoolChange {
  kind: "work-pool" | "work-queue";
  before: NamedRecord | null;
  after: NamedRecord | null;
  /** What else a pool's event names. */
  related?: Resource[];
}
interface NamedRecord {
  id: string;
  name: string;
}

/** Describes what was made of a pool or a queue; undefined where nothing is told of it. `at` is in milliseconds. */
export function describePoolChange(
  { kind, before, after, related = [] }: PoolChange,
  pool: PoolOfRun,
  { id, at }: { id: string; at: number },
): Event | undefined {
  const of = after ?? before;
  const updates = before === null || after === null ? null : compareFields(before, after, TOLD_FIELDS[kind]);
  if (of === null || updates?.size === 0) return undefined;
  return {
    id,
    occurred: formatInstant(at),
    event: `prefect.${kind}.${before === null ? "created" : after === null ? "deleted" : "updated"}`,
    resource: kind === "work-pool" ? namePool(pool) : nameRelated(kind, of.id, of.name),
    related: kind === "work-pool" ? (updates === null ? related : []) : [namePool(pool)],
    payload:
      updates === null ? {} : { updated_fields: [...updates.keys()], updates: Object.fromEntries(updates) },
    follows: null,
  };
}

function compareFields(
  before: object,
  after: object,
  fields: readonly string[],
): Map<string, { from: unknown; to: unknown }> {
  const read = (record: object, field: string): unknown => (record as Record<string, unknown>)[field];
  return new Map(
    fields
      .map((field) => [field, { from: read(before, field), to: read(after, field) }] as const)
      .filter(([, { from, to }]) => JSON.stringify(from) !== JSON.stringify(to)),
  );
}

/** A deployment as its own events name it. */
export interface NamedDeployment {
  id: string;
  name: string;
  flow_id: string;
  flow_name: string;
  work_queue_id: string | null;
  work_queue_name: string | null;
}

/** Describes that a deployment is ready, because somebody asks for its runs, or not any more. */
export function describeServing({
  id,
  at,
  deployment,
  status,
  pool,
}: {
  id: string;
  at: number;
  deployment: NamedDeployment;
  status: PoolStatus;
  pool: PoolOfRun | null;
}): Event {
  const { flow_id, flow_name, work_queue_id, work_queue_name } = deployment;
  const related = [nameRelated("flow", flow_id, flow_name)];
  if (work_queue_id !== null) related.push(nameRelated("work-queue", work_queue_id, work_queue_name));
  if (pool !== null) related.push(namePool(pool));
  return {
    id,
    occurred: formatInstant(at),
    event: `prefect.deployment.${status === "READY" ? "ready" : "not-ready"}`,
    resource: {
      "prefect.resource.id": `prefect.deployment.${deployment.id}`,
      "prefect.resource.name": deployment.name,
    },
    related,
    payload: {},
    follows: null,
  };
}

/** A resource of an event by its role, which is its kind. */
export function nameRelated(kind: string, id: string, name?: string | null, more: Resource = {}): Resource {
  return {
    "prefect.resource.id": `prefect.${kind}.${id}`,
    "prefect.resource.role": kind,
    ...(typeof name === "string" && { "prefect.resource.name": name }),
    ...more,
  };
}

function namePool({ id, name, type }: PoolOfRun): Resource {
  return nameRelated("work-pool", id, name, { "prefect.work-pool.type": type });
}

function summarize({ type, name, message, state_details }: State): Record<string, string> {
  return {
    type,
    name,
    ...(message !== null && message !== "" && { message: cut(message) }),
    ...(type === "PAUSED" && { pause_reschedule: String(state_details.pause_reschedule ?? false) }),
  };
}

/** Source: Prefect's `models/events.py`. */
function listRelated(run: FlowRun, pool: PoolOfRun | null, names: NamesById): Resource[] {
  const tags = new Set(run.tags);
  const known = (kind: string, id: string): Resource => {
    const { name, tags: own = [] } = names.get(id) ?? {};
    for (const tag of own) tags.add(tag);
    return nameRelated(kind, id, name);
  };
  const related = [known("flow", run.flow_id)];
  if (run.deployment_id !== null) related.push(known("deployment", run.deployment_id));
  if (pool !== null && run.work_queue_id !== null)
    related.push(nameRelated("work-queue", run.work_queue_id, run.work_queue_name));
  if (pool !== null) related.push(namePool(pool));
  if (run.parent_task_run_id !== null) related.push(nameRelated("task-run", run.parent_task_run_id));
  for (const tag of [...tags].sort()) related.push(nameRelated("tag", tag));
  const { type, id, display_value } = run.created_by ?? {};
  if (type === "DEPLOYMENT" && typeof id === "string")
    related.push({ ...nameRelated("deployment", id, display_value), "prefect.resource.role": "creator" });
  return related;
}

function cut(text: string): string {
  return text.length > MESSAGE_CHARACTERS_MAX ? `${text.slice(0, MESSAGE_CHARACTERS_MAX - 3)}...` : text;
}

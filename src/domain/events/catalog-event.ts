/** What is announced of records: `prefect.<kind>.{created,updated,deleted}` (source: Prefect's `events/schemas/lifecycle.py`). */
import { formatInstant } from "../../contract/instants.ts";
import type { JsonObject } from "../../contract/wire/common.ts";
import type { Event, Resource } from "../../contract/wire/events.ts";
import { nameRelated } from "./state-event.ts";

/**
 * The kinds whose changes are announced, with the fields that their events carry. Those of artifacts have `data` and
 * `description` besides in Prefect: large texts, which nobody copies for those who may not listen.
 */
const PAYLOADS = {
  flow: ["name", "tags", "labels"],
  variable: ["name", "value", "tags"],
  deployment: [],
  "block-type": [
    "name",
    "slug",
    "logo_url",
    "documentation_url",
    "description",
    "code_example",
    "is_protected",
  ],
  "block-document": ["name", "data", "block_schema"],
  "artifact-collection": ["key", "type"],
  "concurrency-limit": ["name", "limit", "active", "slot_decay_per_second"],
} as const;
export type AnnouncedKind = keyof typeof PAYLOADS;
export type ChangeAction = "created" | "updated" | "deleted";

/** A record as it was just written, or as it was before it was deleted. */
export interface AnnouncedEntry {
  id: string;
  name: string;
}

/** An entry of the catalog. */
export interface StampedEntry extends AnnouncedEntry {
  created: string;
  updated: string;
}

/** What was done to a record, and what else that concerns. */
export interface AnnouncedChange {
  kind: AnnouncedKind;
  action: ChangeAction;
  entry: AnnouncedEntry;
  related?: Resource[];
}

/** Describes a change; `at` is in milliseconds. */
export function describeChange(
  { kind, action, entry, related = [] }: AnnouncedChange,
  { id, at }: { id: string; at: number },
): Event {
  const fields: readonly string[] = PAYLOADS[kind];
  return {
    id,
    occurred: formatInstant(at),
    event: `prefect.${kind}.${action}`,
    resource: { "prefect.resource.id": `prefect.${kind}.${entry.id}`, "prefect.resource.name": entry.name },
    related,
    payload: Object.fromEntries(Object.entries(entry).filter(([field]) => fields.includes(field))),
    follows: null,
  };
}

/** What an operation of the catalog has done: a put creates what was not there, which then has never been updated. */
export function actionOf(operation: string, { created, updated }: StampedEntry): ChangeAction {
  if (operation.startsWith("delete_")) return "deleted";
  const isNew = operation.startsWith("create_") || (operation.startsWith("put_") && created === updated);
  return isNew ? "created" : "updated";
}

export interface DeploymentEntry extends StampedEntry {
  flow_id: string;
  work_queue_id: string | null;
  work_queue_name: string | null;
}

/** What a deployment's events name besides it. */
export function relatedOfDeployment({
  flow_id,
  work_queue_id,
  work_queue_name,
}: DeploymentEntry): Resource[] {
  return [
    nameRelated("flow", flow_id),
    ...(work_queue_id === null ? [] : [nameRelated("work-queue", work_queue_id, work_queue_name)]),
  ];
}

/** A block as its events tell of it: of its data only texts that are no secrets. */
export function describeBlock(
  block: {
    id: string;
    name: string | null;
    data: JsonObject;
    block_type_id: string;
    block_type_name: string;
    block_schema_id: string;
  },
  schema: { fields: JsonObject; capabilities: string[] } | undefined,
): { entry: AnnouncedEntry; related: Resource[] } {
  const { id, block_type_id, block_type_name, block_schema_id } = block;
  const secret = schema?.fields["secret_fields"];
  const secrets: readonly unknown[] = Array.isArray(secret) ? secret : [];
  const shown = Object.entries(block.data).filter(
    ([field, value]) => typeof value === "string" && !secrets.includes(field),
  );
  const entry = {
    id,
    name: block.name ?? "",
    data: Object.fromEntries(shown),
    block_schema: schema && {
      capabilities: schema.capabilities,
      block_type: { id: block_type_id, name: block_type_name },
    },
  };
  return {
    entry,
    related: [
      nameRelated("block-type", block_type_id, block_type_name),
      nameRelated("block-schema", block_schema_id),
    ],
  };
}

/** What the events of an artifact's key name besides it. */
export function relatedOfArtifacts({
  latest_id,
  flow_run_id,
  task_run_id,
}: {
  latest_id: string;
  flow_run_id: string | null;
  task_run_id: string | null;
}): Resource[] {
  return [
    { ...nameRelated("artifact", latest_id), "prefect.resource.role": "latest" },
    ...(flow_run_id === null ? [] : [nameRelated("flow-run", flow_run_id)]),
    ...(task_run_id === null ? [] : [nameRelated("task-run", task_run_id)]),
  ];
}

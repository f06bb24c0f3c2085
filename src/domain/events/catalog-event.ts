/** What the catalog announces: `prefect.<kind>.{created,updated,deleted}` (source: Prefect's `events/schemas/lifecycle.py`). */
import { formatInstant } from "../../contract/instants.ts";
import type { Event } from "../../contract/wire/events.ts";
import { nameRelated } from "./state-event.ts";

/** The kinds whose changes are announced, with the fields that their events carry. */
const PAYLOADS = {
  flow: ["name", "tags", "labels"],
  variable: ["name", "value", "tags"],
  deployment: [],
} as const;
export type AnnouncedKind = keyof typeof PAYLOADS;

/** A record of the catalog as it was just written, or as it was before it was deleted. */
export interface CatalogEntry {
  id: string;
  name: string;
  created: string;
  updated: string;
  flow_id?: string;
  work_queue_id?: string | null;
  work_queue_name?: string | null;
}

/** Describes what an operation has made of an entry; `at` is in milliseconds. */
export function describeCatalogChange({
  id,
  at,
  kind,
  operation,
  entry,
}: {
  id: string;
  at: number;
  kind: AnnouncedKind;
  operation: string;
  entry: CatalogEntry;
}): Event {
  const { flow_id, work_queue_id, work_queue_name } = entry;
  const fields: readonly string[] = PAYLOADS[kind];
  return {
    id,
    occurred: formatInstant(at),
    event: `prefect.${kind}.${actionOf(operation, entry)}`,
    resource: { "prefect.resource.id": `prefect.${kind}.${entry.id}`, "prefect.resource.name": entry.name },
    related: [
      ...(flow_id === undefined ? [] : [nameRelated("flow", flow_id)]),
      ...(typeof work_queue_id === "string"
        ? [nameRelated("work-queue", work_queue_id, work_queue_name)]
        : []),
    ],
    payload: Object.fromEntries(Object.entries(entry).filter(([field]) => fields.includes(field))),
    follows: null,
  };
}

/** A put creates what was not there, which then has never been updated. */
function actionOf(operation: string, { created, updated }: CatalogEntry): "created" | "updated" | "deleted" {
  if (operation.startsWith("delete_")) return "deleted";
  const isNew = operation.startsWith("create_") || (operation.startsWith("put_") && created === updated);
  return isNew ? "created" : "updated";
}

/** Events by which Prefect's clients say for which run they hold slots (source: wire §3.10, its `concurrency/_events.py`). */
import { keyOfId } from "../../contract/ids.ts";
import type { Event } from "../../contract/wire/events.ts";
import { flowRunOf, readId, taskRunOf } from "./task-run-change.ts";

const LIMIT = "prefect.concurrency-limit.";

/** The lease whose id stands for its limit's in an event; undefined in all others. */
export function leaseOf({ event, resource, related }: Event): string | undefined {
  if (!event.startsWith(LIMIT)) return undefined;
  for (const labels of [resource, ...related]) {
    const id = readId(labels, LIMIT);
    if (id !== undefined && keyOfId(id, "lease") !== undefined) return id;
  }
  return undefined;
}

/**
 * The run whose process holds what an event says it has acquired. Not where a background task has: its task run is the
 * server's, and it is done by another process, which may outlive the run.
 */
export function acquirerOf(event: Event): string | undefined {
  const task_run_id = taskRunOf(event);
  const isBackground = task_run_id !== undefined && keyOfId(task_run_id, "task_run") !== undefined;
  return event.event === `${LIMIT}acquired` && !isBackground ? flowRunOf(event) : undefined;
}

/** The event with its limit's own id. */
export function nameLimit(event: Event, lease_id: string, limit_id: string): Event {
  const rename = (labels: Event["resource"]): Event["resource"] =>
    readId(labels, LIMIT) === lease_id ? { ...labels, "prefect.resource.id": `${LIMIT}${limit_id}` } : labels;
  return { ...event, resource: rename(event.resource), related: event.related.map(rename) };
}

/** What an event says of a task run (source: wire §4.9, Prefect's `task_run_recorder`). */
import { isUuid } from "../../contract/ids.ts";
import { parseInstant } from "../../contract/instants.ts";
import type { Event } from "../../contract/wire/events.ts";
import { TaskRunPayload, type TaskRunChange } from "../../contract/wire/task-runs.ts";
import { toTaskState } from "../journal/task-runs.ts";

/** Reads the change that an event reports; undefined for an event that reports none. */
export function readTaskRunChange(event: Event): TaskRunChange | undefined {
  if (!event.event.startsWith("prefect.task-run.")) return undefined;
  if (event.resource["prefect.orchestration"] !== "client") return undefined;
  const task_run_id = readId(event.resource, "prefect.task-run.");
  const payload = TaskRunPayload.safeParse(event.payload);
  if (task_run_id === undefined || !payload.success) return undefined;
  const { validated_state, task_run } = payload.data;
  const timestamp = parseInstant(event.resource["prefect.state-timestamp"]) ?? event.occurred;
  return {
    task_run_id,
    flow_run_id: flowRunOf(event) ?? null,
    state: toTaskState(validated_state, event.id, timestamp),
    snapshot: task_run,
  };
}

/** The flow run that an event is about, or belongs to. */
export function flowRunOf({ resource, related }: Event): string | undefined {
  const role = related.find((labels) => labels["prefect.resource.role"] === "flow-run");
  return readId(resource, "prefect.flow-run.") ?? (role && readId(role, "prefect.flow-run."));
}

/** The task run that an event belongs to. */
export function taskRunOf({ related }: Event): string | undefined {
  const role = related.find((labels) => labels["prefect.resource.role"] === "task-run");
  return role && readId(role, "prefect.task-run.");
}

/** The id of a thing of a kind, which is what stands before it; undefined for others. */
export function readId(labels: Readonly<Record<string, string>>, prefix: string): string | undefined {
  const id = labels["prefect.resource.id"] ?? "";
  const uuid = id.startsWith(prefix) ? id.slice(prefix.length) : "";
  return isUuid(uuid) ? uuid.toLowerCase() : undefined;
}

/** What the events of runs, pools and queues name of the catalog. */
import type { NamedDeployment } from "../../domain/events/state-event.ts";

/** What a pool asks before it describes its events. */
export type EventNameOperations = {
  /** Flows and deployments of these ids; those that do not exist are left out. */
  name_related: { command: { ids: string[] }; answer: { id: string; name: string; tags: string[] }[] };
  /** Deployments of these ids, or those of a queue, at most 1000. */
  name_deployments: { command: { ids: string[] } | { work_queue_id: string }; answer: NamedDeployment[] };
};

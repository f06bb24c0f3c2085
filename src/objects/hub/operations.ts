/** What the EventHub of a workspace can be asked. */
import type { Instant } from "../../contract/instants.ts";
import type { CountInput } from "../../domain/events/count-events.ts";
import type {
  Event,
  EventCount,
  EventFilter,
  EventPlace,
  ReceivedEvent,
} from "../../contract/wire/events.ts";
import type { TaskRun } from "../../contract/wire/task-runs.ts";

export type HubOperations = {
  /** Stores the events that are not known yet; idempotent by the events' ids. */
  write_events: { command: { events: Event[] }; answer: null };
  /**
   * A pool, whose key `from` is, or the catalog says what has happened. Stored only where somebody has listened lately; a
   * pool hears of it when somebody does again.
   */
  note_events: { command: { events: Event[]; from: string | null }; answer: { is_wanted: boolean } };
  /** A page of stored events behind a place; `total` counts all that match where `after` is null, and is 0 otherwise. */
  filter_events: {
    command: { filter: EventFilter; limit: number; after: EventPlace | null };
    answer: { events: ReceivedEvent[]; total: number; next: EventPlace | null };
  };
  count_events: { command: { filter: EventFilter; count: Omit<CountInput, "now"> }; answer: EventCount[] };
  /** A task run waits for a process that serves its task; idempotent. */
  enqueue_task: { command: { task_run: TaskRun }; answer: null };
  /** The task run is gone: nobody is to have it any more. */
  dequeue_task: { command: { task_run_id: string }; answer: null };
  /** The processes that serve tasks now: all, or those that serve one of these. */
  list_task_workers: {
    command: { task_keys: string[] | null };
    answer: { identifier: string; task_keys: string[]; timestamp: Instant }[];
  };
  /** Somebody listens. */
  open: { command: Record<string, never>; answer: null };
};

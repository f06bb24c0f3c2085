/** Which operations a pool lets through: those meant for it, and after its deletion those that its runs still need. */
import type { Envelope } from "../../contract/envelope.ts";
import { refuse, type Result } from "../../contract/errors.ts";
import type { Answer, Handlers } from "../shared/actor.ts";
import type { PoolCatalog } from "./catalog.ts";
import type { PoolContext } from "./context.ts";
import type { PoolJournals } from "./journals.ts";
import type { PoolOperations } from "./operations.ts";

type Operation = keyof PoolOperations;

/** What stays possible after the pool was deleted: its runs are still there. */
const ON_TOMBSTONE: ReadonlySet<string> = new Set<Operation>([
  "create",
  "read_run",
  "filter_runs",
  "list_run_keys",
  "read_runs",
  "count_runs",
  "summarize_runs",
  "update_run",
  "update_labels",
  "delete_run",
  "set_state",
  "resume_run",
  "touch_run",
  "hear_heartbeats",
  "cancel_with_parent",
  "crash_with_parent",
  "move_to_front",
  "create_run_input",
  "filter_run_inputs",
  "read_run_input",
  "delete_run_input",
  "read_states",
  "read_state",
  "start_attempt",
  "end_attempt",
  "note_limit",
  "note_leases",
  "list_leases_of_run",
  "deployment_slot_granted",
  "explain_run",
  "retire_day",
  "events_wanted",
  "remove_deployment",
]);

/** Operations that write to a run: one that has moved to its journal comes back for them. */
const RECALLING: ReadonlySet<string> = new Set<Operation>([
  "update_run",
  "update_labels",
  "delete_run",
  "set_state",
  "resume_run",
  "create_run_input",
  "delete_run_input",
]);

/** What bring an internal pool into being: nobody creates one. */
export const CREATING_INTERNAL: ReadonlySet<string> = new Set<Operation>([
  "create",
  "create_run",
  "put_deployment",
  "materialize",
]);

export interface AdmissionOptions {
  context: PoolContext;
  catalog: PoolCatalog;
  journals: PoolJournals;
  /** The name of the internal pool that this object is, which comes into being with its first run. */
  internalName: string | undefined;
}

/** Lets an operation through only where the pool is the one that was meant and not deleted. */
export function admitting(
  handlers: Handlers<PoolOperations>,
  { context: { store }, catalog, journals, internalName }: AdmissionOptions,
): Handlers<PoolOperations> {
  const guarded = Object.entries(handlers).map(([operation, handler]) => {
    const admit = (command: never, envelope: Envelope) => {
      if (operation !== "create") {
        if (internalName !== undefined && store.catalog.readPool() === undefined)
          catalog.create({ name: internalName, is_internal: true });
        const pool = store.catalog.readPool();
        const isMeant = pool !== undefined && (envelope.name === undefined || envelope.name === pool.name);
        if (!isMeant || (pool.deleted_at !== null && !ON_TOMBSTONE.has(operation)))
          return refuseAbsent(operation);
      }
      const handle = () =>
        (handler as (command: never, envelope: Envelope) => Answer<unknown>)(command, envelope);
      if (RECALLING.has(operation)) {
        const { id } = command as { id: string };
        if (journals.hasMoved(id)) return journals.recall(id, handle);
      }
      return handle();
    };
    return [operation, admit];
  });
  return Object.fromEntries(guarded) as Handlers<PoolOperations>;
}

/** What is said where there is no such pool: who asked for a run misses the run. */
export function refuseAbsent(operation: string): Result<never> {
  const isOfRun =
    (operation.endsWith("_run") && operation !== "create_run") ||
    operation === "set_state" ||
    operation === "move_to_front" ||
    operation === "update_labels";
  return refuse("not_found", isOfRun ? "Flow run not found" : "Work pool not found.");
}

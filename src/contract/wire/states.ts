/** States of flow runs and task runs, and the answer to a proposed one. */
import { z } from "zod";
import { STATE_DATA_BYTES_MAX, STATE_MESSAGE_CHARACTERS_MAX } from "../bounds.ts";
import { Id, InstantIn, InstantOut, boundJson, Json } from "./common.ts";

export const STATE_TYPES = [
  "SCHEDULED",
  "PENDING",
  "RUNNING",
  "COMPLETED",
  "FAILED",
  "CANCELLED",
  "CRASHED",
  "PAUSED",
  "CANCELLING",
] as const;
export const StateType = z.enum(STATE_TYPES);
export type StateType = z.infer<typeof StateType>;

const detailFields = {
  flow_run_id: Id.nullable(),
  task_run_id: Id.nullable(),
  child_flow_run_id: Id.nullable(),
  cache_key: z.string().nullable(),
  deferred: z.boolean().nullable(),
  pause_key: z.string().nullable(),
  run_input_keyset: z.record(z.string(), z.string()).nullable(),
  refresh_cache: z.boolean().nullable(),
  retriable: z.boolean().nullable(),
  transition_id: Id.nullable(),
  task_parameters_id: Id.nullable(),
  traceparent: z.string().nullable(),
  deployment_concurrency_lease_id: Id.nullable(),
};

/** Prefect's clients cannot read a null here, so one that is sent means the default. */
const flagIn = z
  .boolean()
  .nullable()
  .transform((flag) => flag ?? false);

/** Details as stored and sent out; instants in the one form of ours. */
export const StateDetails = z
  .object({
    ...detailFields,
    untrackable_result: z.boolean(),
    pause_reschedule: z.boolean(),
    scheduled_time: InstantOut.nullable(),
    cache_expiration: InstantOut.nullable(),
    pause_timeout: InstantOut.nullable(),
  })
  .partial();
export type StateDetails = z.infer<typeof StateDetails>;

/** Details as clients send them: every key, mostly null, instants in any form (source: wire §2.7, §3.13). */
export const StateDetailsIn = z
  .object({
    ...detailFields,
    untrackable_result: flagIn,
    pause_reschedule: flagIn,
    scheduled_time: InstantIn.nullable(),
    cache_expiration: InstantIn.nullable(),
    pause_timeout: InstantIn.nullable(),
  })
  .partial();

export const State = z.object({
  id: Id,
  type: StateType,
  name: z.string(),
  timestamp: InstantOut,
  message: z.string().nullable(),
  data: Json.nullable(),
  state_details: StateDetails,
});
export type State = z.infer<typeof State>;

/** A state that somebody proposes: the server gives it its id and timestamp. */
export const StateCreate = z.object({
  type: StateType,
  name: z.string().max(255).nullish(),
  message: z
    .string()
    .transform((message) => message.slice(0, STATE_MESSAGE_CHARACTERS_MAX))
    .nullish(),
  data: boundJson(Json, "The data of a state", STATE_DATA_BYTES_MAX).nullish(),
  state_details: StateDetailsIn.nullish(),
});
export type StateCreate = z.infer<typeof StateCreate>;

/** The body of `set_state`, of flow runs and of task runs. */
export const SetState = z.object({
  state: StateCreate,
  force: z
    .boolean()
    .nullish()
    .transform((force) => force ?? false),
});

export const OrchestrationStatus = z.enum(["ACCEPT", "REJECT", "WAIT", "ABORT"]);
export type OrchestrationStatus = z.infer<typeof OrchestrationStatus>;

export const OrchestrationResult = z.object({
  state: State.nullable(),
  status: OrchestrationStatus,
  details: z.discriminatedUnion("type", [
    z.object({ type: z.literal("accept_details") }),
    z.object({ type: z.literal("reject_details"), reason: z.string().nullable() }),
    z.object({ type: z.literal("abort_details"), reason: z.string().nullable() }),
    z.object({ type: z.literal("wait_details"), delay_seconds: z.int(), reason: z.string().nullable() }),
  ]),
});
export type OrchestrationResult = z.infer<typeof OrchestrationResult>;

/** The states that end a run. */
export const TERMINAL_TYPES: ReadonlySet<StateType> = new Set([
  "COMPLETED",
  "FAILED",
  "CRASHED",
  "CANCELLED",
]);

/** Tells whether a run in this state has ended. */
export function isTerminal(type: StateType): boolean {
  return TERMINAL_TYPES.has(type);
}

/** The name that a state of this type has when nobody named it. */
export function defaultStateName(type: StateType): string {
  return type.charAt(0) + type.slice(1).toLowerCase();
}

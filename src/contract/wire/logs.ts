/** Logs and variables. Source of the fields: wire §3.8, §3.12. */
import { z } from "zod";
import { NAME_CHARACTERS_MAX } from "../bounds.ts";
import { Id, InstantIn, InstantOut, Json, Stamps, Tags } from "./common.ts";

export const Log = z.object({
  id: Id,
  created: InstantOut,
  updated: InstantOut,
  name: z.string(),
  level: z.int(),
  message: z.string(),
  timestamp: InstantOut,
  flow_run_id: Id.nullable(),
  task_run_id: Id.nullable(),
  worker_id: Id.nullable(),
});
export type Log = z.infer<typeof Log>;

export const LogCreate = z.object({
  name: z.string().max(1024),
  level: z.int(),
  message: z.string(),
  timestamp: InstantIn,
  flow_run_id: Id.nullish(),
  task_run_id: Id.nullish(),
  worker_id: Id.nullish(),
  /** Ours: chunk number of one attempt, so that a batch sent twice is stored once. */
  sequence: z.int().min(0).optional(),
  attempt_id: Id.optional(),
});
export type LogCreate = z.infer<typeof LogCreate>;

export const Variable = z.object({ ...Stamps, name: z.string(), value: Json, tags: z.array(z.string()) });
export type Variable = z.infer<typeof Variable>;
/** Names of variables (source: Prefect's `validate_variable_name`). */
const variableName = z
  .string()
  .min(1)
  .max(NAME_CHARACTERS_MAX)
  .regex(
    /^[a-z0-9_-]+$/,
    "Variable name must only contain lowercase letters, numbers, dashes and underscores.",
  );
export const VariableCreate = z.strictObject({ name: variableName, value: Json, tags: Tags.nullish() });
export const VariableUpdate = z.strictObject({
  name: variableName.nullish(),
  value: Json.optional(),
  tags: Tags.nullish(),
});

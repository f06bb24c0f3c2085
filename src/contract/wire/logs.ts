/** Logs and variables. Source of the fields: wire §3.8, §3.12. */
import { z } from "zod";
import { NAME_CHARACTERS_MAX } from "../bounds.ts";
import { Id, InstantIn, InstantOut, Json, Stamps, Tags } from "./common.ts";
import { operator } from "./filter-parts.ts";

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

/** Ids that one filter of logs may name. */
const FILTER_IDS_MAX = 200;
const Ids = z.array(Id).max(FILTER_IDS_MAX);
/** A filter of logs as clients send it. */
export const LogFilterIn = z.strictObject({
  operator,
  level: z.strictObject({ ge_: z.int().nullish(), le_: z.int().nullish() }).nullish(),
  timestamp: z.strictObject({ before_: InstantIn.nullish(), after_: InstantIn.nullish() }).nullish(),
  flow_run_id: z.strictObject({ any_: Ids.nullish() }).nullish(),
  task_run_id: z.strictObject({ any_: Ids.nullish(), is_null_: z.boolean().nullish() }).nullish(),
  text: z.strictObject({ query: z.string().max(200) }).nullish(),
});
export type LogFilterIn = z.output<typeof LogFilterIn>;

/** Which logs are meant; conditions that are left out hold for every log. */
export interface LogFilter {
  flow_run_ids?: string[];
  task_run_ids?: string[];
  is_task_run_null?: boolean;
  level_ge?: number;
  level_le?: number;
  timestamp_before?: string;
  timestamp_after?: string;
  /** Words to look for, as Prefect writes them. */
  text?: string;
}

/** What a filter means; where it means what cannot be answered, why. */
export function toLogFilter(wanted: LogFilterIn | null | undefined): LogFilter | string {
  const filter: LogFilter = {};
  if (wanted === null || wanted === undefined) return filter;
  const { level, timestamp, flow_run_id, task_run_id, text } = wanted;
  const toLower = (ids: readonly string[]) => ids.map((id) => id.toLowerCase());
  if (isGiven(level?.ge_)) filter.level_ge = level.ge_;
  if (isGiven(level?.le_)) filter.level_le = level.le_;
  if (isGiven(timestamp?.before_)) filter.timestamp_before = timestamp.before_;
  if (isGiven(timestamp?.after_)) filter.timestamp_after = timestamp.after_;
  if (isGiven(flow_run_id?.any_)) filter.flow_run_ids = toLower(flow_run_id.any_);
  if (isGiven(task_run_id?.any_)) filter.task_run_ids = toLower(task_run_id.any_);
  if (isGiven(task_run_id?.is_null_)) filter.is_task_run_null = task_run_id.is_null_;
  if (isGiven(text)) filter.text = text.query;
  return wanted.operator === "or_" && Object.keys(filter).length > 1
    ? "Conditions on logs can only be combined by and_ here."
    : filter;
}

function isGiven<Value>(value: Value | null | undefined): value is Value {
  return value !== null && value !== undefined;
}

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

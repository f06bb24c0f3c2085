/** Work pools, work queues and workers. Source of the fields: wire §3.3, §3.4, §3.13. */
import { z } from "zod";
import { Id, InstantOut, JsonObject, Name, Stamps } from "./common.ts";

export const PoolStatus = z.enum(["READY", "NOT_READY", "PAUSED"]);
export type PoolStatus = z.infer<typeof PoolStatus>;

export const StorageConfiguration = z.object({
  bundle_upload_step: JsonObject.nullable(),
  bundle_execution_step: JsonObject.nullable(),
  default_result_storage_block_id: Id.nullable(),
});

/** Runs of a lost agent are Crashed, or go back to their queue to be run again. */
export const LostRunPolicy = z.enum(["crash", "reschedule"]);
export type LostRunPolicy = z.infer<typeof LostRunPolicy>;

export const WorkPool = z.object({
  ...Stamps,
  name: z.string(),
  description: z.string().nullable(),
  type: z.string(),
  base_job_template: JsonObject,
  is_paused: z.boolean(),
  concurrency_limit: z.int().nullable(),
  status: PoolStatus,
  /** Runs that hold a slot; null without a limit. */
  active_slots: z.int().nullable(),
  default_queue_id: Id,
  storage_configuration: StorageConfiguration,
  /** Ours: what becomes of the runs of an agent that was lost. */
  lost_run_policy: LostRunPolicy.optional(),
});
export type WorkPool = z.infer<typeof WorkPool>;

export const WorkPoolCreate = z.strictObject({
  name: Name,
  description: z.string().max(65_536).nullish(),
  type: z.string().min(1).max(255).nullish(),
  base_job_template: JsonObject.nullish(),
  is_paused: z.boolean().nullish(),
  concurrency_limit: z.int().min(0).nullish(),
  storage_configuration: StorageConfiguration.partial().nullish(),
  lost_run_policy: LostRunPolicy.nullish(),
});
export type WorkPoolCreate = z.infer<typeof WorkPoolCreate>;

export const WorkPoolUpdate = z.strictObject({
  description: z.string().max(65_536).nullish(),
  is_paused: z.boolean().nullish(),
  base_job_template: JsonObject.nullish(),
  concurrency_limit: z.int().min(0).nullish(),
  storage_configuration: StorageConfiguration.partial().nullish(),
  lost_run_policy: LostRunPolicy.nullish(),
});
export type WorkPoolUpdate = z.infer<typeof WorkPoolUpdate>;

export const WorkQueue = z.object({
  ...Stamps,
  name: z.string(),
  description: z.string().nullable(),
  is_paused: z.boolean(),
  concurrency_limit: z.int().nullable(),
  priority: z.int(),
  work_pool_id: Id,
  filter: z.null(),
  last_polled: InstantOut.nullable(),
  work_pool_name: z.string(),
  status: PoolStatus,
  active_slots: z.int().nullable(),
});
export type WorkQueue = z.infer<typeof WorkQueue>;

export const WorkQueueCreate = z.strictObject({
  name: Name,
  description: z.string().max(65_536).nullish(),
  is_paused: z.boolean().nullish(),
  concurrency_limit: z.int().min(0).nullish(),
  priority: z.int().min(1).nullish(),
  filter: z.unknown().optional(),
});
export type WorkQueueCreate = z.infer<typeof WorkQueueCreate>;

export const WorkQueueUpdate = z.strictObject({
  name: Name.nullish(),
  description: z.string().max(65_536).nullish(),
  is_paused: z.boolean().nullish(),
  concurrency_limit: z.int().min(0).nullish(),
  priority: z.int().min(1).nullish(),
  last_polled: z.unknown().optional(),
  filter: z.unknown().optional(),
});
export type WorkQueueUpdate = z.infer<typeof WorkQueueUpdate>;

export const Worker = z.object({
  ...Stamps,
  name: z.string(),
  work_pool_id: Id,
  last_heartbeat_time: InstantOut.nullable(),
  heartbeat_interval_seconds: z.number().nullable(),
  status: z.enum(["ONLINE", "OFFLINE"]),
  /** Ours: what the agent advertises. */
  labels: z.record(z.string(), z.string()).optional(),
  gpus: z.array(z.object({ id: z.string(), name: z.string(), memory_mib: z.int() })).optional(),
  running: z.int().optional(),
  limit: z.int().nullable().optional(),
});
export type Worker = z.infer<typeof Worker>;

const Previewed = {
  is_paused: z.boolean().optional(),
  concurrency_limit: z.int().min(0).nullable().optional(),
};

/** `POST /work_pools/{name}/preview_change`: settings of the pool, of one of its queues, or of both, that are not made. */
export const PreviewedChange = z.strictObject({
  pool: z.strictObject(Previewed).optional(),
  queue: z.strictObject({ id: Id, ...Previewed }).optional(),
});
export type PreviewedChange = z.infer<typeof PreviewedChange>;

/** What a change would do at once: to the queue where one is named, to the whole pool otherwise. */
export const ChangePreview = z.object({
  /** Runs that are under way. */
  active: z.int(),
  /** Runs that are due and wait, counted up to 10 000. */
  due: z.int(),
  /** How many more runs the workers that are online take; null where one of them has no limit, or does not tell it. */
  room: z.int().nullable(),
  /** How many of those that are due would begin by it. Fewer do where limits of deployments are full. */
  begins: z.int(),
  /** How many runs would be under way beyond the limit of the queue or of the pool. */
  over: z.int(),
  /** What would keep the others that are due; null where there are none. */
  blocked_by: z.enum(["workers", "pool_limit", "queue_limit", "pool_paused", "queue_paused"]).nullable(),
});
export type ChangePreview = z.infer<typeof ChangePreview>;

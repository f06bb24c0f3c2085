/** Counts of flow runs over time, and requests that concern many runs at once. Source: Prefect's `schemas/responses.py`. */
import { z } from "zod";
import { Id, InstantIn, InstantOut } from "./common.ts";
import { WorkQueueFilter } from "./catalog-filters.ts";
import { FlowRunFilter, FlowRunsCountBody } from "./filters.ts";
import { OrchestrationResult, StateCreate, StateType } from "./states.ts";

/** Runs that one request changes. */
export const BULK_RUNS_MAX = 50;
/** Runs that one request creates. */
export const BULK_CREATE_MAX = 100;
/** Stretches that a history has. */
export const HISTORY_INTERVALS_MAX = 500;

/** The time that a history covers, and how it is cut into stretches: of a second to 31 years each. */
export const HistorySpan = {
  history_start: InstantIn,
  history_end: InstantIn,
  history_interval_seconds: z.number().min(1, "History interval must not be less than 1 second.").max(1e9),
};
export type HistorySpan = { [Field in keyof typeof HistorySpan]: z.output<(typeof HistorySpan)[Field]> };

/** `POST /flow_runs/history`; queues are called differently here than in other bodies. */
export const FlowRunHistoryBody = FlowRunsCountBody.omit({ work_pool_queues: true }).extend({
  ...HistorySpan,
  work_queues: WorkQueueFilter.nullish(),
});

export const HistoryInterval = z.object({
  interval_start: InstantOut,
  interval_end: InstantOut,
  states: z.array(
    z.object({
      state_type: StateType.nullable(),
      state_name: z.string().nullable(),
      count_runs: z.int(),
      /** Seconds. */
      sum_estimated_run_time: z.number(),
      /** Seconds. */
      sum_estimated_lateness: z.number(),
    }),
  ),
});
export type HistoryInterval = z.infer<typeof HistoryInterval>;

/** Runs of one state that were expected in one stretch of time. */
export type RunSummary = HistoryInterval["states"][number] & {
  /** Which stretch, counted from 0. */
  interval: number;
};

/** Stretches of time by which runs are counted. Times are milliseconds since the epoch. */
export interface Intervals {
  starts_at: number;
  ends_at: number;
  interval_ms: number;
}

const limit = z.int().min(1).max(BULK_RUNS_MAX).nullish();
/** Stricter than Prefect's, like all bodies that delete many: what is not known here may be a condition. */
export const FlowRunsBulkDeleteBody = z.strictObject({ flow_runs: FlowRunFilter.nullish(), limit });
export const FlowRunsBulkSetStateBody = z.strictObject({
  flow_runs: FlowRunFilter.nullish(),
  state: StateCreate,
  force: z.boolean().nullish(),
  limit,
});
export const BulkSetStateAnswer = z.object({
  results: z.array(OrchestrationResult.extend({ flow_run_id: Id })),
});
export const BulkCreateAnswer = z.object({
  results: z.array(
    z.object({
      flow_run_id: Id.nullable(),
      status: z.enum(["CREATED", "FAILED"]),
      error: z.string().nullable(),
    }),
  ),
});

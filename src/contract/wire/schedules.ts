/** Schedules of deployments. The shapes are strict because Prefect's client refuses any extra key (source: wire §3.14). */
import { z } from "zod";
import { Id, InstantIn, InstantOut, JsonObject, Parameters, Stamps } from "./common.ts";

const timezone = z.string().nullish();
export const IntervalSchedule = z.strictObject({
  interval: z.number().positive(),
  anchor_date: InstantIn.nullish(),
  timezone,
});
export const CronSchedule = z.strictObject({
  cron: z.string().min(1).max(1000),
  timezone,
  day_or: z.boolean().nullish(),
});
export const RRuleSchedule = z.strictObject({ rrule: z.string().min(1).max(6500), timezone });
export const NoSchedule = z.strictObject({});
export const Schedule = z.union([IntervalSchedule, CronSchedule, RRuleSchedule, NoSchedule]);
export type Schedule = z.infer<typeof Schedule>;

/** A schedule as it goes out. */
export const ScheduleOut = z.union([
  z.object({ interval: z.number(), anchor_date: InstantOut, timezone: z.string().nullable() }),
  z.object({ cron: z.string(), timezone: z.string().nullable(), day_or: z.boolean() }),
  z.object({ rrule: z.string(), timezone: z.string().nullable() }),
  z.strictObject({}),
]);
export type ScheduleOut = z.infer<typeof ScheduleOut>;

export const DeploymentSchedule = z.object({
  ...Stamps,
  deployment_id: Id.nullable(),
  schedule: ScheduleOut,
  active: z.boolean(),
  max_scheduled_runs: z.int().nullable(),
  parameters: JsonObject,
  slug: z.string().nullable(),
});
export type DeploymentSchedule = z.infer<typeof DeploymentSchedule>;

export const DeploymentScheduleCreate = z.strictObject({
  schedule: Schedule,
  active: z.boolean().nullish(),
  max_scheduled_runs: z.int().positive().nullish(),
  parameters: Parameters.nullish(),
  slug: z.string().max(255).nullish(),
  replaces: z.string().nullish(),
});
export type DeploymentScheduleCreate = z.infer<typeof DeploymentScheduleCreate>;

export const DeploymentScheduleUpdate = DeploymentScheduleCreate.partial();
export type DeploymentScheduleUpdate = z.infer<typeof DeploymentScheduleUpdate>;

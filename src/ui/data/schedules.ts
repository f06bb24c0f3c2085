/** Schedules in words. */
import type { ScheduleOut } from "../../contract/wire/schedules.ts";
import { formatDuration } from "../parts/time.tsx";

export function describeSchedule(schedule: ScheduleOut): string {
  const zone = "timezone" in schedule && schedule.timezone !== null ? ` (${schedule.timezone})` : "";
  if ("cron" in schedule) return `cron ${schedule.cron}${zone}`;
  if ("interval" in schedule) return `every ${formatDuration(schedule.interval)}${zone}`;
  return "rrule" in schedule ? `${schedule.rrule}${zone}` : "none";
}

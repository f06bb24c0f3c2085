/** Schedules as prefect.yaml writes them. */
import type { JsonObject, JsonValue } from "../../contract/wire/common.ts";
import { checkTimezone, CRON_WANTED, isCronLike } from "../records/deployments.ts";
import type { CheckedYaml, Path } from "./checked-yaml.ts";

/** A schedule with its own settings. */
export interface ScheduleEntry {
  schedule:
    | { cron: string; timezone?: string; day_or?: boolean }
    | { interval: number; anchor_date?: string; timezone?: string }
    | { rrule: string; timezone?: string };
  active?: boolean;
  slug?: string;
  /** The slug that the schedule had before. */
  replaces?: string;
  parameters?: JsonObject;
  max_scheduled_runs?: number;
}

const SCHEDULE_KEYS = [
  "cron",
  "interval",
  "rrule",
  "anchor_date",
  "timezone",
  "day_or",
  "active",
  "slug",
  "parameters",
  "max_scheduled_runs",
  "replaces",
];

/** Reads `schedule` or `schedules` of a deployment; undefined where it has neither. */
export function readSchedules(file: CheckedYaml, entry: JsonObject, path: Path): ScheduleEntry[] | undefined {
  const { schedules } = entry;
  // `schedule: {}` is what Prefect's own templates have for none.
  const schedule = isEmptyMap(entry["schedule"]) ? undefined : entry["schedule"];
  if (schedule !== undefined && schedule !== null && schedules !== undefined && schedules !== null) {
    file.fault([...path, "schedule"], "schedule and schedules exclude each other");
    return undefined;
  }
  if (schedule !== undefined && schedule !== null)
    return [readSchedule(file, schedule, [...path, "schedule"])].filter((one) => one !== undefined);
  if (schedules === undefined || schedules === null) return undefined;
  if (!Array.isArray(schedules)) {
    file.fault([...path, "schedules"], "schedules must be a list");
    return undefined;
  }
  return schedules
    .map((one, index) => readSchedule(file, one, [...path, "schedules", index]))
    .filter((one) => one !== undefined);
}

function readSchedule(file: CheckedYaml, value: JsonValue, path: Path): ScheduleEntry | undefined {
  const entry = file.object(value, path, "a schedule");
  if (entry === undefined) return undefined;
  file.checkKeys(entry, path, SCHEDULE_KEYS);
  const kinds = ["cron", "interval", "rrule"].filter(
    (key) => entry[key] !== undefined && entry[key] !== null,
  );
  if (kinds.length !== 1) {
    file.fault(path, "a schedule has exactly one of cron, interval and rrule");
    return undefined;
  }
  const timezone = file.text(entry["timezone"], [...path, "timezone"], "timezone");
  if (timezone !== undefined) {
    try {
      checkTimezone(timezone);
    } catch (error) {
      file.fault(
        [...path, "timezone"],
        error instanceof Error ? error.message.replace(/\.$/, "") : String(error),
      );
    }
  }
  const zone = timezone === undefined ? {} : { timezone };
  const active = file.flag(entry["active"], [...path, "active"], "active");
  const slug = file.text(entry["slug"], [...path, "slug"], "slug");
  const replaces = file.text(entry["replaces"], [...path, "replaces"], "replaces");
  const max = file.count(entry["max_scheduled_runs"], [...path, "max_scheduled_runs"], "max_scheduled_runs");
  const more = {
    ...(active !== undefined && { active }),
    ...(slug !== undefined && { slug }),
    ...(replaces !== undefined && { replaces }),
    ...(max !== undefined && { max_scheduled_runs: max }),
    ...(entry["parameters"] !== undefined && {
      parameters: file.object(entry["parameters"], [...path, "parameters"], "parameters") ?? {},
    }),
  };
  if (kinds[0] === "interval") {
    const interval = file.seconds(entry["interval"], [...path, "interval"]);
    const anchor = file.text(entry["anchor_date"], [...path, "anchor_date"], "anchor_date");
    if (interval === undefined) return undefined;
    return {
      schedule: { interval, ...zone, ...(anchor !== undefined && { anchor_date: anchor }) },
      ...more,
    };
  }
  if (kinds[0] === "rrule") {
    const rrule = file.text(entry["rrule"], [...path, "rrule"], "rrule");
    return rrule === undefined ? undefined : { schedule: { rrule, ...zone }, ...more };
  }
  const cron = file.text(entry["cron"], [...path, "cron"], "cron");
  if (cron === undefined) return undefined;
  if (!isCronLike(cron)) file.fault([...path, "cron"], `cron ${CRON_WANTED}, not "${cron}"`);
  const dayOr = file.flag(entry["day_or"], [...path, "day_or"], "day_or");
  return { schedule: { cron, ...zone, ...(dayOr !== undefined && { day_or: dayOr }) }, ...more };
}

function isEmptyMap(value: JsonValue | undefined): boolean {
  return (
    typeof value === "object" && value !== null && !Array.isArray(value) && Object.keys(value).length === 0
  );
}

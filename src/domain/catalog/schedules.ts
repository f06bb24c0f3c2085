/** How a deployment's list of schedules changes. */
import { accept, refuse, type Result } from "../../contract/errors.ts";
import type { Instant } from "../../contract/instants.ts";
import type {
  DeploymentSchedule,
  DeploymentScheduleUpdate,
  Schedule,
  ScheduleOut,
} from "../../contract/wire/schedules.ts";
import { explainSchedule } from "../schedule/schedule.ts";

/** Schedules that one deployment may have. */
const SCHEDULES_MAX = 100;

/** What the decisions below need from outside. */
export interface Making {
  now: Instant;
  makeId: () => string;
}

/** A schedule of a deployment as it is stored. */
export type ScheduleRecord = DeploymentSchedule & { deployment_id: string };

/** Fills in what a client left out, in the shapes that Prefect's client insists on (source: wire §3.14). */
function completeSchedule(schedule: Schedule, now: Instant): ScheduleOut {
  if ("interval" in schedule) {
    return {
      interval: schedule.interval,
      anchor_date: schedule.anchor_date ?? now,
      timezone: schedule.timezone ?? "UTC",
    };
  }
  if ("cron" in schedule) {
    return {
      cron: schedule.cron,
      timezone: schedule.timezone ?? null,
      day_or: schedule.day_or ?? true,
    };
  }
  if ("rrule" in schedule) return { rrule: schedule.rrule, timezone: schedule.timezone ?? "UTC" };
  return {};
}

/** Changes one schedule; what is not sent stays. */
export function changeSchedule(
  record: ScheduleRecord,
  update: DeploymentScheduleUpdate,
  now: Instant,
): Result<ScheduleRecord> {
  const schedule = update.schedule === undefined ? record.schedule : completeSchedule(update.schedule, now);
  if (update.schedule !== undefined) {
    const fault = explainSchedule(schedule);
    if (fault !== undefined) return refuse("invalid", fault);
  }
  return accept({
    ...record,
    updated: now,
    schedule,
    active: update.active ?? record.active,
    max_scheduled_runs:
      update.max_scheduled_runs === undefined ? record.max_scheduled_runs : update.max_scheduled_runs,
    parameters: update.parameters ?? record.parameters,
    slug: update.slug === undefined ? record.slug : update.slug,
  });
}

/** Makes a new schedule. */
export function makeSchedule(
  deploymentId: string,
  create: DeploymentScheduleUpdate,
  { now, makeId }: Making,
): Result<ScheduleRecord> {
  if (create.schedule === undefined) {
    return refuse("invalid", "Unable to create new deployment schedules without a schedule configuration.");
  }
  return changeSchedule(
    {
      id: makeId(),
      created: now,
      updated: now,
      deployment_id: deploymentId,
      schedule: {},
      active: true,
      max_scheduled_runs: null,
      parameters: {},
      slug: null,
    },
    create,
    now,
  );
}

/**
 * Replaces a deployment's schedules by the wanted ones. A wanted one that is an existing one, by its slug (or the slug
 * that it replaces) or, without slugs, by saying the same, keeps that one's id: its runs stay the same runs.
 */
export function replaceSchedules(
  deploymentId: string,
  existing: readonly ScheduleRecord[],
  wanted: readonly DeploymentScheduleUpdate[],
  making: Making,
): Result<ScheduleRecord[]> {
  const left = new Set(existing);
  const records: ScheduleRecord[] = [];
  for (const item of wanted) {
    const match = [...left].find((record) => isSameSchedule(record, item, making.now));
    if (match !== undefined) left.delete(match);
    const record =
      match === undefined
        ? makeSchedule(deploymentId, item, making)
        : changeSchedule(match, item, making.now);
    if (!record.ok) return record;
    records.push(record.value);
  }
  return checkSchedules(records);
}

/**
 * The schedules after a change that names some: where all have slugs, those that it does not name stay until somebody
 * deletes them, so a partial list by mistake wipes out none (source: wire §4.5); else the list replaces all.
 */
export function patchSchedules(
  deploymentId: string,
  existing: readonly ScheduleRecord[],
  wanted: readonly DeploymentScheduleUpdate[],
  making: Making,
): Result<ScheduleRecord[]> {
  if (existing.length === 0 || existing.some(({ slug }) => slug === null))
    return replaceSchedules(deploymentId, existing, wanted, making);
  if (wanted.some(({ slug }) => slug === undefined || slug === null)) {
    return refuse(
      "invalid",
      "Please provide a slug for each schedule in your request to ensure schedules are updated correctly.",
    );
  }
  const named = replaceSchedules(deploymentId, existing, wanted, making);
  if (!named.ok) return named;
  const ids = new Set(named.value.map(({ id }) => id));
  return checkSchedules([...existing.filter(({ id }) => !ids.has(id)), ...named.value]);
}

/** The rules for a deployment's whole list: not too many, no slug twice. */
export function checkSchedules(records: ScheduleRecord[]): Result<ScheduleRecord[]> {
  if (records.length > SCHEDULES_MAX)
    return refuse("invalid", `A deployment may have at most ${SCHEDULES_MAX} schedules.`);
  const slugs = records.flatMap(({ slug }) => (slug === null ? [] : [slug]));
  const double = slugs.find((slug, index) => slugs.indexOf(slug) !== index);
  if (double !== undefined)
    return refuse("invalid", `Two schedules have the slug ${JSON.stringify(double)}.`);
  return accept(records);
}

function isSameSchedule(record: ScheduleRecord, item: DeploymentScheduleUpdate, now: Instant): boolean {
  const slug = item.replaces ?? item.slug ?? null;
  if (slug !== null || record.slug !== null)
    return record.slug !== null && (record.slug === slug || record.slug === item.slug);
  if (item.schedule === undefined) return false;
  const schedule = completeSchedule(item.schedule, now);
  // An anchor that nobody sent is the moment of the request, so it never tells two schedules apart.
  if (
    "interval" in schedule &&
    "interval" in record.schedule &&
    !("anchor_date" in item.schedule && item.schedule.anchor_date)
  ) {
    schedule.anchor_date = record.schedule.anchor_date;
  }
  return JSON.stringify(schedule) === JSON.stringify(record.schedule);
}

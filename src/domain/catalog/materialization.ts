/** Which runs a schedule has in store, and when it needs more of them (source: wire §4.5). */
import { formatMicros, instantToMicros, type Instant, type Micros } from "../../contract/instants.ts";
import type { ScheduleOut } from "../../contract/wire/schedules.ts";
import { datesAfter, nextDates } from "../schedule/schedule.ts";
import type { DeploymentRecord } from "./deployments.ts";
import type { ScheduleRecord } from "./schedules.ts";

const SECOND: Micros = 1_000_000;
/** A schedule has at least this many runs ahead … */
const RUNS_MIN = 3;
/** … and runs until this far ahead … */
const AHEAD_MIN: Micros = 3600 * SECOND;
/** … but never more than this many, nor any beyond this. */
const RUNS_MAX = 100;
const AHEAD_MAX: Micros = 100 * 86_400 * SECOND;
/** A frequent schedule is not filled up with every run that starts, as long as enough are left. */
const FILL_PAUSE: Micros = 60 * SECOND;
const FILL_PAUSE_MIN: Micros = SECOND;
/** Nobody sets an alarm for the year 3000: a platform's clock may end before. */
const PAUSE_MAX: Micros = 365 * 86_400 * SECOND;

/** Beyond this (the year 2223), or before 1970, nothing is filled: ids and microseconds would not be exact. */
const EXACT_MAX: Micros = 8_000_000_000 * SECOND;

export interface Plan {
  /** The runs to have now, in order. */
  dates: Micros[];
  /** When to look again, in milliseconds; null when the schedule has no more dates. */
  due_at: number | null;
}

/** Plans the runs of an active schedule as of `now`. */
export function planRuns(schedule: ScheduleOut, maxScheduledRuns: number | null, now: Micros): Plan {
  const most = Math.min(RUNS_MAX, maxScheduledRuns ?? RUNS_MAX);
  const dates: Micros[] = [];
  let further: Micros | undefined;
  for (const date of datesAfter(schedule, now)) {
    const isEnough = dates.length >= RUNS_MIN && (dates.at(-1) ?? now) >= now + AHEAD_MIN;
    if (isEnough || dates.length >= most || date > now + AHEAD_MAX) {
      further = date;
      break;
    }
    dates.push(date);
  }
  if (further === undefined) return { dates, due_at: null };

  const firstDate = dates[0] ?? now;
  /** From when on fewer than the least number are left, and from when on the last one is too near. */
  const isShortAt = dates[dates.length - RUNS_MIN] ?? now;
  const isNearAt = (dates.at(-1) ?? now) - AHEAD_MIN + 1000;
  const hasRoomAt = dates.length >= most ? firstDate : now;
  const needsMoreAt = Math.max(Math.min(isShortAt, isNearAt), hasRoomAt, further - AHEAD_MAX);
  const pause = Math.max(Math.min(isShortAt - now, FILL_PAUSE), FILL_PAUSE_MIN);
  const due = Math.min(Math.max(needsMoreAt, now + pause), now + PAUSE_MAX);
  return { dates, due_at: Math.ceil(due / 1000) };
}

/** A stretch of time to fill with runs (source: Prefect's `POST /deployments/{id}/schedule`); null is the default. */
export interface Stretch {
  start_time: Instant | null;
  end_time: Instant | null;
  min_seconds: number | null;
  min_runs: number | null;
  max_runs: number | null;
}

/**
 * The dates from the beginning of a stretch on: at least `min_runs` of them and until `min_seconds` have gone by, not
 * behind its end and never more than `max_runs` or {@link RUNS_MAX}.
 */
export function planBackfill(schedule: ScheduleOut, stretch: Stretch, now: Micros): Micros[] {
  const start = stretch.start_time === null ? now : instantToMicros(stretch.start_time);
  if (start < 0 || start > EXACT_MAX) return [];
  const end = stretch.end_time === null ? start + AHEAD_MAX : instantToMicros(stretch.end_time);
  const most = Math.min(RUNS_MAX, stretch.max_runs ?? RUNS_MAX);
  const enoughAt = start + (stretch.min_seconds === null ? AHEAD_MIN : stretch.min_seconds * SECOND);
  const fewest = stretch.min_runs ?? RUNS_MIN;
  const dates = nextDates(schedule, start - 1, most, end);
  const enough = dates.findIndex((date, index) => index + 1 >= fewest && date >= enoughAt);
  return enough === -1 ? dates : dates.slice(0, enough + 1);
}

/** The key under which a date of a schedule is one run, whoever asks for it how often. */
function idempotencyKeyOf(deploymentId: string, scheduleId: string, date: Micros): string {
  return `scheduled ${deploymentId} ${scheduleId} ${formatMicros(date)}`;
}

/** What a run of a schedule starts as; the fields that the pool fills in itself are left to it. */
export function draftRun(deployment: DeploymentRecord, schedule: ScheduleRecord, date: Micros) {
  return {
    flow_id: deployment.flow_id,
    name: null,
    deployment_id: deployment.id,
    deployment_version: deployment.details.version,
    flow_version: null,
    work_queue_name: deployment.work_pool_name === null ? null : deployment.work_queue_name,
    work_queue_id: deployment.work_queue_id,
    parameters: { ...deployment.details.parameters, ...schedule.parameters },
    context: {},
    tags: [...new Set(["auto-scheduled", ...deployment.tags])],
    labels: {
      ...deployment.details.labels,
      "prefect.flow.id": deployment.flow_id,
      "prefect.deployment.id": deployment.id,
    },
    idempotency_key: idempotencyKeyOf(deployment.id, schedule.id, date),
    parent_task_run_id: null,
    infrastructure_document_id: deployment.details.infrastructure_document_id,
    empirical_policy: {},
    job_variables: deployment.details.job_variables,
    created_by: { id: schedule.id, type: "SCHEDULE", display_value: describeSchedule(schedule.schedule) },
    auto_scheduled: true,
    state: {
      type: "SCHEDULED" as const,
      name: "Scheduled",
      message: "Flow run scheduled",
      state_details: { scheduled_time: formatMicros(date) },
    },
  };
}

function describeSchedule(schedule: ScheduleOut): string {
  if ("interval" in schedule) return `IntervalSchedule: every ${schedule.interval} s`;
  if ("cron" in schedule) return `CronSchedule: ${schedule.cron}`;
  return "rrule" in schedule ? `RRuleSchedule: ${schedule.rrule.slice(0, 200)}` : "NoSchedule";
}

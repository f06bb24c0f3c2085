/** The runs that schedules have in store: planned in the catalog, sent to the deployment's pool by outbox. */
import { accept, refuse, type Result } from "../../contract/errors.ts";
import type { Micros } from "../../contract/instants.ts";
import type { DeploymentRecord } from "../../domain/catalog/deployments.ts";
import {
  draftRun,
  planBackfill,
  planRuns,
  type Plan,
  type Stretch,
} from "../../domain/catalog/materialization.ts";
import type { ScheduleRecord } from "../../domain/catalog/schedules.ts";
import type { RunDraft } from "../pool/operations.ts";
import {
  noteMaterialized,
  readDeployment,
  readDueSchedules,
  readSchedules,
  type StoredSchedule,
} from "./catalog-store.ts";
import type { DeploymentNews, Replaced, Workplace } from "./deployment-news.ts";

/** Schedules that one turn extends; the rest waits for the next one. */
const SCHEDULES_PER_SWEEP_MAX = 20;

export class PlannedRuns {
  readonly #place: Workplace;
  readonly #news: DeploymentNews;

  constructor(place: Workplace, news: DeploymentNews) {
    this.#place = place;
    this.#news = news;
  }

  /** Gives schedules whose time has come more runs. */
  sweep(now: number): void {
    const { sql } = this.#place.host;
    for (const stored of readDueSchedules(sql, now, SCHEDULES_PER_SWEEP_MAX)) {
      const record = readDeployment(sql, { id: stored.record.deployment_id });
      if (record !== undefined && !record.paused && stored.record.active)
        this.materialize(record, [stored], null);
      else noteMaterialized(sql, stored.record.id, stored.materialized_until, null);
    }
  }

  /** Plans the runs of these schedules and sends the pool those that it has not got yet, or all in place of what it has. */
  materialize(
    record: DeploymentRecord,
    schedules: readonly StoredSchedule[],
    replaced: Replaced | null,
  ): void {
    const { host } = this.#place;
    const isReplacing = replaced !== null;
    if (record.is_moving) {
      for (const { record: schedule } of schedules) noteMaterialized(host.sql, schedule.id, 0, null);
      return;
    }
    const now: Micros = host.now() * 1000;
    const runs: RunDraft[] = [];
    for (const { record: schedule, materialized_until } of schedules) {
      if (record.paused || !schedule.active) {
        noteMaterialized(host.sql, schedule.id, 0, null);
        continue;
      }
      const { dates, due_at } = this.#plan(schedule, now);
      const fresh = isReplacing ? dates : dates.filter((date) => date > materialized_until);
      runs.push(...fresh.map((date) => draftRun(record, schedule, date)));
      noteMaterialized(host.sql, schedule.id, fresh.at(-1) ?? (isReplacing ? 0 : materialized_until), due_at);
      if (due_at !== null) this.#place.wakeAt(due_at);
    }
    if (runs.length > 0 || isReplacing)
      this.#news.sendRuns(record, runs, replaced, schedules[0]?.record.id ?? "none");
  }

  /** Makes runs of the deployment's active schedules for a stretch of time, also in the past, beside the planned ones. */
  backfill(record: DeploymentRecord, stretch: Stretch): Result<null> {
    if (record.is_moving)
      return refuse("unavailable", "The deployment is moving to another pool; try again.");
    const { host } = this.#place;
    const now = host.now() * 1000;
    const runs = (readSchedules(host.sql, [record.id]).get(record.id) ?? [])
      .filter(({ record: { active } }) => active)
      .flatMap(({ record: schedule }) =>
        planBackfill(schedule.schedule, stretch, now).map((date) => draftRun(record, schedule, date)),
      );
    this.#news.sendRuns(record, runs, null, "backfill");
    return accept(null);
  }

  /** A schedule that cannot be computed, whatever was said when it came, stops alone. */
  #plan(schedule: ScheduleRecord, now: Micros): Plan {
    try {
      return planRuns(schedule.schedule, schedule.max_scheduled_runs, now);
    } catch (error) {
      const { id, deployment_id } = schedule;
      this.#place.host.log({
        event: "schedule_failed",
        deployment_id,
        schedule_id: id,
        error: String(error),
      });
      return { dates: [], due_at: null };
    }
  }
}

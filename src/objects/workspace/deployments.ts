/**
 * Turns that change deployments. Each raises the deployment's revision and tells the pool of its runs by outbox: first
 * what the deployment is now (`put_deployment`), then its runs to come, which replace the ones that the pool has. The
 * pool refuses older revisions, so a pause cannot lose a race against runs that are on their way.
 */
import { DEPLOYMENT_BYTES_MAX } from "../../contract/bounds.ts";
import { addressOfName } from "../../contract/envelope.ts";
import { accept, refuse, type Result } from "../../contract/errors.ts";
import { formatInstant } from "../../contract/instants.ts";
import { measureJson } from "../../contract/wire/common.ts";
import type { DeploymentSchedule, DeploymentScheduleUpdate } from "../../contract/wire/schedules.ts";
import {
  changeDeployment,
  makeDeployment,
  toDeployment,
  type DeploymentRecord,
} from "../../domain/catalog/deployments.ts";
import {
  changeSchedule,
  checkSchedules,
  makeSchedule,
  patchSchedules,
  replaceSchedules,
  type Making,
  type ScheduleRecord,
} from "../../domain/catalog/schedules.ts";
import type { PoolOperations } from "../pool/operations.ts";
import type { Effect } from "../shared/actor.ts";
import { makeUuid } from "../shared/uuid.ts";
import {
  deleteDeployment,
  listDeploymentsOf,
  putDeployment,
  readDeployment,
  readFlow,
  readSchedules,
  replaceScheduleRows,
} from "./catalog-store.ts";
import { DeploymentNews, noteOf, poolOf, type Replaced, type Workplace } from "./deployment-news.ts";
import type { CatalogDeployment, DeploymentPlace, WorkspaceOperations } from "./operations.ts";
import { PlannedRuns } from "./planned-runs.ts";

/** Deployments that go with their flow or pool in one turn. */
const DEPLOYMENTS_PER_TURN_MAX = 10_000;

/** Pools that a deployment has left and still remembers. */
const FORMER_POOLS_MAX = 20;

type Command<Operation extends keyof WorkspaceOperations> = WorkspaceOperations[Operation]["command"];

export class Deployments {
  readonly #place: Workplace;
  readonly #news: DeploymentNews;
  readonly #planned: PlannedRuns;

  constructor(place: Workplace) {
    this.#place = place;
    this.#news = new DeploymentNews(place);
    this.#planned = new PlannedRuns(place, this.#news);
  }

  /** Creates a deployment or replaces the one of that flow and name: what is not sent stays, except the schedules. */
  put({ create, place }: Command<"put_deployment">): Result<CatalogDeployment & { was_created: boolean }> {
    const { sql } = this.#place.host;
    const flow = readFlow(sql, { id: create.flow_id.toLowerCase() });
    if (flow === undefined) return refuse("conflict", `No flow has the id ${create.flow_id}.`);
    if (create.global_concurrency_limit_id) return refuse("invalid", FOREIGN_LIMIT);
    const making = this.#making();
    const before = readDeployment(sql, { flow_id: flow.id, name: create.name });
    const id = before?.id ?? making.makeId();
    const existing = before === undefined ? [] : this.#schedulesOf(id);
    const schedules = replaceSchedules(id, existing, create.schedules ?? [], making);
    if (!schedules.ok) return schedules;
    const record =
      before === undefined
        ? makeDeployment(id, flow, create, place, making.now)
        : changeDeployment(before, create, place, making.now);
    if (isTooLarge(record)) return TOO_LARGE;
    this.#commit(before, record, schedules.value, create.concurrency_limit !== undefined);
    return accept({
      ...this.#present(record, flow.name, schedules.value),
      was_created: before === undefined,
    });
  }

  update({ id, update, place }: Command<"update_deployment">): Result<CatalogDeployment> {
    const before = readDeployment(this.#place.host.sql, { id });
    if (before === undefined) return NOT_FOUND;
    if (update.global_concurrency_limit_id) return refuse("invalid", FOREIGN_LIMIT);
    const making = this.#making();
    const existing = this.#schedulesOf(id);
    let schedules: ScheduleRecord[] | undefined;
    if (update.schedules !== undefined && update.schedules !== null) {
      const replaced = patchSchedules(id, existing, update.schedules, making);
      if (!replaced.ok) return replaced;
      schedules = replaced.value;
    }
    const record = changeDeployment(before, update, place, making.now);
    if (isTooLarge(record)) return TOO_LARGE;
    this.#commit(before, record, schedules, update.concurrency_limit !== undefined);
    return accept(this.#present(record, this.#flowNameOf(record), schedules ?? existing));
  }

  read(by: Command<"read_deployment">): Result<CatalogDeployment> {
    const { sql } = this.#place.host;
    if ("id" in by) {
      const record = readDeployment(sql, by);
      return record === undefined ? NOT_FOUND : accept(this.#presentAll([record])[0] as CatalogDeployment);
    }
    const flow = readFlow(sql, { name: by.flow_name });
    const record = flow && readDeployment(sql, { flow_id: flow.id, name: by.name });
    return record === undefined ? NOT_FOUND : accept(this.#presentAll([record])[0] as CatalogDeployment);
  }

  /** Deployments with their schedules and the names of their flows, in the order given. */
  present(records: readonly DeploymentRecord[]): CatalogDeployment[] {
    return this.#presentAll(records);
  }

  delete(id: string): Result<DeploymentRecord> {
    const record = readDeployment(this.#place.host.sql, { id });
    if (record === undefined) return NOT_FOUND;
    this.#remove(record);
    return accept(record);
  }

  /** Deletes all deployments of a flow. */
  deleteOfFlow(flowId: string): DeploymentRecord[] {
    const records = listDeploymentsOf(this.#place.host.sql, { flow_id: flowId }, DEPLOYMENTS_PER_TURN_MAX);
    for (const record of records) this.#remove(record);
    return records;
  }

  /** The pool is gone: its deployments stay, without one. */
  leavePool(workPoolName: string): void {
    const nowhere: DeploymentPlace = { work_pool_name: null, work_queue_name: null, work_queue_id: null };
    const { sql } = this.#place.host;
    for (const before of listDeploymentsOf(sql, { work_pool_name: workPoolName }, DEPLOYMENTS_PER_TURN_MAX))
      this.#commit(before, changeDeployment(before, {}, nowhere, this.#making().now), undefined, false);
  }

  createSchedules({
    deployment_id: id,
    schedules,
  }: Command<"create_schedules">): Result<DeploymentSchedule[]> {
    return this.#changeSchedules(id, (existing, making) => {
      const made: ScheduleRecord[] = [];
      for (const create of schedules) {
        const record = makeSchedule(id, create, making);
        if (!record.ok) return record;
        made.push(record.value);
      }
      const checked = checkSchedules([...existing, ...made]);
      return checked.ok ? accept({ schedules: checked.value, answer: made }) : checked;
    });
  }

  updateSchedule(id: string, scheduleId: string, update: DeploymentScheduleUpdate): Result<null> {
    return this.#changeSchedules(id, (existing, { now }) => {
      const record = existing.find((schedule) => schedule.id === scheduleId);
      if (record === undefined) return SCHEDULE_NOT_FOUND;
      const changed = changeSchedule(record, update, now);
      if (!changed.ok) return changed;
      const checked = checkSchedules(existing.map((item) => (item === record ? changed.value : item)));
      return checked.ok ? accept({ schedules: checked.value, answer: null }) : checked;
    });
  }

  /** What was planned goes, due or not. */
  deleteSchedule(id: string, scheduleId: string): Result<null> {
    return this.#changeSchedules(id, (existing) => {
      const schedules = existing.filter((schedule) => schedule.id !== scheduleId);
      if (schedules.length === existing.length) return SCHEDULE_NOT_FOUND;
      return accept({ schedules, answer: null, replaced: { due_of: scheduleId } });
    });
  }

  /** Makes runs for a stretch of time, also in the past, beside the planned ones. */
  backfill({ deployment_id: id, ...stretch }: Command<"backfill_deployment">): Result<null> {
    const record = readDeployment(this.#place.host.sql, { id });
    return record === undefined ? NOT_FOUND : this.#planned.backfill(record, stretch);
  }

  /** Gives schedules whose time has come more runs. */
  sweep(now: number): void {
    this.#planned.sweep(now);
  }

  #changeSchedules<Answer>(
    id: string,
    change: (
      existing: ScheduleRecord[],
      making: Making,
    ) => Result<{ schedules: ScheduleRecord[]; answer: Answer; replaced?: Replaced }>,
  ): Result<Answer> {
    const before = readDeployment(this.#place.host.sql, { id });
    if (before === undefined) return NOT_FOUND;
    const making = this.#making();
    const changed = change(this.#schedulesOf(id), making);
    if (!changed.ok) return changed;
    const { schedules, answer, replaced } = changed.value;
    this.#commit(before, changeDeployment(before, {}, undefined, making.now), schedules, false, replaced);
    return accept(answer);
  }

  /**
   * Stores a change and tells everybody whom it concerns. `schedules` undefined: they stay. Of a deployment that is paused
   * all planned runs go, also those that are due and wait.
   */
  #commit(
    before: DeploymentRecord | undefined,
    changed: DeploymentRecord,
    schedules: readonly ScheduleRecord[] | undefined,
    wasLimitSent: boolean,
    replaced: Replaced = before?.paused === false && changed.paused ? { due_of: "all" } : { due_of: "none" },
  ): void {
    const { sql } = this.#place.host;
    const hadSchedules = before !== undefined && this.#schedulesOf(changed.id).length > 0;
    const left = before !== undefined && poolOf(before) !== poolOf(changed) ? before : undefined;
    const isLeaving = left !== undefined && hadSchedules;
    const record = { ...changed, is_moving: changed.is_moving || isLeaving };
    if (left !== undefined)
      record.former_pools = [...new Set([poolOf(left), ...changed.former_pools])].slice(0, FORMER_POOLS_MAX);
    putDeployment(sql, record);
    if (schedules !== undefined) replaceScheduleRows(sql, record.id, schedules);
    if (isLeaving && !left.is_moving) this.#leave(left, record.revision);
    this.#news.tellPool(record, "put_deployment", "put", noteOf(record));
    const stored = readSchedules(sql, [record.id]).get(record.id) ?? [];
    if (hadSchedules || stored.length > 0) this.#planned.materialize(record, stored, replaced);
    if (wasLimitSent) this.#news.tellLimit(before, record);
  }

  /** Takes the planned runs away from the pool that a deployment leaves; what people asked for stays there. */
  #leave(before: DeploymentRecord, revision: number): void {
    const command: PoolOperations["materialize"]["command"] = {
      deployment: { ...noteOf(before), revision },
      is_replacing: true,
      runs: [],
    };
    this.#news.tellPool({ ...before, revision }, "materialize", LEAVE, command);
  }

  /** The pool that was left has answered, or does not exist any more: now the new one may have runs. */
  settle(effect: Effect): void {
    if (effect.operation !== "materialize" || !effect.request_id.endsWith(`:${LEAVE}`)) return;
    const { sql } = this.#place.host;
    const { deployment } = effect.command as PoolOperations["materialize"]["command"];
    const record = readDeployment(sql, { id: deployment.deployment_id });
    if (record === undefined || !record.is_moving) return;
    const settled = { ...record, is_moving: false };
    putDeployment(sql, settled);
    this.#planned.materialize(settled, readSchedules(sql, [record.id]).get(record.id) ?? [], {
      due_of: "none",
    });
  }

  #remove(record: DeploymentRecord): void {
    deleteDeployment(this.#place.host.sql, record.id);
    const revision = record.revision + 1;
    const command: PoolOperations["remove_deployment"]["command"] = { deployment_id: record.id, revision };
    for (const pool of new Set([poolOf(record), ...record.former_pools])) {
      const target = addressOfName(this.#place.host.address.workspace, "pool", pool);
      this.#place.send(target, "remove_deployment", `${record.id}:${revision}:remove`, command);
    }
    if (record.concurrency_limit !== null)
      this.#news.tellLimit(record, { ...record, revision, concurrency_limit: null });
  }

  #making(): Making {
    const { host } = this.#place;
    return { now: formatInstant(host.now()), makeId: () => makeUuid(host) };
  }

  #schedulesOf(id: string): ScheduleRecord[] {
    return (readSchedules(this.#place.host.sql, [id]).get(id) ?? []).map(({ record }) => record);
  }

  #flowNameOf(record: DeploymentRecord): string {
    return readFlow(this.#place.host.sql, { id: record.flow_id })?.name ?? "";
  }

  #presentAll(records: readonly DeploymentRecord[]): CatalogDeployment[] {
    const schedules = readSchedules(
      this.#place.host.sql,
      records.map(({ id }) => id),
    );
    const flowNames = new Map<string, string>();
    return records.map((record) => {
      const flowName = flowNames.get(record.flow_id) ?? this.#flowNameOf(record);
      flowNames.set(record.flow_id, flowName);
      return this.#present(record, flowName, schedules.get(record.id)?.map((stored) => stored.record) ?? []);
    });
  }

  #present(
    record: DeploymentRecord,
    flowName: string,
    schedules: readonly ScheduleRecord[],
  ): CatalogDeployment {
    return {
      deployment: toDeployment(record, schedules),
      flow_name: flowName,
      revision: record.revision,
      note: noteOf(record),
    };
  }
}

/** Marks the effect that ends a move. */
const LEAVE = "leave";
const NOT_FOUND = refuse("not_found", "Deployment not found");
const SCHEDULE_NOT_FOUND = refuse("not_found", "Schedule not found.");
const FOREIGN_LIMIT =
  "A deployment cannot share another limit here (global_concurrency_limit_id); give it one of its own by concurrency_limit.";

const TOO_LARGE = refuse(
  "invalid",
  `A deployment may have at most ${DEPLOYMENT_BYTES_MAX} bytes, its schema, parameters and pull steps together.`,
);

/** A deployment that is changed again and again must still fit in a row. */
function isTooLarge(record: DeploymentRecord): boolean {
  return measureJson(record) > DEPLOYMENT_BYTES_MAX;
}

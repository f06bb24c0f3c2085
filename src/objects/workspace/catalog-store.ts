/** SQL of flows, deployments and their schedules. */
import type { Flow } from "../../contract/wire/deployments.ts";
import type { DeploymentSort, FlowSort } from "../../contract/wire/catalog-filters.ts";
import type { DeploymentRecord } from "../../domain/catalog/deployments.ts";
import type { ScheduleRecord } from "../../domain/catalog/schedules.ts";
import { first, type Sql, type SqlRow } from "../shared/sql.ts";
import type { Condition } from "./where.ts";

const SORTS: Readonly<Record<DeploymentSort, string>> = {
  NAME_ASC: "name, id",
  NAME_DESC: "name DESC, id",
  CREATED_DESC: "created DESC, id",
  UPDATED_DESC: "updated DESC, id",
  CONCURRENCY_LIMIT_ASC: "concurrency_limit, name, id",
  CONCURRENCY_LIMIT_DESC: "concurrency_limit DESC, name, id",
};

/** A page of a list. */
export interface PageOfList<Sort> {
  sort: Sort;
  limit: number;
  offset: number;
}

/** Finds a flow by its id or its name. */
export function readFlow(sql: Sql, by: { id: string } | { name: string }): Flow | undefined {
  const row =
    "id" in by
      ? first<FlowRow>(sql, "SELECT * FROM flow WHERE id = ?", by.id)
      : first<FlowRow>(sql, "SELECT * FROM flow WHERE name = ?", by.name);
  return row === undefined ? undefined : toFlow(row);
}

/** Writes a new flow. */
export function insertFlow(sql: Sql, flow: Flow): void {
  sql.all(
    "INSERT INTO flow (id, name, created, updated, tags, labels) VALUES (?, ?, ?, ?, ?, ?)",
    flow.id,
    flow.name,
    flow.created,
    flow.updated,
    JSON.stringify(flow.tags),
    JSON.stringify(flow.labels),
  );
}

/** Writes what of a flow may change: its tags. */
export function updateFlow(sql: Sql, flow: Flow): void {
  sql.all(
    "UPDATE flow SET updated = ?, tags = ? WHERE id = ?",
    flow.updated,
    JSON.stringify(flow.tags),
    flow.id,
  );
}

/** Removes a flow. */
export function deleteFlow(sql: Sql, id: string): void {
  sql.all("DELETE FROM flow WHERE id = ?", id);
}

/** A page of the flows that a filter means. */
export function filterFlows(sql: Sql, where: Condition, page: PageOfList<FlowSort>): Flow[] {
  return listRows<FlowRow>(sql, "flow", where, SORTS[page.sort], page).map(toFlow);
}

type Table = "flow" | "deployment" | "variable";

/** A page of the rows that a filter means. */
export function listRows<Row>(
  sql: Sql,
  table: Table,
  where: Condition,
  order: string,
  { limit, offset }: { limit: number; offset: number },
): Row[] {
  const statement = `SELECT * FROM ${table} WHERE ${where.sql} ORDER BY ${order} LIMIT ? OFFSET ?`;
  return sql.all<Row>(statement, ...where.bindings, limit, offset);
}

/** How many rows a filter means. */
export function countRows(sql: Sql, table: Table, where: Condition): number {
  const statement = `SELECT count(*) AS count FROM ${table} WHERE ${where.sql}`;
  return first<{ count: number }>(sql, statement, ...where.bindings)?.count ?? 0;
}

/** The ids of at most `limit` rows that a filter means. */
export function findIds(sql: Sql, table: "flow" | "deployment", where: Condition, limit: number): string[] {
  return sql
    .all<{ id: string }>(`SELECT id FROM ${table} WHERE ${where.sql} LIMIT ?`, ...where.bindings, limit)
    .map(({ id }) => id);
}

/** Finds a deployment by its id, or by its flow and name. */
export function readDeployment(
  sql: Sql,
  by: { id: string } | { flow_id: string; name: string },
): DeploymentRecord | undefined {
  const row =
    "id" in by
      ? first<DeploymentRow>(sql, "SELECT * FROM deployment WHERE id = ?", by.id)
      : first<DeploymentRow>(
          sql,
          "SELECT * FROM deployment WHERE flow_id = ? AND name = ?",
          by.flow_id,
          by.name,
        );
  return row === undefined ? undefined : toDeploymentRecord(row);
}

/** Stores a deployment, new or changed. */
export function putDeployment(sql: Sql, record: DeploymentRecord): void {
  sql.all(
    `INSERT INTO deployment (id, flow_id, name, created, updated, revision, paused, work_pool_name, work_queue_name,
       work_queue_id, concurrency_limit, tags, is_moving, former_pools, details)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (id) DO UPDATE SET updated = excluded.updated, revision = excluded.revision,
       paused = excluded.paused, work_pool_name = excluded.work_pool_name,
       work_queue_name = excluded.work_queue_name, work_queue_id = excluded.work_queue_id,
       concurrency_limit = excluded.concurrency_limit, tags = excluded.tags,
       is_moving = excluded.is_moving, former_pools = excluded.former_pools, details = excluded.details`,
    record.id,
    record.flow_id,
    record.name,
    record.created,
    record.updated,
    record.revision,
    record.paused ? 1 : 0,
    record.work_pool_name,
    record.work_queue_name,
    record.work_queue_id,
    record.concurrency_limit,
    JSON.stringify(record.tags),
    record.is_moving ? 1 : 0,
    JSON.stringify(record.former_pools),
    JSON.stringify(record.details),
  );
}

/** Removes a deployment with its schedules. */
export function deleteDeployment(sql: Sql, id: string): void {
  sql.all("DELETE FROM schedule WHERE deployment_id = ?", id);
  sql.all("DELETE FROM deployment WHERE id = ?", id);
}

/** A page of the deployments that a filter means. */
export function filterDeployments(
  sql: Sql,
  where: Condition,
  page: PageOfList<DeploymentSort>,
): DeploymentRecord[] {
  return listRows<DeploymentRow>(sql, "deployment", where, SORTS[page.sort], page).map(toDeploymentRecord);
}

/** Some deployments of a flow or of a pool, for work that goes through all of them. */
export function listDeploymentsOf(
  sql: Sql,
  of: { flow_id: string } | { work_pool_name: string },
  limit: number,
): DeploymentRecord[] {
  const [column, value] = "flow_id" in of ? ["flow_id", of.flow_id] : ["work_pool_name", of.work_pool_name];
  return sql
    .all<DeploymentRow>(`SELECT * FROM deployment WHERE ${column} = ? LIMIT ?`, value, limit)
    .map(toDeploymentRecord);
}

/** A schedule and how far its runs have been made. */
export interface StoredSchedule {
  record: ScheduleRecord;
  /** The last date whose run was sent to the pool, in microseconds. */
  materialized_until: number;
}

/** The schedules of these deployments, each in the order in which they were made. */
export function readSchedules(sql: Sql, deploymentIds: readonly string[]): Map<string, StoredSchedule[]> {
  const byDeployment = new Map<string, StoredSchedule[]>(deploymentIds.map((id) => [id, []]));
  const rows = sql.all<ScheduleRow>(
    "SELECT * FROM schedule WHERE deployment_id IN (SELECT value FROM json_each(?)) ORDER BY seq",
    JSON.stringify(deploymentIds),
  );
  for (const row of rows) byDeployment.get(row.deployment_id)?.push(toStoredSchedule(row));
  return byDeployment;
}

/** Schedules whose time has come, the longest overdue first. */
export function readDueSchedules(sql: Sql, now: number, limit: number): StoredSchedule[] {
  return sql
    .all<ScheduleRow>(
      "SELECT * FROM schedule WHERE due_at IS NOT NULL AND due_at <= ? ORDER BY due_at LIMIT ?",
      now,
      limit,
    )
    .map(toStoredSchedule);
}

/** When the first schedule needs work, in milliseconds. */
export function readEarliestDue(sql: Sql): number | undefined {
  const row = first<{ due_at: number | null }>(
    sql,
    "SELECT min(due_at) AS due_at FROM schedule WHERE due_at IS NOT NULL",
  );
  return row?.due_at ?? undefined;
}

/** Replaces a deployment's schedules; they keep the order given. */
export function replaceScheduleRows(
  sql: Sql,
  deploymentId: string,
  records: readonly ScheduleRecord[],
): void {
  sql.all("DELETE FROM schedule WHERE deployment_id = ?", deploymentId);
  for (const record of records) {
    sql.all(
      `INSERT INTO schedule (id, deployment_id, created, updated, schedule, active, max_scheduled_runs, parameters,
         slug, materialized_until, due_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, NULL)`,
      record.id,
      deploymentId,
      record.created,
      record.updated,
      JSON.stringify(record.schedule),
      record.active ? 1 : 0,
      record.max_scheduled_runs,
      JSON.stringify(record.parameters),
      record.slug,
    );
  }
}

/** Notes how far a schedule's runs have been made and when it needs more. */
export function noteMaterialized(
  sql: Sql,
  scheduleId: string,
  materializedUntil: number,
  dueAt: number | null,
): void {
  sql.all(
    "UPDATE schedule SET materialized_until = ?, due_at = ? WHERE id = ?",
    materializedUntil,
    dueAt,
    scheduleId,
  );
}

type FlowRow = SqlRow & Record<"id" | "name" | "created" | "updated" | "tags" | "labels", string>;

function toFlow(row: FlowRow): Flow {
  return {
    id: row.id,
    created: row.created,
    updated: row.updated,
    name: row.name,
    tags: JSON.parse(row.tags),
    labels: JSON.parse(row.labels),
  };
}

interface DeploymentRow extends Omit<
  DeploymentRecord,
  "paused" | "tags" | "is_moving" | "former_pools" | "details"
> {
  paused: number;
  former_pools: string;
  is_moving: number;
  tags: string;
  details: string;
}

function toDeploymentRecord(row: DeploymentRow): DeploymentRecord {
  return {
    id: row.id,
    flow_id: row.flow_id,
    name: row.name,
    created: row.created,
    updated: row.updated,
    revision: row.revision,
    paused: row.paused === 1,
    work_pool_name: row.work_pool_name,
    work_queue_name: row.work_queue_name,
    work_queue_id: row.work_queue_id,
    concurrency_limit: row.concurrency_limit,
    tags: JSON.parse(row.tags),
    is_moving: row.is_moving === 1,
    former_pools: JSON.parse(row.former_pools),
    details: JSON.parse(row.details),
  };
}

interface ScheduleRow extends Omit<ScheduleRecord, "schedule" | "active" | "parameters"> {
  schedule: string;
  active: number;
  parameters: string;
  materialized_until: number;
}

function toStoredSchedule(row: ScheduleRow): StoredSchedule {
  return {
    record: {
      id: row.id,
      created: row.created,
      updated: row.updated,
      deployment_id: row.deployment_id,
      schedule: JSON.parse(row.schedule),
      active: row.active === 1,
      max_scheduled_runs: row.max_scheduled_runs,
      parameters: JSON.parse(row.parameters),
      slug: row.slug,
    },
    materialized_until: row.materialized_until,
  };
}

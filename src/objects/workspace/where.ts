/** Prefect's filters as SQL conditions (source: wire §4.11). Lists are bound as one JSON text each. */
import type {
  CatalogFilter,
  DeploymentFilter,
  FlowFilter,
  WorkQueueFilter,
  VariableFilter,
} from "../../contract/wire/catalog-filters.ts";
import type { SqlValue } from "../shared/sql.ts";

/** A condition with its bindings; undefined where a filter says nothing. */
export interface Condition {
  sql: string;
  bindings: SqlValue[];
}
export type Maybe = Condition | undefined;
type Operator = "and_" | "or_" | null | undefined;

/** Which flows a filter means; the statement reads from `flow`. */
export function whereFlows(filter: CatalogFilter): Condition {
  const ofDeployments = allOf([
    filter.deployments && whereDeployment(filter.deployments),
    filter.work_pools && wherePool(filter.work_pools),
    filter.work_queues && whereQueue(filter.work_queues),
  ]);
  return finish(
    allOf([
      filter.flows && whereFlow(filter.flows),
      ofDeployments && {
        sql: `flow.id IN (SELECT flow_id FROM deployment WHERE ${ofDeployments.sql})`,
        bindings: ofDeployments.bindings,
      },
    ]),
  );
}

/** Which deployments a filter means; the statement reads from `deployment`. */
export function whereDeployments(filter: CatalogFilter): Condition {
  const ofFlow = filter.flows && whereFlow(filter.flows);
  return finish(
    allOf([
      filter.deployments && whereDeployment(filter.deployments),
      filter.work_pools && wherePool(filter.work_pools),
      filter.work_queues && whereQueue(filter.work_queues),
      ofFlow && {
        sql: `deployment.flow_id IN (SELECT id FROM flow WHERE ${ofFlow.sql})`,
        bindings: ofFlow.bindings,
      },
    ]),
  );
}

/** Which variables a filter means; the statement reads from `variable`. */
export function whereVariables({ operator, id, name, tags }: VariableFilter): Condition {
  return finish(
    combine(operator, [
      ...whereId("variable.id", id),
      ...whereName("variable.name", name),
      whereTags("variable.tags", tags),
    ]),
  );
}

function whereFlow({ operator, id, name, tags, deployment }: FlowFilter): Maybe {
  const isNull = deployment?.is_null_ ?? null;
  return combine(operator, [
    ...whereId("flow.id", id),
    ...whereName("flow.name", name),
    whereTags("flow.tags", tags),
    isNull === null
      ? undefined
      : {
          sql: `${isNull ? "NOT " : ""}EXISTS (SELECT 1 FROM deployment of_flow WHERE of_flow.flow_id = flow.id)`,
          bindings: [],
        },
  ]);
}

function whereDeployment(filter: DeploymentFilter): Maybe {
  const like = filter.flow_or_deployment_name?.like_ ?? null;
  const isPaused = filter.paused?.eq_ ?? null;
  return combine(filter.operator, [
    ...whereId("deployment.id", filter.id),
    ...whereName("deployment.name", filter.name),
    whereTags("deployment.tags", filter.tags),
    like === null
      ? undefined
      : {
          sql: `(instr(lower(deployment.name), lower(?)) > 0 OR EXISTS (
            SELECT 1 FROM flow its WHERE its.id = deployment.flow_id AND instr(lower(its.name), lower(?)) > 0))`,
          bindings: [like, like],
        },
    isPaused === null ? undefined : { sql: "deployment.paused = ?", bindings: [isPaused ? 1 : 0] },
    whereIn("deployment.work_queue_name", filter.work_queue_name?.any_),
    compare("deployment.concurrency_limit >= ?", filter.concurrency_limit?.ge_),
    compare("deployment.concurrency_limit <= ?", filter.concurrency_limit?.le_),
    whereNull("deployment.concurrency_limit", filter.concurrency_limit?.is_null_),
  ]);
}

function wherePool({ operator, id, name }: NonNullable<CatalogFilter["work_pools"]>): Maybe {
  const ids = id?.any_ ?? null;
  return combine(operator, [
    ids === null
      ? undefined
      : {
          sql: `deployment.work_pool_name IN (SELECT name FROM directory
            WHERE kind = 'pool' AND id IN (SELECT value FROM json_each(?)))`,
          bindings: [JSON.stringify(ids.map((item) => item.toLowerCase()))],
        },
    whereIn("deployment.work_pool_name", name?.any_),
  ]);
}

function whereQueue({ operator, id, name }: WorkQueueFilter): Maybe {
  return combine(operator, [
    whereIn("deployment.work_queue_id", lower(id?.any_)),
    whereIn("deployment.work_queue_name", name?.any_),
    name?.startswith_
      ? {
          sql: `EXISTS (SELECT 1 FROM json_each(?) head
            WHERE substr(deployment.work_queue_name, 1, length(head.value)) = head.value)`,
          bindings: [JSON.stringify(name.startswith_)],
        }
      : undefined,
  ]);
}

function whereId(
  column: string,
  filter: { any_?: string[] | null | undefined; not_any_?: string[] | null | undefined } | null | undefined,
): Maybe[] {
  const excluded = lower(filter?.not_any_) ?? [];
  return [
    whereIn(column, lower(filter?.any_)),
    // An empty list of what is not wanted excludes nothing.
    excluded.length === 0
      ? undefined
      : {
          sql: `${column} NOT IN (SELECT value FROM json_each(?))`,
          bindings: [JSON.stringify(excluded)],
        },
  ];
}

/** A name from a list, or one that holds a text. */
export function whereName(
  column: string,
  filter: { any_?: string[] | null | undefined; like_?: string | null | undefined } | null | undefined,
): Maybe[] {
  const like = filter?.like_ ?? null;
  return [
    whereIn(column, filter?.any_),
    like === null ? undefined : { sql: `instr(lower(${column}), lower(?)) > 0`, bindings: [like] },
  ];
}

function whereTags(column: string, filter: FlowFilter["tags"]): Maybe {
  if (filter === null || filter === undefined) return undefined;
  const all = filter.all_ ?? [];
  const any = filter.any_ ?? null;
  const isNull = filter.is_null_ ?? null;
  return combine(filter.operator, [
    // Every tag is there: none of the wanted ones is missing. An empty list asks for nothing.
    all.length === 0
      ? undefined
      : {
          sql: `NOT EXISTS (SELECT 1 FROM json_each(?) wanted
            WHERE wanted.value NOT IN (SELECT value FROM json_each(${column})))`,
          bindings: [JSON.stringify(all)],
        },
    any === null
      ? undefined
      : {
          sql: `EXISTS (SELECT 1 FROM json_each(?) wanted
            WHERE wanted.value IN (SELECT value FROM json_each(${column})))`,
          bindings: [JSON.stringify(any)],
        },
    isNull === null ? undefined : { sql: `${column} ${isNull ? "=" : "<>"} '[]'`, bindings: [] },
  ]);
}

/** A value from a list; undefined where there is no list. */
export function whereIn(column: string, values: readonly string[] | null | undefined): Maybe {
  if (values === null || values === undefined) return undefined;
  return { sql: `${column} IN (SELECT value FROM json_each(?))`, bindings: [JSON.stringify(values)] };
}

function whereNull(column: string, isNull: boolean | null | undefined): Maybe {
  if (isNull === null || isNull === undefined) return undefined;
  return { sql: `${column} IS ${isNull ? "" : "NOT "}NULL`, bindings: [] };
}

function compare(sql: string, value: number | null | undefined): Maybe {
  return value === null || value === undefined ? undefined : { sql, bindings: [value] };
}

/** Ids in the form in which they are stored. */
export function lower(ids: readonly string[] | null | undefined): string[] | null | undefined {
  return ids?.map((id) => id.toLowerCase());
}

/** All of the conditions that there are. */
export function allOf(conditions: readonly (Maybe | null)[]): Maybe {
  return combine("and_", conditions);
}

/** All or any of the conditions that there are; undefined where there are none. */
export function combine(operator: Operator, conditions: readonly (Maybe | null)[]): Maybe {
  const present = conditions.filter((condition) => condition !== undefined && condition !== null);
  if (present.length === 0) return undefined;
  return {
    sql: `(${present.map(({ sql }) => sql).join(operator === "or_" ? " OR " : " AND ")})`,
    bindings: present.flatMap(({ bindings }) => bindings),
  };
}

/** A condition for a statement; one that is absent lets every row through. */
export function finish(condition: Maybe): Condition {
  return condition ?? { sql: "1", bindings: [] };
}

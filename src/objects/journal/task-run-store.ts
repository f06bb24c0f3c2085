/** SQL of task runs: one row each, with its whole history, because rows written are what storage costs. */
import type { State } from "../../contract/wire/states.ts";
import type { TaskRunFilter } from "../../contract/wire/filters.ts";
import type { TaskRun, TaskRunSort } from "../../contract/wire/task-runs.ts";
import type { StoredTaskRun } from "../../domain/journal/task-runs.ts";
import {
  anyOf,
  contains,
  isNull,
  join,
  orderOf,
  within,
  withTags,
  type Condition,
} from "../shared/run-filter.ts";
import { first, type Sql } from "../shared/sql.ts";
import type { TaskRunQuestion } from "./operations.ts";

interface Row {
  states: string;
  record: string;
}

export class TaskRunStore {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  read(id: string): StoredTaskRun | undefined {
    return parse(first<Row>(this.#sql, "SELECT states, record FROM task_run WHERE id = ?", id));
  }

  /** The task run of a flow run that has these keys: a retried flow run goes on with it. */
  find(flow_run_id: string | null, task_key: string, dynamic_key: string): StoredTaskRun | undefined {
    return parse(
      first<Row>(
        this.#sql,
        "SELECT states, record FROM task_run WHERE flow_run_id = ? AND task_key = ? AND dynamic_key = ?",
        flow_run_id ?? "",
        task_key,
        dynamic_key,
      ),
    );
  }

  write({ run, states }: StoredTaskRun): void {
    this.#sql.all(
      `INSERT INTO task_run (id, flow_run_id, task_key, dynamic_key, name, state_type, state_name, expected_start_time,
         next_scheduled_start_time, start_time, end_time, states, record) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET name = excluded.name, state_type = excluded.state_type,
         state_name = excluded.state_name, expected_start_time = excluded.expected_start_time,
         next_scheduled_start_time = excluded.next_scheduled_start_time, start_time = excluded.start_time,
         end_time = excluded.end_time, states = excluded.states, record = excluded.record`,
      run.id,
      run.flow_run_id ?? "",
      run.task_key,
      run.dynamic_key,
      run.name,
      run.state_type,
      run.state_name,
      run.expected_start_time,
      run.next_scheduled_start_time,
      run.start_time,
      run.end_time,
      JSON.stringify(states),
      JSON.stringify(run),
    );
  }

  delete(id: string): void {
    this.#sql.all("DELETE FROM task_run WHERE id = ?", id);
  }

  deleteOfRun(flow_run_id: string): void {
    this.#sql.all("DELETE FROM task_run WHERE flow_run_id = ?", flow_run_id);
  }

  /** The task run whose history has a state. */
  findByState(state_id: string): StoredTaskRun | undefined {
    return parse(
      first<Row>(this.#sql, "SELECT states, record FROM task_run WHERE instr(states, ?) > 0", state_id),
    );
  }

  /** `now`, in milliseconds since the epoch, is until when the duration of one that runs counts. */
  list(question: TaskRunQuestion, sort: TaskRunSort, limit: number, now: number): TaskRun[] {
    const { sql, bindings } = toCondition(question);
    const order = toOrder(sort, now);
    return this.#sql
      .all<{ record: string }>(
        `SELECT record FROM task_run WHERE ${sql} ORDER BY ${order.sql} LIMIT ?`,
        ...bindings,
        ...order.bindings,
        limit,
      )
      .map(({ record }) => JSON.parse(record) as TaskRun);
  }

  count(question: TaskRunQuestion): number {
    const { sql, bindings } = toCondition(question);
    return (
      first<{ n: number }>(this.#sql, `SELECT count(*) AS n FROM task_run WHERE ${sql}`, ...bindings)?.n ?? 0
    );
  }

  /** The flow runs of the task runs that are meant, the youngest first. */
  findRuns(question: TaskRunQuestion, limit: number): string[] {
    const { sql, bindings } = toCondition(question);
    return this.#sql
      .all<{ flow_run_id: string }>(
        `SELECT DISTINCT flow_run_id FROM task_run WHERE flow_run_id != '' AND ${sql} ORDER BY flow_run_id DESC LIMIT ?`,
        ...bindings,
        limit,
      )
      .map(({ flow_run_id }) => flow_run_id);
  }
}

function parse(row: Row | undefined): StoredTaskRun | undefined {
  if (row === undefined) return undefined;
  return { run: JSON.parse(row.record) as TaskRun, states: JSON.parse(row.states) as State[] };
}

function toOrder(sort: TaskRunSort, now: number): Condition {
  if (sort !== "DURATION_ASC" && sort !== "DURATION_DESC") return { sql: orderOf(sort), bindings: [] };
  const seconds = `(record ->> '$.total_run_time') + CASE state_type
    WHEN 'RUNNING' THEN max(0, ? - unixepoch(record ->> '$.state.timestamp', 'subsec')) ELSE 0 END`;
  const direction = sort === "DURATION_DESC" ? "DESC" : "ASC";
  return { sql: `${seconds} ${direction}, expected_start_time DESC, id DESC`, bindings: [now / 1000] };
}

function toCondition({ filter, flow_run_ids }: TaskRunQuestion): Condition {
  return join([anyOf("flow_run_id", flow_run_ids), filter ? ofTaskRuns(filter) : undefined], "and_");
}

function ofTaskRuns(filter: TaskRunFilter): Condition {
  const { id, name, state, flow_run_id, subflow_runs } = filter;
  const of = flow_run_id?.is_null_;
  return join(
    [
      anyOf("id", id?.any_),
      name && join([anyOf("name", name.any_), contains("name", name.like_)], "and_"),
      withTags(filter.tags),
      state &&
        join([anyOf("state_type", state.type?.any_), anyOf("state_name", state.name?.any_)], state.operator),
      within("start_time", filter.start_time),
      within("end_time", filter.end_time),
      within("expected_start_time", filter.expected_start_time),
      isNull("record ->> '$.state.state_details.child_flow_run_id'", negate(subflow_runs?.exists_)),
      flow_run_id &&
        join(
          [
            anyOf("flow_run_id", flow_run_id.any_),
            typeof of === "boolean" ? { sql: `flow_run_id ${of ? "=" : "!="} ''`, bindings: [] } : undefined,
          ],
          flow_run_id.operator,
        ),
    ].map((condition) => condition ?? undefined),
    filter.operator,
  );
}

function negate(wanted: boolean | null | undefined): boolean | undefined {
  return typeof wanted === "boolean" ? !wanted : undefined;
}

/** SQL of variables. */
import type { VariableSort } from "../../contract/wire/catalog-filters.ts";
import type { Variable } from "../../contract/wire/logs.ts";
import { first, type Sql } from "../shared/sql.ts";
import { listRows, type PageOfList } from "./catalog-store.ts";
import type { Condition } from "./where.ts";

const SORTS: Readonly<Record<VariableSort, string>> = {
  NAME_ASC: "name",
  NAME_DESC: "name DESC",
  CREATED_DESC: "created DESC, id",
  UPDATED_DESC: "updated DESC, id",
};

/** Finds a variable by its id or its name. */
export function readVariable(sql: Sql, by: { id: string } | { name: string }): Variable | undefined {
  const row =
    "id" in by
      ? first<VariableRow>(sql, "SELECT * FROM variable WHERE id = ?", by.id)
      : first<VariableRow>(sql, "SELECT * FROM variable WHERE name = ?", by.name);
  return row === undefined ? undefined : toVariable(row);
}

/** Stores a variable, new or changed. */
export function putVariable(sql: Sql, variable: Variable): void {
  sql.all(
    `INSERT INTO variable (id, name, created, updated, value, tags) VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT (id) DO UPDATE SET name = excluded.name, updated = excluded.updated, value = excluded.value,
       tags = excluded.tags`,
    variable.id,
    variable.name,
    variable.created,
    variable.updated,
    JSON.stringify(variable.value),
    JSON.stringify(variable.tags),
  );
}

/** Removes a variable. */
export function deleteVariable(sql: Sql, id: string): void {
  sql.all("DELETE FROM variable WHERE id = ?", id);
}

/** A page of the variables that a filter means. */
export function filterVariables(sql: Sql, where: Condition, page: PageOfList<VariableSort>): Variable[] {
  return listRows<VariableRow>(sql, "variable", where, SORTS[page.sort], page).map(toVariable);
}

interface VariableRow extends Omit<Variable, "value" | "tags"> {
  value: string;
  tags: string;
}

function toVariable(row: VariableRow): Variable {
  return {
    id: row.id,
    created: row.created,
    updated: row.updated,
    name: row.name,
    value: JSON.parse(row.value),
    tags: JSON.parse(row.tags),
  };
}

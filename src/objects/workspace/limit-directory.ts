/** SQL of the limits in the directory: what their names say they are of, and in which order people look for them. */
import type { LimitCounts, LimitFamily, LimitFilter, LimitSort } from "../../contract/wire/limits.ts";
import type { Sql } from "../shared/sql.ts";
import type { DirectoryEntry } from "./operations.ts";
import { whereIn, type Condition } from "./where.ts";

/** The column `name` is that of the directory, in which a name stands once for each kind. */
const FAMILY = `CASE
  WHEN instr(name, ':') IN (0, 1, length(name)) THEN 'other'
  WHEN substr(name, 1, instr(name, ':') - 1) IN ('deployment', 'tag') THEN substr(name, 1, instr(name, ':') - 1)
  ELSE 'machine' END`;

/** What follows the first colon; of a name without one all of it. */
const MACHINE = "substr(name, instr(name, ':') + 1)";
const DIGITS = "'0123456789'";
/** Numbers at the end by their value: the shorter one is the smaller one. */
const SORTS: Readonly<Record<LimitSort, string>> = {
  NAME_ASC: "name",
  MACHINE_ASC: `rtrim(${MACHINE}, ${DIGITS}) COLLATE NOCASE, length(${MACHINE}), ${MACHINE}, name`,
};

/** A page of the limits that a filter means. */
export function filterLimits(
  sql: Sql,
  filter: LimitFilter,
  sort: LimitSort,
  { limit, offset }: { limit: number; offset: number },
): DirectoryEntry[] {
  const where = whereLimits(filter);
  return sql.all<DirectoryEntry>(
    `SELECT id, name, key FROM directory WHERE ${where.sql} ORDER BY ${SORTS[sort]} LIMIT ? OFFSET ?`,
    ...where.bindings,
    limit,
    offset,
  );
}

/** How many limits of each family a filter means. */
export function countLimits(sql: Sql, filter: LimitFilter): LimitCounts {
  const where = whereLimits(filter);
  const counts: LimitCounts = { machine: 0, other: 0, deployment: 0, tag: 0 };
  for (const { family, count } of sql.all<{ family: LimitFamily; count: number }>(
    `SELECT ${FAMILY} AS family, count(*) AS count FROM directory WHERE ${where.sql} GROUP BY 1`,
    ...where.bindings,
  ))
    counts[family] = count;
  return counts;
}

function whereLimits({ family, name }: LimitFilter): Condition {
  const like = name?.like_ ?? "";
  const conditions = [
    { sql: "kind = 'limit'", bindings: [] },
    whereIn("name", name?.any_),
    whereIn(FAMILY, family?.any_),
    like === ""
      ? undefined
      : {
          sql: `(instr(lower(name), lower(?)) > 0 OR ${MACHINE} IN (
            SELECT id FROM deployment its WHERE instr(lower(its.name), lower(?)) > 0) AND name LIKE 'deployment:%')`,
          bindings: [like, like],
        },
  ].filter((condition) => condition !== undefined);
  return {
    sql: conditions.map(({ sql }) => sql).join(" AND "),
    bindings: conditions.flatMap(({ bindings }) => bindings),
  };
}

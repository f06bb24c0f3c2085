/** Filters of artifacts as SQL conditions, for the journals that keep them and the catalog that knows the newest. */
import type { ArtifactFilter, ArtifactSort } from "../../contract/wire/artifacts.ts";
import type { SqlValue } from "./sql.ts";

/** A condition over the columns `id`, `key`, `type`, `flow_run_id` and `task_run_id`, with its bindings. */
export interface ArtifactCondition {
  sql: string;
  bindings: SqlValue[];
}

export const ARTIFACT_ORDERS: Readonly<Record<ArtifactSort, string>> = {
  CREATED_DESC: "created DESC, id DESC",
  UPDATED_DESC: "updated DESC, id DESC",
  ID_DESC: "id DESC",
  KEY_DESC: "key DESC, id DESC",
  KEY_ASC: "key, id DESC",
};

/** Which artifacts a filter means. `idColumn` is what its `id` speaks of. */
export function whereArtifacts(filter: ArtifactFilter, idColumn = "id"): ArtifactCondition {
  const { operator, id, key, flow_run_id, task_run_id, type } = filter;
  const like = key?.like_ || null;
  const exists = key?.exists_ ?? null;
  const notTypes = type?.not_any_ ?? [];
  const said = [
    oneOf(idColumn, lower(id?.any_)),
    oneOf("key", key?.any_),
    like === null ? undefined : { sql: "instr(lower(key), lower(?)) > 0", bindings: [like] },
    exists === null ? undefined : { sql: `key IS ${exists ? "NOT " : ""}NULL`, bindings: [] },
    oneOf("flow_run_id", lower(flow_run_id?.any_)),
    oneOf("task_run_id", lower(task_run_id?.any_)),
    oneOf("type", type?.any_),
    notTypes.length === 0
      ? undefined
      : {
          sql: "type NOT IN (SELECT value FROM json_each(?))",
          bindings: [JSON.stringify(notTypes)],
        },
  ].filter((condition) => condition !== undefined);
  if (said.length === 0) return { sql: "1", bindings: [] };
  return {
    sql: said.map(({ sql }) => sql).join(operator === "or_" ? " OR " : " AND "),
    bindings: said.flatMap(({ bindings }) => bindings),
  };
}

function oneOf(column: string, values: readonly string[] | null | undefined): ArtifactCondition | undefined {
  if (values === null || values === undefined) return undefined;
  return { sql: `${column} IN (SELECT value FROM json_each(?))`, bindings: [JSON.stringify(values)] };
}

function lower(ids: readonly string[] | null | undefined): string[] | null | undefined {
  return ids?.map((id) => id.toLowerCase());
}

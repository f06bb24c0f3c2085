/** The audit list: what people did to the catalog, which is here, and to limits, pools and runs, which tell it. */
import { accept } from "../../contract/errors.ts";
import { isUuid } from "../../contract/ids.ts";
import { formatInstant } from "../../contract/instants.ts";
import type { AuditedKind, AuditEntry, Changes } from "../../contract/wire/audit.ts";
import type { Act } from "../shared/acts.ts";
import type { Handlers } from "../shared/actor.ts";
import type { ObjectHost } from "../shared/host.ts";
import type { Sql, SqlValue } from "../shared/sql.ts";

/** Entries that are kept; the oldest go. */
const ENTRIES_MAX = 10_000;

/** Which entries are meant; null where nothing is said. */
export interface AuditFilter {
  /** How the act begins. */
  act: string | null;
  /** The id of the target, or a part of its name. */
  target: string | null;
  /** A part of who. */
  actor: string | null;
  /** Milliseconds since the epoch. */
  since: number | null;
}

export type AuditOperations = {
  /** An object tells what it has done for a person. Idempotent by target and request id. */
  note_act: { command: Act; answer: null };
  /** The newest entries first. */
  list_audit: {
    command: AuditFilter & { before_seq: number | null; limit: number };
    answer: AuditEntry[];
  };
};

export function handleAudit({ sql }: ObjectHost): Handlers<AuditOperations> {
  return {
    note_act: ({ at, actor, act, target, changes, request_id }) => {
      addEntry(sql, { at, actor, operation: act, ...target }, { act, changes, request_id });
      return accept(null);
    },
    list_audit: (command) => accept(listEntries(sql, command)),
  };
}

/** An entry of the catalog: the operation and the kind make the act. */
interface CatalogEntry {
  at: number;
  actor: string;
  operation: string;
  kind: AuditedKind;
  id: string;
  name: string;
}

/** Writes down who did what; the oldest entries go. An act that is in the list is not written again. */
export function addEntry(
  sql: Sql,
  { at, actor, operation, kind, id, name }: CatalogEntry,
  told?: Pick<Act, "act" | "changes"> & Partial<Pick<Act, "request_id">>,
): void {
  const [row] = sql.all<{ seq: number }>(
    `INSERT INTO audit (at, actor, operation, kind, id, name, act, changes, request_id)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING seq`,
    at,
    actor,
    operation,
    kind,
    id,
    name,
    told?.act ?? null,
    told === undefined ? null : JSON.stringify(told.changes),
    told?.request_id ?? null,
  );
  if (row !== undefined) sql.all("DELETE FROM audit WHERE seq <= ?", row.seq - ENTRIES_MAX);
}

/** The act of a row; those of the catalog are `<kind>.<verb>` of an operation `<verb>_<what>`. */
const ACT = "coalesce(act, kind || '.' || substr(operation, 1, instr(operation, '_') - 1))";

interface Row extends CatalogEntry {
  seq: number;
  act: string;
  changes: string | null;
  request_id: string | null;
}

/** A page of the entries that a filter means. At most all that are kept are looked at. */
function listEntries(
  sql: Sql,
  { act, target, actor, since, before_seq, limit }: AuditOperations["list_audit"]["command"],
): AuditEntry[] {
  const where = ["seq < ?"];
  const bindings: SqlValue[] = [before_seq ?? Number.MAX_SAFE_INTEGER];
  const narrow = (condition: string, ...values: SqlValue[]): void => {
    where.push(condition);
    bindings.push(...values);
  };
  if (act !== null) narrow(`substr(${ACT}, 1, length(?)) = ?`, act, act);
  if (target !== null && isUuid(target)) narrow("id = ?", target.toLowerCase());
  else if (target !== null) narrow("instr(lower(name), lower(?)) > 0", target);
  if (actor !== null) narrow("instr(lower(actor), lower(?)) > 0", actor);
  if (since !== null) narrow("at >= ?", since);
  return sql
    .all<Row>(
      `SELECT seq, at, actor, operation, kind, id, name, ${ACT} AS act, changes, request_id
        FROM audit WHERE ${where.join(" AND ")} ORDER BY seq DESC LIMIT ?`,
      ...bindings,
      limit,
    )
    .map((row) => ({
      seq: row.seq,
      at: formatInstant(row.at),
      actor: row.actor,
      act: row.act,
      target: { kind: row.kind, id: row.id, name: row.name },
      changes: row.changes === null ? null : (JSON.parse(row.changes) as Changes),
      request_id: row.request_id,
    }));
}

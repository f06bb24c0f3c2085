/** What people did, as people see it. */
import type { Client } from "../../client/index.ts";
import type { AuditFilter } from "../../client/resources/audit.ts";
import { formatActor, formatChanges, formatTarget } from "../../contract/audit-text.ts";
import type { AuditEntry } from "../../contract/wire/audit.ts";
import type { Column } from "../output/table.ts";
import { formatRelative } from "../output/time.ts";

/** The API gives at most this many entries at once. */
const PAGE_SIZE = 200;

/** The newest entries that a filter means, so many at most. */
export async function readAudit(api: Client, filter: AuditFilter, limit: number): Promise<AuditEntry[]> {
  const found: AuditEntry[] = [];
  while (found.length < limit) {
    const size = Math.min(PAGE_SIZE, limit - found.length);
    const page = await api.audit.list({ ...filter, before_seq: found.at(-1)?.seq, limit: size });
    found.push(...page);
    if (page.length < size) break;
  }
  return found;
}

export function auditColumns(now: number): Column<AuditEntry>[] {
  return [
    { title: "When", value: ({ at }) => formatRelative(at, now) },
    { title: "Who", value: formatActor, rank: 1 },
    { title: "Act", value: ({ act }) => act },
    { title: "On", value: ({ target }) => formatTarget(target) },
    { title: "What changed", value: formatChanges, rank: 2 },
  ];
}

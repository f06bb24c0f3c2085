/** Entries of the audit list in the words in which commands and the dashboard show them. */
import type { AuditEntry, AuditTarget, Change } from "./wire/audit.ts";
import type { JsonValue } from "./wire/common.ts";

/** `limit 2 → 1, description x`: what an act changed; what it is not kept of is only named. */
export function formatChanges({ changes }: Pick<AuditEntry, "changes">): string {
  return Object.entries(changes ?? {})
    .map(([field, change]) => formatChange(field.replaceAll("_", " "), change))
    .join(", ");
}

function formatChange(field: string, { from, to }: Change): string {
  if (from === undefined && to === undefined) return field;
  if (from === undefined || to === undefined) return `${field} ${formatValue(from ?? to ?? null)}`;
  const [before, after] = [formatValue(from), formatValue(to)];
  return before === after ? `${field} ${after}` : `${field} ${before} → ${after}`;
}

function formatValue(value: JsonValue): string {
  if (value === null || value === "") return "none";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "string" || typeof value === "number") return String(value);
  if (Array.isArray(value)) return value.map(formatValue).join(" ");
  return Object.entries(value)
    .map(([key, part]) => `${key.replaceAll("_", " ")} ${formatValue(part)}`)
    .join(" ");
}

/** Who, in short: what a browser calls itself is long and says little. */
export function formatActor({ actor }: Pick<AuditEntry, "actor">): string {
  return actor.startsWith("Mozilla/") ? "a browser" : actor;
}

/** `work pool ml-pool`. */
export function formatTarget({ kind, name, id }: AuditTarget): string {
  return `${kind.replaceAll("_", " ")} ${name === "" ? id : name}`;
}

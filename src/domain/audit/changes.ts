/** What an act changed, in few words: an entry of the audit list stays small whatever was sent. */
import type { Change, Changes } from "../../contract/wire/audit.ts";
import type { JsonValue } from "../../contract/wire/common.ts";

/** A value whose JSON is longer is cut. */
const VALUE_CHARACTERS_MAX = 300;

/**
 * The fields that differ. `before` null: it was made, and what it was made without is left out; `after` null: it is gone.
 * Of what is `hidden` (it may be large, or a secret) only that it differs is said.
 */
export function describeChanges<Of extends object>(
  before: Of | null,
  after: Of | null,
  shown: readonly (keyof Of & string)[],
  hidden: readonly (keyof Of & string)[] = [],
): Changes {
  const changes: Changes = {};
  for (const field of shown) {
    const change: Change = {};
    if (before !== null) change.from = clip(before[field]);
    if (after !== null) change.to = clip(after[field]);
    if (isDifferent(before, after, field)) changes[field] = change;
  }
  for (const field of hidden)
    if (before !== null && after !== null && isDifferent(before, after, field)) changes[field] = {};
  return changes;
}

function isDifferent<Of extends object>(
  before: Of | null,
  after: Of | null,
  field: keyof Of & string,
): boolean {
  return JSON.stringify(before?.[field] ?? null) !== JSON.stringify(after?.[field] ?? null);
}

/** The value, or the beginning of its text where that is long. */
export function clip(value: unknown): JsonValue {
  const text = JSON.stringify(value ?? null);
  if (text.length <= VALUE_CHARACTERS_MAX) return JSON.parse(text) as JsonValue;
  const shown = typeof value === "string" ? value : text;
  return `${shown.slice(0, VALUE_CHARACTERS_MAX).replace(/[\uD800-\uDBFF]$/, "")}…`;
}

/** What is left of an estimate: while nothing happens nobody tells it anew. */

/** When the records came that have estimates, as far as these were looked at. */
const came = new WeakMap<object, number>();

/** Seconds at `now`, in milliseconds; undefined where none are told, or where they have run out and so were too few. */
export function timeLeft(record: { estimated_seconds: number | null }, now: number): number | undefined {
  if (record.estimated_seconds === null) return undefined;
  const at = came.get(record) ?? now;
  came.set(record, at);
  const left = record.estimated_seconds - (now - at) / 1000;
  return left > 0 ? left : undefined;
}

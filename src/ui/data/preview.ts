/** What a change would do, before it is done. */
import type { WaiterRecord } from "../../contract/wire/limits.ts";

/** Who of a line would get slots, one after the other, with so many slots free. */
export function listAdmitted<Waiter extends Pick<WaiterRecord, "slots" | "is_present">>(
  free: number,
  waiters: readonly Waiter[],
): Waiter[] {
  let left = free;
  const admitted: Waiter[] = [];
  for (const waiter of waiters) {
    if (!waiter.is_present) continue;
    if (waiter.slots > left) break;
    left -= waiter.slots;
    admitted.push(waiter);
  }
  return admitted;
}

/** `one run`, `3 runs`. */
export function countOf(count: number, one: string, many = `${one}s`): string {
  return count === 1 ? `one ${one}` : `${count} ${many}`;
}

/** What a change would do, before it is done. */
import type { WaiterRecord } from "../../contract/wire/limits.ts";

/** How many of a line would get their slots, one after the other, with so many slots free. */
export function countAdmitted(
  free: number,
  waiters: readonly Pick<WaiterRecord, "slots" | "is_present">[],
): number {
  let left = free;
  let admitted = 0;
  for (const { slots, is_present } of waiters) {
    if (!is_present) continue;
    if (slots > left) break;
    left -= slots;
    admitted += 1;
  }
  return admitted;
}

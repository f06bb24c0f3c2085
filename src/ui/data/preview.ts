/** What a change would do, before it is done. */
import type { WaiterRecord } from "../../contract/wire/limits.ts";

/**
 * Who of a line would get slots, one after the other, with so many slots free: as many as `bypass_max` pass one that is
 * too large for what is left. Of those who want other limits as well it is taken that these are free.
 */
export function listAdmitted<Waiter extends Pick<WaiterRecord, "slots" | "is_present" | "passed">>(
  free: number,
  waiters: readonly Waiter[],
  { bypass_max }: { bypass_max: number },
): Waiter[] {
  let left = free;
  const admitted: Waiter[] = [];
  /** How many more may pass all who are too large. */
  let mayPass = Infinity;
  for (const waiter of waiters) {
    if (left <= 0 || mayPass <= 0) break;
    if (!waiter.is_present) continue;
    if (waiter.slots > left) mayPass = Math.min(mayPass, bypass_max - waiter.passed);
    else {
      left -= waiter.slots;
      mayPass -= 1;
      admitted.push(waiter);
    }
  }
  return admitted;
}

/** With a capital letter: `One run`. */
export function beginSentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** `one run`, `3 runs`. */
export function countOf(count: number, one: string, many = `${one}s`): string {
  return count === 1 ? `one ${one}` : `${count} ${many}`;
}

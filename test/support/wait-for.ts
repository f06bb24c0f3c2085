/** Waiting for a condition, with a bound that is no claim about speed. */
import { vi } from "vitest";

/** What happens at once on an idle machine may take long on one that others keep busy. */
export const PATIENCE_MS = 15_000;

/** Repeats a look until it does not throw, and gives what it saw; after `timeoutMs` throws what it threw last. */
export function waitFor<Value>(
  look: () => Value | Promise<Value>,
  timeoutMs = PATIENCE_MS,
): Promise<Awaited<Value>> {
  return vi.waitFor(look, { timeout: timeoutMs, interval: 10 }) as Promise<Awaited<Value>>;
}

/** Waiting for a condition, with a bound that is no claim about speed. */

/** What happens at once on an idle machine may take long on one that others keep busy. */
export const PATIENCE_MS = 15_000;
const INTERVAL_MS = 10;

/** Repeats a look until it does not throw, and gives what it saw; after `timeoutMs` throws what it threw last. */
export async function waitFor<Value>(
  look: () => Value | Promise<Value>,
  timeoutMs = PATIENCE_MS,
): Promise<Value> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    try {
      return await look();
    } catch (error) {
      if (performance.now() >= end) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, INTERVAL_MS));
  }
}

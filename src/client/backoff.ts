/** Waiting between tries, spread so that many callers do not come back at the same moment. */

/** Spreads a delay by ± `share` (0.3: between 70 % and 130 %). */
export function jitter(ms: number, share = 0.3): number {
  return ms * (1 - share + Math.random() * 2 * share);
}

/**
 * The delay before try number `failures + 1`, in milliseconds: doubles from `baseMs` up to `maxMs`, ± 30 %, and is never
 * less than what the server asked for (`retryAfterSeconds`, its `Retry-After`).
 */
export function backoffMs(
  failures: number,
  {
    baseMs = 250,
    maxMs = 30_000,
    retryAfterSeconds = 0,
  }: { baseMs?: number; maxMs?: number; retryAfterSeconds?: number | undefined } = {},
): number {
  const own = jitter(Math.min(maxMs, baseMs * 2 ** Math.max(0, failures - 1)));
  return Math.max(retryAfterSeconds * 1000 * (1 + Math.random() * 0.1), own);
}

/** What one timer of Node can wait for (24.8 days); asked for more, it ends at once. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** Calls back once, after `ms` however long that is. Returns what calls it off. */
export function callAfter(ms: number, callback: () => void): () => void {
  let timer: NodeJS.Timeout;
  const wait = (leftMs: number): void => {
    const restMs = leftMs - TIMER_MS_MAX;
    timer = restMs > 0 ? setTimeout(wait, TIMER_MS_MAX, restMs) : setTimeout(callback, leftMs);
  };
  wait(ms);
  return () => clearTimeout(timer);
}

/** Resolves after `ms`, or at once when the signal aborts. Never rejects. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const finish = (): void => {
      callOff();
      signal?.removeEventListener("abort", finish);
      resolve();
    };
    const callOff = callAfter(ms, finish);
    signal?.addEventListener("abort", finish);
  });
}

/** Resolves when the promise does, or after `ms`, and leaves no timer behind. */
export async function waitAtMost(promise: Promise<unknown>, ms: number): Promise<void> {
  const bound = new AbortController();
  await Promise.race([promise, pause(ms, bound.signal)]);
  bound.abort();
}

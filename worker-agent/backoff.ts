/** Waiting between tries, spread so that many agents do not come back at the same moment. */

/** Spreads a delay by ± `share` (0.3: between 70 % and 130 %). */
export function jitter(ms: number, share = 0.3): number {
  return ms * (1 - share + Math.random() * 2 * share);
}

/** The delay before try number `failures + 1`: doubles from `baseMs` up to `maxMs`, ± 30 %. */
export function backoffMs(failures: number, { baseMs = 250, maxMs = 30_000 } = {}): number {
  return jitter(Math.min(maxMs, baseMs * 2 ** Math.max(0, failures - 1)));
}

/** Resolves after `ms`, or at once when the signal aborts. Never rejects. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const finish = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", finish);
      resolve();
    };
    const timer = setTimeout(finish, ms);
    signal?.addEventListener("abort", finish);
  });
}

/** Resolves when the promise does, or after `ms`, and leaves no timer behind. */
export async function waitAtMost(promise: Promise<unknown>, ms: number): Promise<void> {
  const bound = new AbortController();
  await Promise.race([promise, pause(ms, bound.signal)]);
  bound.abort();
}

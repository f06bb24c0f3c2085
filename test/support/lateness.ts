/** What a busy machine takes away from a test: deadlines of a few seconds are judged with it. */

const EVERY_MS = 20;

export interface Lateness extends Disposable {
  /** By how much timers were late since the beginning, all in all. */
  readonly ms: number;
}

export function watchLateness(): Lateness {
  let lookedAt = performance.now();
  let lateMs = 0;
  const look = () => {
    const now = performance.now();
    lateMs += Math.max(0, now - lookedAt - EVERY_MS);
    lookedAt = now;
  };
  const timer = setInterval(look, EVERY_MS);
  return {
    get ms() {
      look();
      return lateMs;
    },
    [Symbol.dispose]: () => clearInterval(timer),
  };
}

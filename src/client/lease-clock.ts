/**
 * What two threads know of one lease. The thread that renews writes the deadline, the thread that works reads it, and
 * neither waits for a message of the other: a work thread that was busy for a minute must not take a lease for lost
 * whose renewals it merely had no time to hear of.
 */

const DEADLINE = 0;
const LOST = 1;

/** The deadline of one lease on the monotonic clock, and whether the lease is lost, in memory that threads share. */
export class LeaseClock {
  readonly memory: SharedArrayBuffer;
  readonly #cells: BigInt64Array;

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(16)) {
    this.memory = memory;
    this.#cells = new BigInt64Array(memory);
  }

  /** Milliseconds on the monotonic clock. */
  get deadlineMs(): number {
    return Number(Atomics.load(this.#cells, DEADLINE)) / 1000;
  }

  set deadlineMs(ms: number) {
    Atomics.store(this.#cells, DEADLINE, BigInt(Math.floor(ms * 1000)));
  }

  get isLost(): boolean {
    return Atomics.load(this.#cells, LOST) === 1n;
  }

  markLost(): void {
    Atomics.store(this.#cells, LOST, 1n);
  }
}

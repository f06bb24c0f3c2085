/** The one loop that acts. Events only name a reason and wake it; it looks at everything and does what is due. */

export type WakeReason =
  | "registered"
  | "run_ready"
  | "cancel"
  | "pool_changed"
  | "attempt_ended"
  | "socket_open"
  | "socket_lost"
  | "slot_free"
  | "timer";

/** Looks once and returns after how many milliseconds to look again, if nobody wakes it before. */
export type Step = (reasons: ReadonlySet<WakeReason>) => Promise<number>;

export class Reconciler {
  readonly #step: Step;
  #reasons = new Set<WakeReason>();
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> | undefined;
  #isClosed = false;

  constructor(step: Step) {
    this.#step = step;
  }

  /** Asks for a look. Any number of wakes during a look is one more look. */
  wake(reason: WakeReason): void {
    if (this.#isClosed) return;
    this.#reasons.add(reason);
    this.#round ??= this.#look();
  }

  /** No more looks; resolves when the one at work is over. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#round;
  }

  async #look(): Promise<void> {
    try {
      let waitMs = 0;
      while (this.#reasons.size > 0 && !this.#isClosed) {
        const reasons = this.#reasons;
        this.#reasons = new Set();
        clearTimeout(this.#timer);
        waitMs = await this.#step(reasons);
      }
      if (!this.#isClosed) this.#timer = setTimeout(() => this.wake("timer"), waitMs);
    } finally {
      this.#round = undefined;
    }
  }
}

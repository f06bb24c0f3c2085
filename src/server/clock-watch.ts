/** Notices that the wall clock was put forward: by an administrator, by NTP, or because the machine was asleep. */

export interface Clocks {
  /** Milliseconds since the epoch. */
  wallMs(): number;
  /** Milliseconds of a clock that nobody sets; on Linux it stands still while the machine is suspended. */
  steadyMs(): number;
}

export const systemClocks: Clocks = {
  wallMs: () => Date.now(),
  steadyMs: () => performance.now(),
};

/** Less is what NTP slews, and what the grace of a lease covers. */
const STEP_MS_MIN = 2000;

export class ClockWatch {
  readonly #clocks: Clocks;
  #apartMs: number;

  constructor(clocks: Clocks) {
    this.#clocks = clocks;
    this.#apartMs = this.#measure();
  }

  /** By how many milliseconds the wall clock was put forward since the last look; 0 when it was not. */
  look(): number {
    const apartMs = this.#measure();
    const stepMs = apartMs - this.#apartMs;
    this.#apartMs = apartMs;
    return stepMs >= STEP_MS_MIN ? stepMs : 0;
  }

  #measure(): number {
    return this.#clocks.wallMs() - this.#clocks.steadyMs();
  }
}

/** The wall clock of the server, by which objects tell the time, and what they learn of its starts and steps. */
import type { Timeline } from "./timeline.ts";

/** After a start of the embedded server nothing ends for so long. */
export const START_GRACE_MS = 30_000;

export class ServerClock {
  readonly #timeline: Timeline;
  /** By how much it is ahead of true time. */
  #apart_ms = 0;
  /** The server is not there: who calls is refused, and no alarm rings. */
  isAway = false;
  hasStepped = false;
  /** The most that it has shown when it was put back: what was to happen by then may wait for it. */
  highest = 0;
  /** When it was last put forward, by itself; 0: never. */
  stepped_at = 0;
  /** When the server last began, in true time; 0: objects were always kept running. */
  began_at = 0;
  /** Before this instant, by itself, nothing expires. */
  expiry_floor = 0;

  constructor(timeline: Timeline) {
    this.#timeline = timeline;
  }

  get now(): number {
    return this.#timeline.now + this.#apart_ms;
  }

  /** The true instant at which it shows `at`, unless it is set before. */
  trueOf(at: number): number {
    return at - this.#apart_ms;
  }

  step(ms: number): void {
    this.highest = Math.max(this.highest, this.now);
    this.#apart_ms += ms;
    this.hasStepped = true;
  }

  noteStart(): void {
    this.isAway = false;
    this.began_at = this.#timeline.now;
    this.expiry_floor = this.now + START_GRACE_MS;
  }
}

/** The true instants of deadlines, each as it was when the deadline was first seen: steps of the clock leave them alone. */
export class TrueInstants {
  readonly #clock: ServerClock;
  readonly #seen = new Map<string, { at: number; true_at: number }>();

  constructor(clock: ServerClock) {
    this.#clock = clock;
  }

  /** `at`, a deadline of what `key` names, is stored; returns its true instant. */
  see(key: string, at: number): number {
    const known = this.#seen.get(key);
    if (known?.at === at) return known.true_at;
    const true_at = this.#clock.trueOf(at);
    this.#seen.set(key, { at, true_at });
    return true_at;
  }
}

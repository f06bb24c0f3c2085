/** What all parts of one simulated run share: time, what the seed decides, and where broken promises are told. */
import type { Code } from "./code.ts";
import type { Faults } from "./random.ts";
import { Random } from "./random.ts";
import { ServerClock } from "./server-clock.ts";
import { Timeline } from "./timeline.ts";

export const START = Date.UTC(2026, 10, 22, 12);

/** A promise of the design that did not hold. */
export interface Violation {
  promise: string;
  message: string;
  at: number;
  detail: unknown;
}

export class World {
  readonly seed: number;
  /** By how much this world is slower than the busiest one. */
  readonly tempo: number;
  readonly timeline = new Timeline(START);
  readonly clock = new ServerClock(this.timeline);
  readonly faults: Faults;
  /** The code that objects have while a deploy is under way; undefined where it cannot be had. */
  readonly release_before: Code | undefined;
  violation: Violation | undefined;
  /** Takes lines for people who want to follow a run. */
  tell: ((line: string) => void) | undefined;
  /** Requests that were answered, over all callers. */
  readonly counts = new Map<string, number>();

  constructor(seed: number, tempo: number, faults: Faults, release_before: Code | undefined) {
    [this.seed, this.tempo, this.release_before] = [seed, tempo, release_before];
    this.faults = faults;
  }

  get now(): number {
    return this.timeline.now;
  }

  /** How long something lasts at least and at most that goes with the tempo of this world. */
  stretch([from, to]: readonly [number, number]): [number, number] {
    return [from, to * this.tempo];
  }

  random(name: string): Random {
    return new Random(this.seed, name);
  }

  count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }

  /** The run is over: a promise was broken. The first one is told. */
  fail(promise: string, message: string, detail: unknown = null): void {
    if (this.violation !== undefined) return;
    this.violation = { promise, message, at: this.now, detail };
    this.say("world", `${promise} BROKEN: ${message} ${JSON.stringify(detail)}`);
    this.timeline.stop();
  }

  say(who: string, what: string): void {
    this.tell?.(`${((this.now - START) / 1000).toFixed(3).padStart(12)} ${who.padEnd(14)} ${what}`);
  }

  /** Lets something live by itself; what it throws is a fault of the code that runs here. */
  spawn(who: string, body: () => Promise<void>): void {
    body().catch((error: unknown) =>
      this.fail("no throw", `${who} threw`, error instanceof Error ? error.stack : String(error)),
    );
  }
}

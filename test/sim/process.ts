/** A process on some machine: it has a clock of its own, may freeze and thaw, and may die without a word. */
import type { World } from "./world.ts";
import { START } from "./world.ts";

const KILLED_FOR_MS = [100, 600_000] as const;
const FROZEN_FOR_MS = [100, 900_000] as const;
const SILENT_FOR_MS = [60_000, 900_000] as const;

export class SimProcess {
  readonly name: string;
  readonly world: World;
  /** Runs faster than true time above 1. */
  readonly rate: number;
  isDead = false;
  readonly #skewMs: number;
  #frozenUntil = 0;
  #stoppedAt = 0;

  constructor(world: World, name: string, clock: { skew_ms: number; rate: number }) {
    [this.world, this.name, this.rate, this.#skewMs] = [world, name, clock.rate, clock.skew_ms];
  }

  /** What its own clock shows. */
  get now(): number {
    return START + this.#skewMs + (this.world.now - START) * this.rate;
  }

  get isFrozen(): boolean {
    return this.world.now < this.#frozenUntil;
  }

  /** When it ran last. */
  get ran_at(): number {
    return this.isRunning ? this.world.now : this.#stoppedAt;
  }

  /** It runs right now: it can do work and notice things. */
  get isRunning(): boolean {
    return !this.isDead && !this.isFrozen;
  }

  /** True milliseconds until its own clock has gone on by `ms`. */
  trueMs(ms: number): number {
    return Math.max(0, ms) / this.rate;
  }

  sleep(ms: number): Promise<void> {
    return this.hear(this.world.timeline.sleep(this.trueMs(ms)));
  }

  /** What comes from outside is heard when the process runs, and never when it is dead. */
  hear<Value>(coming: Promise<Value>): Promise<Value> {
    return new Promise((resolve, reject) => {
      const pass = (give: () => void): void => {
        if (this.isDead) return;
        if (this.isFrozen) this.world.timeline.at(this.#frozenUntil, () => pass(give));
        else give();
      };
      coming.then(
        (value) => pass(() => resolve(value)),
        (error: unknown) => pass(() => reject(error)),
      );
    });
  }

  kill(): void {
    this.#stoppedAt = this.ran_at;
    this.isDead = true;
    this.world.say(this.name, "killed");
  }

  freeze(ms: number): void {
    this.#stoppedAt = this.ran_at;
    this.#frozenUntil = Math.max(this.#frozenUntil, this.world.now + ms);
    this.world.say(this.name, `frozen for ${Math.round(ms)} ms`);
  }

  /** While it waits on a socket it may freeze, which closes nothing. */
  mayFreezeWaiting(): void {
    const freeze = this.world.faults.strike("freeze_waiter");
    if (freeze !== undefined) this.freeze(freeze.magnitude(...this.world.stretch(SILENT_FOR_MS)));
  }

  /**
   * At a place where it may be struck: it freezes, perhaps with all that is on its machine, or it dies and the time until
   * somebody starts it again is told.
   */
  mayFail(freezeMachine?: (ms: number) => void): number | undefined {
    const freeze = this.world.faults.strike("freeze");
    if (freeze !== undefined) {
      const ms = freeze.magnitude(...this.world.stretch(FROZEN_FOR_MS));
      this.freeze(ms);
      if (freezeMachine !== undefined && freeze.chance(0.5)) freezeMachine(ms);
    }
    const kill = this.world.faults.strike("kill");
    if (kill === undefined) return undefined;
    this.kill();
    return kill.magnitude(...this.world.stretch(KILLED_FOR_MS));
  }
}

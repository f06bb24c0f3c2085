/**
 * The embedded server around the objects: all of them end with it and begin again after a while, and its wall clock, by which
 * objects tell the time, may be set. After a step forward the supervisor starts it anew at once (`src/server/README.md`).
 */
import type { SimObject } from "./objects.ts";
import type { World } from "./world.ts";

const AWAY_MS = [100, 120_000] as const;
const STEP_MS = [3000, 7_200_000] as const;

export class SimServer {
  readonly #world: World;
  readonly #objects: ReadonlyMap<string, SimObject>;

  constructor(world: World, objects: ReadonlyMap<string, SimObject>) {
    [this.#world, this.#objects] = [world, objects];
  }

  /** Every now and then it is killed, or somebody sets its clock, as the seed has it. */
  start(every_ms: number): void {
    const random = this.#world.random("server");
    const { faults, timeline } = this.#world;
    this.#world.spawn("server", async () => {
      for (;;) {
        await timeline.sleep(random.exponential(every_ms));
        if (faults.isOver) return;
        const step = faults.strike("step_clock");
        if (step !== undefined) {
          const step_ms = Math.round(step.magnitude(...STEP_MS));
          if (step.chance(0.7)) await this.#restart(AWAY_MS[0], step_ms);
          else this.#step(-step_ms);
        }
        const restart = faults.strike("restart");
        if (restart !== undefined) await this.#restart(Math.round(restart.magnitude(...AWAY_MS)));
      }
    });
  }

  async #restart(away_ms: number, step_ms = 0): Promise<void> {
    const { clock, timeline } = this.#world;
    clock.isAway = true;
    for (const object of this.#objects.values()) object.crash("the server's end");
    if (step_ms > 0) {
      this.#step(step_ms);
      clock.stepped_at = clock.now;
    }
    await timeline.sleep(away_ms);
    this.#world.say("server", "begins");
    clock.noteStart();
    for (const object of this.#objects.values()) object.resume();
  }

  #step(step_ms: number): void {
    this.#world.say("server", `has its clock put by ${step_ms} ms`);
    this.#world.clock.step(step_ms);
  }
}

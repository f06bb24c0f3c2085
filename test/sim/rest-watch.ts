/** I9: an object that nobody calls comes to rest: it does not wake itself again and again. */
import type { World } from "./world.ts";

/** So long is counted. */
const WINDOW_MS = 10_000;
/** A hundred or two are seen where many were offered what nobody takes. */
const WAKES_MAX = 500;
const WAKES_PER_CALL = 4;

export class RestWatch {
  readonly #world: World;
  readonly #name: string;
  #since = 0;
  #wakes = 0;
  #calls = 0;

  constructor(world: World, name: string) {
    [this.#world, this.#name] = [world, name];
  }

  noteCall(): void {
    this.#look();
    this.#calls += 1;
  }

  /** A timer of the object fires, or its alarm rings. */
  noteWake(): void {
    this.#look();
    this.#wakes += 1;
    if (this.#wakes > WAKES_MAX + WAKES_PER_CALL * this.#calls)
      this.#world.fail("I9", `${this.#name} wakes itself again and again`, {
        since: this.#since,
        wakes: this.#wakes,
        calls: this.#calls,
      });
  }

  #look(): void {
    if (this.#world.now < this.#since + WINDOW_MS) return;
    [this.#since, this.#wakes, this.#calls] = [this.#world.now, 0, 0];
  }
}

/** Waking somebody who sleeps. */
import type { SimProcess } from "./process.ts";

export class Bell {
  #ring = Promise.withResolvers<void>();
  #isRung = false;

  /** Whoever waits goes on; a ring that nobody waits for is kept for the next one. */
  ring(): void {
    this.#isRung = true;
    this.#ring.resolve();
  }

  /** Whoever waits looks at what it waits for again. */
  nudge(): void {
    this.#ring.resolve();
  }

  /** Resolves when it rings (true) or is nudged, or after `ms` of the process's clock. */
  async wait(process: SimProcess, ms: number): Promise<boolean> {
    await process.hear(Promise.race([this.#ring.promise, process.sleep(ms)]));
    const isRung = this.#isRung;
    this.#ring = Promise.withResolvers();
    this.#isRung = false;
    return isRung;
  }
}

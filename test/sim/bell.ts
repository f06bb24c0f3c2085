/** Waking somebody who sleeps. */
import type { SimProcess } from "./process.ts";

export class Bell {
  #ring = Promise.withResolvers<void>();

  /** Whoever waits goes on; a ring that nobody waits for is kept for the next one. */
  ring(): void {
    this.#ring.resolve();
  }

  /** Resolves when it rings, or after `ms` of the process's clock. */
  async wait(process: SimProcess, ms: number): Promise<void> {
    await process.hear(Promise.race([this.#ring.promise, process.sleep(ms)]));
    this.#ring = Promise.withResolvers<void>();
  }
}

/** The server's clock, which wrote the times that are shown; a browser's own may be minutes off. */

/** Clocks so close to each other count as one: what is shown must not jump for what a slow answer makes of it. */
const CLOSE_MS = 2000;

export class ServerClock {
  /** What was learned from the quickest answer: how far the server is ahead, and by how much that may be wrong. */
  #offsetMs = 0;
  #errorMs = Infinity;

  /**
   * Learns from an answer.
   * @param server - the server's clock when it answered, in milliseconds since the epoch, as are all instants here
   * @param browser - this browser's clock when the answer came
   * @param roundTripMs - how long it took
   */
  note(server: number, browser: number, roundTripMs: number): void {
    if (!Number.isFinite(server)) return;
    const errorMs = Math.max(1, roundTripMs / 2);
    const offsetMs = server - (browser - errorMs);
    // What cannot be true of the same two clocks tells that one of them was set.
    const isSet = Math.abs(offsetMs - this.#offsetMs) > errorMs + this.#errorMs + CLOSE_MS;
    if (errorMs > this.#errorMs && !isSet) return;
    this.#offsetMs = offsetMs;
    this.#errorMs = errorMs;
  }

  now(): number {
    return Date.now() + (Math.abs(this.#offsetMs) < CLOSE_MS ? 0 : this.#offsetMs);
  }
}

/** Of the server that this page is of. */
export const serverClock = new ServerClock();

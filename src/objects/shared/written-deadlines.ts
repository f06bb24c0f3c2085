/** Which deadlines an operation has written: promise I9 wants an alarm for each, whoever sets it. */
export class WrittenDeadlines {
  #earliest = Number.POSITIVE_INFINITY;

  /** Stores call this for each instant, in milliseconds, at which something that they write must be dealt with. */
  note(at: number): void {
    if (at < this.#earliest) this.#earliest = at;
  }

  /** The earliest one since the last call; Infinity when there was none. */
  take(): number {
    const earliest = this.#earliest;
    this.#earliest = Number.POSITIVE_INFINITY;
    return earliest;
  }
}

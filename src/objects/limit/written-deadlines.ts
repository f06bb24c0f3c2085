/** Which deadlines an operation has written: promise I9 wants an alarm for each, whoever sets it. */
import { GRACE_SECONDS } from "../../contract/bounds.ts";

export class WrittenDeadlines {
  #earliest = Number.POSITIVE_INFINITY;

  /** A lease ends with its grace. */
  noteLease(expires_at: number): void {
    this.note(expires_at + GRACE_SECONDS * 1000);
  }

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

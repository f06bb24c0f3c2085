/** What happens, as it happens: one line that is rewritten in a terminal, a line for each change elsewhere. */
import type { WriteStream } from "node:tty";

export interface Situation {
  ended: number;
  runs: number;
  seconds: number;
  limits: readonly { name: string; limit: number; active_slots: number; waiting: number }[];
}

const BAR_WIDTH = 14;
const CLEAR_LINE = "\r\u001B[2K";

/** Writes progress to a terminal, or to whatever stands in its place. */
export class Progress {
  readonly #out: WriteStream;
  #lastLine = "";

  constructor(out: WriteStream) {
    this.#out = out;
  }

  /** Says one sentence. */
  say(sentence: string): void {
    this.end();
    this.#out.write(`${sentence}\n`);
  }

  /** Shows how far the runs are. */
  show({ ended, runs, seconds, limits }: Situation): void {
    const slots = limits
      .map(
        ({ name, limit, active_slots, waiting }) =>
          `${name.replace("gpu:", "")} ${active_slots}/${limit}${waiting > 0 ? ` +${waiting}` : ""}`,
      )
      .join("  ");
    const counts = `${String(ended).padStart(String(runs).length)}/${runs} done   ${slots}`;
    if (this.#out.isTTY) {
      const filled = Math.round((ended / runs) * BAR_WIDTH);
      const bar = "█".repeat(filled) + "·".repeat(BAR_WIDTH - filled);
      this.#out.write(`${CLEAR_LINE}${bar} ${counts}  ${seconds.toFixed(1)} s`);
      this.#lastLine = counts;
    } else if (counts !== this.#lastLine) {
      this.#lastLine = counts;
      this.#out.write(`${seconds.toFixed(1).padStart(5)} s  ${counts}\n`);
    }
  }

  /** Leaves the line that is rewritten. */
  end(): void {
    if (this.#out.isTTY && this.#lastLine !== "") this.#out.write("\n");
    this.#lastLine = "";
  }
}

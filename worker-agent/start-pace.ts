/**
 * Lets only so many processes start at a time as there are processors: many that load their libraries at the same moment
 * keep all of them from beginning to work.
 */
import { availableParallelism } from "node:os";

/** What an interpreter with its libraries takes of one core until it works: Node about this, Python with Prefect more. */
const START_MS = 250;

export class StartPace {
  #free = availableParallelism();
  readonly #waiting = new Set<() => void>();

  /**
   * Resolves when it is the caller's turn, in the order of asking, or at once when the signal aborts. To be told by
   * `ended` when the process is over: one that is quick makes room sooner.
   */
  async turn(signal: AbortSignal): Promise<{ ended: () => void }> {
    if (this.#free > 0) this.#free -= 1;
    else if (!(await this.#wait(signal))) return { ended: () => undefined };
    let isOver = false;
    const ended = () => {
      clearTimeout(timer);
      if (!isOver) this.#pass();
      isOver = true;
    };
    const timer = setTimeout(ended, START_MS).unref();
    return { ended };
  }

  #wait(signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const settle = (isTurn: boolean) => {
        this.#waiting.delete(go);
        signal.removeEventListener("abort", leave);
        resolve(isTurn);
      };
      const go = () => settle(true);
      const leave = () => settle(false);
      this.#waiting.add(go);
      signal.addEventListener("abort", leave);
      if (signal.aborted) leave();
    });
  }

  #pass(): void {
    const [next] = this.#waiting;
    if (next === undefined) this.#free += 1;
    else next();
  }
}

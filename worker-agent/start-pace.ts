/**
 * Lets only so many processes start at a time as there are processors: many that load their libraries at the same moment
 * keep all of them from beginning to work.
 */
import { availableParallelism } from "node:os";
import { readDemand } from "./processor-time.ts";

/** No start is taken for over before: what an interpreter with few libraries takes of one core until it works. */
const START_MS = 250;
/** Nor for going on after: it computes, and has begun to work. */
const START_MS_MAX = 2000;
const LOOK_MS = 50;
/** A process that wants a processor for less of the time than this waits for something else, so it works. */
const BUSY_SHARE = 0.5;

/** What a process and its descendants have wanted of the processors until then; both in milliseconds. */
interface Look {
  at: number;
  demand: number | undefined;
}

/** One process's turn to start. It ends by itself. */
export interface Turn {
  /** The process runs: its turn lasts as long as it loads, on a host as slow as it may be. */
  follow: (pid: number) => void;
  /** The process is over: one that is quick makes room sooner. */
  end: () => void;
}

export class StartPace {
  readonly #maxMs: number;
  #free = availableParallelism();
  readonly #waiting = new Set<() => void>();

  constructor(maxMs = START_MS_MAX) {
    this.#maxMs = maxMs;
  }

  /** Resolves when it is the caller's turn, in the order of asking, or at once when the signal aborts. */
  async turn(signal: AbortSignal): Promise<Turn> {
    if (this.#free > 0) this.#free -= 1;
    else if (!(await this.#wait(signal))) return { follow: () => undefined, end: () => undefined };
    let isOver = false;
    const end = () => {
      clearTimeout(timer);
      if (!isOver) this.#pass();
      isOver = true;
    };
    let timer = setTimeout(end, START_MS).unref();
    const follow = (pid: number) => {
      const startedAt = performance.now();
      const look = (before: Look) => {
        const now: Look = { at: performance.now(), demand: readDemand(pid) };
        const age = now.at - startedAt;
        if (age >= this.#maxMs || (age >= START_MS && !isBusy(before, now))) return end();
        timer = setTimeout(look, LOOK_MS, now).unref();
      };
      clearTimeout(timer);
      if (!isOver) look({ at: startedAt, demand: undefined });
    };
    return { follow, end };
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

function isBusy(before: Look, now: Look): boolean {
  if (before.demand === undefined || now.demand === undefined) return false;
  return now.demand - before.demand >= BUSY_SHARE * (now.at - before.at);
}

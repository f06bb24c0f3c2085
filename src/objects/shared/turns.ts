/**
 * The order of an object's work: operations run in turns, and a turn ends when its commit is durable.
 *
 * An idle object runs an operation at once; while a commit is in flight, operations gather for the next turn and share
 * its commit.
 */
import type { ObjectHost } from "./host.ts";

export interface TurnHooks {
  /** Runs after the operations of a turn, as a part of it. */
  close(): void;
  /** Runs when the commit of a turn has failed. */
  fail(error: unknown): void;
  /** Runs when a turn is over; the next one waits for what it returns. */
  settle(): Promise<void> | undefined;
}

export class Turns {
  readonly #host: ObjectHost;
  readonly #hooks: TurnHooks;
  #waiting: (() => void)[] = [];
  #phase: "idle" | "running" | "committing" = "idle";

  constructor(host: ObjectHost, hooks: TurnHooks) {
    this.#host = host;
    this.#hooks = hooks;
  }

  /** How many operations wait for a turn. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Tells whether the operations of a turn run right now. */
  get isRunning(): boolean {
    return this.#phase === "running";
  }

  /** Runs an operation now or in the next turn. It must not throw. */
  add(run: () => void): void {
    this.#waiting.push(run);
    if (this.#phase === "idle") this.#run();
  }

  #run(): void {
    this.#phase = "running";
    const operations = this.#waiting;
    this.#waiting = [];
    for (const run of operations) run();
    this.#hooks.close();
    this.#phase = "committing";
    this.#host.sync().then(
      () => this.#settle(),
      (error: unknown) => {
        this.#hooks.fail(error);
        this.#settle();
      },
    );
  }

  #settle(): void {
    const over = this.#hooks.settle();
    if (over === undefined) this.#goOn();
    else this.#host.background(over.then(() => this.#goOn()));
  }

  #goOn(): void {
    this.#phase = "idle";
    if (this.#waiting.length > 0) this.#run();
  }
}

/** The runs that the agent has: which of them have a process, which take up a slot, and stopping them. */
import { waitAtMost } from "../src/client/backoff.ts";
import type { Run, StopReason } from "./run.ts";

/** A server that takes no reports for so long does not keep the slot of a run whose process is gone. */
const REPORT_WAIT_MS = 2000;

export class RunSet {
  readonly #onSlotFree: () => void;
  readonly #runs = new Map<string, Run>();
  /** Runs with a process, or about to have one. */
  readonly #live = new Set<Run>();
  /** Runs that take up a slot of the limit. */
  readonly #taken = new Set<Run>();
  /** What was asked to stop, and why: each beat's answer repeats it. */
  readonly #stopped = new Set<string>();

  constructor(onSlotFree: () => void) {
    this.#onSlotFree = onSlotFree;
  }

  /** How many have a process, or are about to have one. */
  get liveCount(): number {
    return this.#live.size;
  }

  /** How many take up a slot of the limit. */
  get takenCount(): number {
    return this.#taken.size;
  }

  /** Every attempt, until the server has its end and its logs. */
  get attemptIds(): string[] {
    return [...this.#runs.keys()];
  }

  /** Attempts in which the server may still have a say. */
  get openAttemptIds(): string[] {
    return this.all.filter((run) => run.isOpen).map((run) => run.attemptId);
  }

  get all(): Run[] {
    return [...this.#runs.values()];
  }

  get(attemptId: string): Run | undefined {
    return this.#runs.get(attemptId);
  }

  /** Takes a run in; it leaves by itself. */
  follow(run: Run): void {
    this.#runs.set(run.attemptId, run);
    this.#live.add(run);
    this.#taken.add(run);
    void this.#freeSlot(run);
    void run.done.then(() => this.#runs.delete(run.attemptId));
  }

  /** Stops a run for a reason; what was said before is not said again. */
  stop(run: Run, reason: StopReason, graceMs: number): void {
    const key = `${run.attemptId} ${reason}`;
    if (this.#stopped.has(key)) return;
    this.#stopped.add(key);
    void run.done.then(() => this.#stopped.delete(key));
    run.stop(reason, graceMs);
  }

  /** Stops every run of these flow runs that has a process. */
  cancel(flowRunIds: ReadonlySet<string>, graceMs: number): void {
    for (const run of this.#live) if (flowRunIds.has(run.flowRunId)) this.stop(run, "cancelled", graceMs);
  }

  stopAll(reason: StopReason, graceMs: number): void {
    for (const run of this.#live) run.stop(reason, graceMs);
  }

  /** Resolves when no process is left. */
  async whenEnded(): Promise<void> {
    while (this.#live.size > 0) await Promise.all([...this.#live].map((run) => run.ended));
  }

  /** The slot is free when the server knows of the end, too: before that it would count the next run beside this one. */
  async #freeSlot(run: Run): Promise<void> {
    await run.ended;
    this.#live.delete(run);
    await waitAtMost(run.reported, REPORT_WAIT_MS);
    this.#taken.delete(run);
    this.#onSlotFree();
  }
}

/** Which processes have run which attempts: each attempt at most one, and never two of one run at a time. */
import type { Holdings } from "./holdings.ts";
import type { AttemptRecord } from "./hosts.ts";
import type { SimLimit } from "./limits.ts";
import { FLOW_LEASE_SECONDS } from "./people.ts";
import type { SimPool } from "./pools.ts";
import type { SimProcess } from "./process.ts";
import { slowLease } from "./scenario.ts";
import type { World } from "./world.ts";

interface Execution {
  process: SimProcess;
  record: AttemptRecord;
  deployment_id: string | null;
  began_at: number;
  isFinishing?: boolean;
}

/** What a message may need on its way. */
const AFTER_END_MS = 15_000;
const AFTER_END_LATE_MS = 900_000;
const RESIZED_LATELY_MS = 600_000;

export class Executions {
  readonly #world: World;
  readonly #pool: SimPool;
  readonly #holdings: Holdings;
  readonly #limits: readonly SimLimit[];
  readonly #attempts = new Set<string>();
  readonly #running = new Set<Execution>();
  /** Sizes that somebody has asked for, of the limits of deployments. */
  readonly #sizes = new Map<string, { at: number; size: number }[]>();

  constructor(world: World, pool: SimPool, holdings: Holdings, limits: readonly SimLimit[]) {
    [this.#world, this.#pool, this.#holdings, this.#limits] = [world, pool, holdings, limits];
    pool.watch.onEnd = (attempt_id) => this.#checkEnd(attempt_id);
  }

  /** The limit of a deployment is to have another size. */
  noteSize(deployment_id: string, size: number): void {
    const sizes = this.#sizes.get(deployment_id) ?? [];
    sizes.push({ at: this.#world.now, size });
    this.#sizes.set(deployment_id, sizes);
  }

  /** A process of an attempt begins. */
  begin(execution: Execution): void {
    const { process, deployment_id } = execution;
    const { flow_run_id, attempt_id } = execution.record;
    if (this.#attempts.has(attempt_id))
      this.#world.fail("I3", `attempt ${attempt_id} is executed a second time, by ${process.name}`);
    this.#attempts.add(attempt_id);
    const running = this.#listRunning();
    const other = running.find(({ record }) => record.flow_run_id === flow_run_id);
    if (other !== undefined)
      this.#world.fail("I3", `${process.name} runs a run that ${other.process.name} still runs`, {
        flow_run_id,
        attempts: [other.record.attempt_id, attempt_id],
        began_at: [other.began_at, this.#world.now],
      });
    this.#running.add(execution);
    if (deployment_id === null) return;
    // With the step to RUNNING a limit that could not be reached before has confirmed the slot.
    const others = running.filter(
      (one) =>
        one.deployment_id === deployment_id &&
        one.isFinishing !== true &&
        !this.#pool.watch.disturbed.has(one.record.flow_run_id) &&
        this.#pool.watch.isRunning(one.record.flow_run_id),
    );
    const same = [...others, execution];
    const bound = this.#sizeOf(deployment_id, Math.min(...same.map(({ began_at }) => began_at)));
    if (same.length > bound)
      this.#world.fail("I1", `${same.length} runs of a deployment with ${bound} slots run at a time`, {
        runs: same.map(({ process: { name }, record, began_at }) => ({
          name,
          id: record.flow_run_id,
          began_at,
        })),
      });
  }

  /** Its work is done, and its slot of the deployment given back, when the pool takes what it says now. */
  finish(process: SimProcess, isFinishing: boolean): void {
    for (const execution of this.#running)
      if (execution.process === process) execution.isFinishing = isFinishing;
  }

  end(process: SimProcess): void {
    for (const execution of this.#running) if (execution.process === process) this.#running.delete(execution);
  }

  /** Who is being stopped is about to be gone, as after a machine has slept through the end of its session. */
  #listRunning(): Execution[] {
    return [...this.#running].filter(
      ({ process, record }) => process.isRunning && record.stopReason === undefined,
    );
  }

  #sizeOf(deployment_id: string, since: number): number {
    const sizes = this.#sizes.get(deployment_id) ?? [];
    const lately = since - RESIZED_LATELY_MS;
    const before = sizes.findLast(({ at }) => at <= lately);
    return Math.max(
      before?.size ?? 0,
      ...sizes.filter(({ at }) => at > lately).map(({ size }) => size),
      ...(sizes.length === 0 ? [Number.POSITIVE_INFINITY] : []),
    );
  }

  /** An attempt is over: what it held must be free within its bound, and its process is gone or about to hear of it. */
  #checkEnd(attempt_id: string): void {
    this.#holdings.ended.add(attempt_id);
    const { faults, timeline } = this.#world;
    const noted = this.#pool.watch.noted.get(attempt_id);
    for (const limit of this.#limits) {
      const mayBeLate = faults.isLate || faults.isLossy;
      const base = mayBeLate ? this.#world.tempo * AFTER_END_LATE_MS : AFTER_END_MS;
      const lease_ms = 1000 * slowLease(Math.max(...FLOW_LEASE_SECONDS), this.#world.tempo);
      // An acquire that comes when the end of its attempt has been forgotten begins anew, and ends by its lease.
      const isVisited = noted?.has(limit.key) === true && !mayBeLate;
      const bound = base + (isVisited ? 0 : lease_ms);
      timeline.after(bound, () => {
        if (limit.watch.isHeldBy(attempt_id))
          this.#world.fail("I10", `${limit.name} is held by attempt ${attempt_id} long after its end`, {
            bound,
            noted: [...(noted ?? [])],
          });
      });
    }
  }
}

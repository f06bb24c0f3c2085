/**
 * Holds the queues of a pool to their order (I8): by the queues' priorities, then by who was moved to the front, then by
 * time. Who was moved before whom the watch knows from the answers of the pool, and looks at no index.
 */
import { instantToMs } from "../../src/contract/instants.ts";
import { isTerminal, type StateType } from "../../src/contract/wire/states.ts";
import type { Sql } from "../../src/objects/shared/sql.ts";
import type { SimObject } from "./objects.ts";
import type { World } from "./world.ts";

/** A run that waits, with what it says of itself. */
interface WaitingRow {
  id: string;
  queue_id: string | null;
  deployment_id: string | null;
  next_scheduled_start_time: string | null;
  is_parked: 0 | 1;
}

interface QueueRow {
  id: string;
  priority: number;
  is_paused: 0 | 1;
  concurrency_limit: number | null;
}

/** A run that waits for nothing but a worker. */
interface Waiter {
  id: string;
  queue_id: string;
  due_at: number;
  /** Its deployment may let it wait for a slot. */
  hasDeployment: boolean;
  /** It does so already. */
  isParked: boolean;
}

/** Who was moved to the front goes before everybody who waited then. */
interface Front {
  number: number;
  passed: ReadonlySet<string>;
}

interface Scene {
  waiters: ReadonlyMap<string, Waiter>;
  queues: ReadonlyMap<string, QueueRow>;
  /** Runs that are under way, by their queue. */
  used: ReadonlyMap<string | null, number>;
}

/** A claim that was given. */
export interface Given {
  run_id: string;
  queue_id: string | null;
}

/** A call that moves somebody has had its effect, or has been lost with its turn, within so long. */
const MOVING_MS = 100;
/** A claim looks again so often where runs cannot be had. */
const CLAIM_ROUNDS = 4;

export class QueueWatch {
  readonly #world: World;
  readonly #object: SimObject;
  readonly #sql: Sql;
  #scene: Scene = { waiters: new Map(), queues: new Map(), used: new Map() };
  #looked_at = 0;
  readonly #fronts = new Map<string, Front>();
  /** When somebody last asked to move each run. */
  readonly #moves = new Map<string, number>();
  #moved = 0;

  constructor(world: World, object: SimObject, sql: Sql) {
    [this.#world, this.#object, this.#sql] = [world, object, sql];
  }

  /** Somebody has asked to move a run to the front. */
  noteMove(id: string): void {
    this.#moves.set(id, this.#world.now);
  }

  /** A run was moved to the front. */
  noteMoved(id: string): void {
    // One that waits for a slot of its deployment has passed nobody of its queue yet.
    const queue_id = this.#scene.waiters.get(id)?.queue_id;
    const passed = [...this.#scene.waiters.values()].filter(
      (other) => other.queue_id === queue_id && !this.#isMoving(other.id),
    );
    this.#fronts.set(id, {
      number: (this.#moved += 1),
      passed: new Set(passed.map((other) => other.id).filter((other) => other !== id)),
    });
  }

  /** Compares who waits with who waited, where claims were given or not. `active` are all that are under way. */
  look(given: readonly Given[], active: readonly Given[]): void {
    const before = this.#scene;
    const after = this.#readScene(active);
    for (const { run_id } of given) {
      const taken = before.waiters.get(run_id);
      if (taken !== undefined && !this.#isMoving(run_id)) this.#checkClaim(taken, given, before, after);
    }
    this.#scene = after;
    this.#looked_at = this.#world.clock.now;
  }

  #checkClaim(taken: Waiter, given: readonly Given[], before: Scene, after: Scene): void {
    for (const waiter of before.waiters.values()) {
      // What was not due at the commit before may not have been at the claim either.
      if (!after.waiters.has(waiter.id) || waiter.hasDeployment || waiter.due_at > this.#looked_at) continue;
      if (this.#isMoving(waiter.id)) continue;
      const isPassed =
        waiter.queue_id === taken.queue_id
          ? this.#isBefore(waiter, taken)
          : isQueueBefore(waiter.queue_id, taken.queue_id, before, after) &&
            !mayGiveUp(before, this.#world.clock.now) &&
            hasRoom(waiter.queue_id, given, before, after);
      if (isPassed)
        this.#world.fail("I8", `${this.#object.name} gave run ${taken.id} before ${waiter.id}`, {
          taken,
          waiter,
          fronts: [this.#fronts.get(taken.id)?.number, this.#fronts.get(waiter.id)?.number],
        });
    }
  }

  /** Tells whether one certainly stands before another in their queue. */
  #isBefore(left: Waiter, right: Waiter): boolean {
    const moved = { left: this.#fronts.get(left.id), right: this.#fronts.get(right.id) };
    if (moved.left === undefined) return moved.right === undefined && left.due_at < right.due_at;
    if (moved.right === undefined) return true;
    return !right.hasDeployment && moved.left.passed.has(right.id) && moved.right.number < moved.left.number;
  }

  /** Who has ended has no place any more, and stands among the others should it begin again. */
  #hasEnded(id: string): boolean {
    const [row] = this.#sql.all<{ state_type: StateType | null }>(
      "SELECT state_type FROM flow_run WHERE id = ?",
      id,
    );
    return row === undefined || row.state_type === null || isTerminal(row.state_type);
  }

  #isMoving(id: string): boolean {
    return this.#world.now < (this.#moves.get(id) ?? 0) + MOVING_MS;
  }

  #readScene(active: readonly Given[]): Scene {
    const rows = this.#sql.all<WaitingRow>(
      `SELECT id, queue_id, deployment_id, next_scheduled_start_time, is_parked FROM flow_run WHERE state_type = 'SCHEDULED'`,
    );
    // Who waits in its own process to try again is active, too.
    const isActive = new Set(active.map(({ run_id }) => run_id));
    const waiters = new Map<string, Waiter>();
    for (const { id, queue_id, deployment_id, next_scheduled_start_time, is_parked } of rows) {
      if (queue_id === null || next_scheduled_start_time === null || isActive.has(id)) continue;
      const due_at = Math.ceil(instantToMs(next_scheduled_start_time));
      waiters.set(id, {
        id,
        queue_id,
        due_at,
        hasDeployment: deployment_id !== null,
        isParked: is_parked === 1,
      });
    }
    for (const id of this.#fronts.keys()) if (this.#hasEnded(id)) this.#fronts.delete(id);
    const used = new Map<string | null, number>();
    for (const { queue_id } of active) used.set(queue_id, (used.get(queue_id) ?? 0) + 1);
    const queues = this.#sql.all<QueueRow>("SELECT id, priority, is_paused, concurrency_limit FROM queue");
    return { waiters, used, queues: new Map(queues.map((queue) => [queue.id, queue])) };
  }
}

/** Tells whether one queue goes before another, whenever in the turn that was asked. */
function isQueueBefore(left: string, right: string, ...scenes: Scene[]): boolean {
  return scenes.every(({ queues }) => {
    const [first, second] = [queues.get(left), queues.get(right)];
    return first !== undefined && second !== undefined && first.priority < second.priority;
  });
}

/**
 * Tells whether a claim may have had enough of runs that turn out to wait for a slot of their deployment: it looks behind a few
 * of them only, and gives the rest to later queues.
 */
function mayGiveUp({ waiters }: Scene, now: number): boolean {
  const others = [...waiters.values()].filter(
    ({ hasDeployment, isParked, due_at }) => hasDeployment && !isParked && due_at <= now,
  );
  return others.length >= CLAIM_ROUNDS;
}

/** Tells whether a queue could have given one more run than it did, whenever in the turn that was asked. */
function hasRoom(queue_id: string, given: readonly Given[], before: Scene, after: Scene): boolean {
  const started = given.filter((one) => one.queue_id === queue_id).length;
  const used = Math.max((before.used.get(queue_id) ?? 0) + started, after.used.get(queue_id) ?? 0);
  return [before, after].every(({ queues }) => {
    const queue = queues.get(queue_id);
    return queue?.is_paused === 0 && used < (queue.concurrency_limit ?? Number.POSITIVE_INFINITY);
  });
}

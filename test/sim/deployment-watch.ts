/** Holds the limit of a deployment to its runs: whoever stands in its line, or holds a slot of it, is a run that needs it. */
import type { SimDeployment } from "./deployments.ts";
import { FirstSeen } from "./first-seen.ts";
import type { SimPool } from "./pools.ts";
import type { World } from "./world.ts";

const LOOK_MS = 30_000;
/** What a message may need on its way, and how often it is sent again. */
const LEAVES_MS = 120_000;
const LEAVES_LATE_MS = 3_600_000;
const WAITING = new Set(["SCHEDULED"]);
/** A run that waits may have its slot already. */
const HOLDING = new Set(["SCHEDULED", "PENDING", "RUNNING", "CANCELLING"]);

export class DeploymentWatch {
  readonly #world: World;
  readonly #pool: SimPool;
  readonly #deployments: readonly SimDeployment[];
  /** What should not be there. */
  readonly #stray = new FirstSeen();

  constructor(world: World, pool: SimPool, deployments: readonly SimDeployment[]) {
    [this.#world, this.#pool, this.#deployments] = [world, pool, deployments];
  }

  start(): void {
    this.#world.spawn("deployment-watch", async () => {
      for (;;) {
        await this.#world.timeline.sleep(this.#world.tempo * LOOK_MS);
        this.#look();
        if (this.#world.faults.isOver) return;
      }
    });
  }

  #look(): void {
    const { now, faults, tempo } = this.#world;
    this.#stray.look(
      this.#deployments.flatMap((deployment) => this.#listStray(deployment)),
      now,
    );
    const bound = faults.isLate || faults.isLossy ? tempo * LEAVES_LATE_MS : tempo * LEAVES_MS;
    for (const [mark, since] of this.#stray.before(now - bound))
      this.#world.fail("I10", `${mark} and does not need it`, { since, now });
  }

  #listStray({ limit }: SimDeployment): string[] {
    const { database } = limit.object;
    if (!limit.object.isSettled) return [];
    const list = (table: string) =>
      database
        .prepare(
          `SELECT holder_id AS id, count(*) AS times FROM ${table} WHERE holder_type = 'flow_run' GROUP BY 1`,
        )
        .all() as { id: string; times: number }[];
    const waiters = list("waiter").filter(({ id }) => !this.#is(id, WAITING));
    const twice = list("waiter").filter(({ times }) => times > 1);
    const holders = list("lease").filter(({ id }) => !this.#is(id, HOLDING));
    return [
      ...waiters.map(({ id }) => `run ${id} stands in the line of ${limit.name}`),
      ...twice.map(({ id }) => `run ${id} stands more than once in the line of ${limit.name}`),
      ...holders.map(({ id }) => `run ${id} holds a slot of ${limit.name}`),
    ];
  }

  #is(id: string, states: ReadonlySet<string>): boolean {
    const state = this.#pool.watch.stateOf(id);
    return state !== undefined && states.has(state);
  }
}

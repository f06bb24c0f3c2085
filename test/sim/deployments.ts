/** A deployment in the simulation: what its pool is told of it, and the limit that belongs to it. */
import { limitNameOfDeployment } from "../../src/domain/catalog/deployments.ts";
import type { DeploymentNote } from "../../src/objects/pool/operations.ts";
import type { Executions } from "./executions.ts";
import type { SimLimit } from "./limits.ts";
import type { SimPool } from "./pools.ts";
import type { World } from "./world.ts";

export class SimDeployment {
  readonly id: string;
  readonly limit: SimLimit;
  readonly #world: World;
  readonly #pool: SimPool;
  readonly #executions: Executions;
  readonly #strategy: DeploymentNote["collision_strategy"];
  #revision = 0;
  #size: number;
  #resized: Promise<void> = Promise.resolve();

  constructor(
    world: World,
    pool: SimPool,
    executions: Executions,
    limit: SimLimit,
    plan: { id: string; size: number; collision_strategy: DeploymentNote["collision_strategy"] },
  ) {
    [this.#world, this.#pool, this.#executions, this.limit] = [world, pool, executions, limit];
    [this.id, this.#size, this.#strategy] = [plan.id, plan.size, plan.collision_strategy];
  }

  static limitName(id: string): string {
    return limitNameOfDeployment(id);
  }

  get note(): DeploymentNote {
    return {
      deployment_id: this.id,
      revision: this.#revision,
      concurrency_limit: this.#size,
      collision_strategy: this.#strategy,
      grace_period_seconds: null,
    };
  }

  open(): Promise<void> {
    return this.resize(this.#size);
  }

  /** Tells limit and pool of another size, as the workspace does: until both have heard, and of one after the other. */
  resize(size: number): Promise<void> {
    this.#resized = this.#resized.then(() => this.#resize(size));
    return this.#resized;
  }

  async #resize(size: number): Promise<void> {
    this.#size = size;
    this.#revision += 1;
    const { note } = this;
    this.#executions.noteSize(this.id, size);
    const tell = async (ask: () => Promise<unknown>) => {
      while ((await ask()) === undefined) await this.#world.timeline.sleep(1000);
    };
    await tell(async () => {
      const answer = await this.limit.ask("workspace", "put", { name: this.limit.name, limit: size });
      return answer?.ok === true ? answer : undefined;
    });
    await tell(async () => {
      const answer = await this.#pool.ask("workspace", "put_deployment", note);
      return answer?.ok === true || answer?.error.code === "conflict" ? answer : undefined;
    });
    this.#executions.noteSize(this.id, size);
  }
}

/** Those who want slots: our SDK over held requests or a socket, and Prefect's clients over HTTP. */
import type { Holdings } from "./holdings.ts";
import { LimitClient, type Wish } from "./limit-client.ts";
import { SimProcess } from "./process.ts";
import type { Random } from "./random.ts";
import type { World } from "./world.ts";

export interface CallerPlan extends Omit<Wish, "run"> {
  name: string;
  /** Means, in milliseconds. */
  think_ms: number;
  hold_ms: number;
  clock: { skew_ms: number; rate: number };
}

/** One caller over all its lives: it thinks, waits for its turn, holds, gives back, and begins anew. */
export class SimCaller {
  readonly plan: CallerPlan;
  readonly #world: World;
  readonly #random: Random;
  readonly #client: LimitClient;
  #lives = 0;
  /** No more new work; what is under way ends. */
  isStopping = false;
  /** Since when it waits for a turn, in true time; undefined when it does not. */
  waits_since: number | undefined;
  /** It waits or holds. */
  #isBusy = false;

  constructor(world: World, holdings: Holdings, plan: CallerPlan) {
    [this.#world, this.plan] = [world, plan];
    this.#random = world.random(`caller ${plan.name}`);
    const wish = { ...plan, run: null };
    this.#client = new LimitClient(world, holdings, this.#random, wish, {
      mayDie: (process) => this.#mayDie(process),
    });
  }

  /** On whose behalf it waits or holds, where it is a task run's: what comes late for one before is nobody's. */
  get task_run_id(): string | undefined {
    return this.#isBusy ? this.#client.task_run_id : undefined;
  }

  start(): void {
    this.#lives += 1;
    this.waits_since = undefined;
    this.#isBusy = false;
    const { name, clock } = this.plan;
    const process = new SimProcess(this.#world, `${name}.${this.#lives}`, clock);
    this.#world.spawn(process.name, () => this.#live(process));
  }

  async #live(process: SimProcess): Promise<void> {
    for (;;) {
      await process.sleep(this.#random.exponential(this.plan.think_ms));
      if (this.isStopping) return;
      this.waits_since = this.#world.now;
      this.#isBusy = true;
      const taken = await this.#client.take(process);
      this.waits_since = undefined;
      if (taken !== undefined && taken.grant.fence !== null)
        await this.#client.hold(process, taken, this.#random.exponential(this.plan.hold_ms));
      else if (taken !== undefined) await process.sleep(1000);
      this.#isBusy = false;
    }
  }

  /** Dies here if it is to, and is started again after a while. */
  #mayDie(process: SimProcess): boolean {
    const again_ms = process.mayFail();
    if (again_ms === undefined) return false;
    this.waits_since = undefined;
    this.#world.timeline.after(again_ms, () => this.start());
    return true;
  }
}

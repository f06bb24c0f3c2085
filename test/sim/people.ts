/** People at the pool: they create runs, cancel, retry and delete them, pause queues, and change sizes. */
import type { RunDraft } from "../../src/objects/pool/operations.ts";
import { draftRun } from "../support/run-draft.ts";
import type { SimDeployment } from "./deployments.ts";
import type { FlowPlan } from "./flows.ts";
import type { SimPool } from "./pools.ts";
import type { Random } from "./random.ts";
import { slowLease } from "./scenario.ts";
import type { World } from "./world.ts";

export interface PeoplePlan {
  every_ms: number;
  work_ms: number;
  /** Nobody creates more while so many have not ended. */
  unfinished_max: number;
  lost_run_policy: "crash" | "reschedule";
  limits: number;
  /** Of the pool. */
  concurrency_limit: number | null;
  /** Some engines wait for a person, who comes, or comes not. */
  hasPauses: boolean;
}

const FLOW = "0f9a1c52-0000-4000-8000-000000000001";
const QUEUES = ["default", "fast"] as const;
/** In the busiest world. */
export const FLOW_LEASE_SECONDS = [30, 60, 120, 240] as const;
const DELAY_MS = [1000, 300_000] as const;
const KEYS_AGAIN_MS = 60_000;
/** In the busiest world. */
const PAUSE_MS = [10_000, 3_000_000] as const;
const PAUSES_SHARE = 0.5;
const FORGOTTEN_SHARE = 0.2;

export class People {
  readonly #world: World;
  readonly #pool: SimPool;
  readonly #deployments: readonly SimDeployment[];
  readonly #plan: PeoplePlan;
  readonly #random: Random;
  #runs = 0;

  constructor(world: World, pool: SimPool, deployments: readonly SimDeployment[], plan: PeoplePlan) {
    [this.#world, this.#pool, this.#deployments, this.#plan] = [world, pool, deployments, plan];
    this.#random = world.random("people");
  }

  /** Makes the pool and its queues, as often as it takes, and tells it of its deployments. */
  async open(): Promise<void> {
    await this.#makePool();
    for (const deployment of this.#deployments) await deployment.open();
  }

  async #makePool(): Promise<void> {
    const { lost_run_policy, concurrency_limit } = this.#plan;
    await this.#until(async () => {
      const made = await this.#pool.ask("people", "create", {
        name: this.#pool.name,
        type: "process",
        lost_run_policy,
        concurrency_limit,
      });
      return made?.ok === true || (made?.ok === false && made.error.code === "conflict");
    });
    for (const name of QUEUES)
      await this.#until(async () => (await this.#pool.ask("people", "ensure_queue", { name }))?.ok === true);
  }

  /** Puts everything into a state in which each run can end. */
  async makeRoom(): Promise<void> {
    await this.#makePool();
    const update = { concurrency_limit: null, is_paused: false };
    await this.#until(async () => (await this.#pool.ask("people", "update", update))?.ok === true);
    for (const name of QUEUES)
      await this.#until(
        async () => (await this.#pool.ask("people", "update_queue", { name, update }))?.ok === true,
      );
    for (const deployment of this.#deployments) await deployment.resize(2);
  }

  async #until(isDone: () => Promise<boolean>): Promise<void> {
    while (!(await isDone())) await this.#world.timeline.sleep(1000);
  }

  start(): void {
    const { faults, timeline } = this.#world;
    this.#world.spawn("people", async () => {
      while (!faults.isOver) {
        await timeline.sleep(this.#random.exponential(this.#plan.every_ms));
        if (!faults.isOver) await this.#create();
      }
    });
    this.#world.spawn("people", async () => {
      while (!faults.isOver) {
        await timeline.sleep(this.#random.exponential(this.#plan.every_ms));
        await this.#meddle();
      }
    });
    if (this.#plan.hasPauses) this.#world.spawn("people", () => this.#endPauses());
  }

  /** Lets go on who waits for that, and cancels who cannot any more; some are forgotten, and end by themselves. */
  async #endPauses(): Promise<void> {
    const { faults, timeline, clock } = this.#world;
    const { watch } = this.#pool;
    for (;;) {
      await timeline.sleep(this.#random.exponential(this.#plan.every_ms));
      for (const { id, state_type } of watch.listUnfinished()) {
        if (state_type !== "PAUSED") continue;
        // By a clock that was put back nothing may end before those who look at it give up.
        if (!clock.hasStepped && this.#world.random(`pause of ${id}`).chance(FORGOTTEN_SHARE)) continue;
        const resumed = await this.#pool.ask("people", "resume_run", { id, run_input: null });
        const state = { type: "CANCELLING" } as const;
        if (resumed?.ok === true && resumed.value.result.status !== "ACCEPT")
          await this.#pool.ask("people", "set_state", { id, state, is_forced: false, run: null });
      }
      if (faults.isOver && watch.listUnfinished().length === 0) return;
    }
  }

  async #create(): Promise<void> {
    if (this.#pool.watch.listUnfinished().length >= this.#plan.unfinished_max) return;
    const draft = this.#draft();
    const deployment = this.#deployments.find(({ id }) => id === draft.deployment_id)?.note ?? null;
    const create = () => this.#pool.ask("people", "create_run", { draft, deployment });
    const made = await create();
    // Who heard no answer asks again with the same key, and some do so anyway.
    if (made === undefined || this.#random.chance(0.2)) {
      await this.#world.timeline.sleep(this.#random.magnitude(1, KEYS_AGAIN_MS));
      await create();
    }
  }

  #draft(): RunDraft {
    const random = this.#random;
    this.#runs += 1;
    const plan: FlowPlan = {
      isEngine: random.chance(0.5),
      work_ms: random.exponential(this.#plan.work_ms / 2),
      wants: Array.from({ length: this.#plan.limits }, (_, index) => index).filter(() => random.chance(0.3)),
      kind: random.pick(["held requests", "socket", "prefect"]),
      lease_seconds: slowLease(random.pick(FLOW_LEASE_SECONDS), this.#world.tempo),
      exit_code: random.chance(0.8) ? 0 : 1,
    };
    const deployment = this.#deployments[random.int(0, this.#deployments.length)];
    const ofPause = this.#world.random(`pause of run ${this.#runs}`);
    if (this.#plan.hasPauses && ofPause.chance(PAUSES_SHARE))
      plan.pause = {
        is_suspended: deployment !== undefined && ofPause.chance(0.5),
        timeout_ms: ofPause.magnitude(...this.#world.stretch(PAUSE_MS)),
      };
    const delay_ms = random.chance(0.3) ? random.magnitude(...this.#world.stretch(DELAY_MS)) : 0;
    const scheduled_time = new Date(this.#world.now + delay_ms).toISOString().replace("Z", "000Z");
    return draftRun({
      flow_id: FLOW,
      deployment_id: deployment?.id ?? null,
      idempotency_key: `key-${this.#runs}`,
      work_queue_name: random.pick(QUEUES),
      parameters: plan as never,
      empirical_policy: { retries: random.pick([0, 0, 1]), retry_delay: 3 },
      state: { type: "SCHEDULED", state_details: { scheduled_time } },
    });
  }

  async #meddle(): Promise<void> {
    const { faults } = this.#world;
    const pick = (random: Random) => {
      const runs = [...this.#pool.watch.created.keys()]
        .filter((id) => !this.#pool.watch.deleted.has(id))
        .slice(-30);
      return runs[random.int(0, runs.length - 1)];
    };
    const setState = async (random: Random | undefined, type: "CANCELLING" | "CRASHED" | "SCHEDULED") => {
      const id = random && pick(random);
      if (id === undefined) return;
      const is_forced = type !== "CANCELLING";
      await this.#pool.ask("people", "set_state", { id, state: { type }, is_forced, run: null });
    };
    await setState(faults.strike("cancel"), "CANCELLING");
    await setState(faults.strike("crash_run"), "CRASHED");
    const retry = faults.strike("retry_run");
    const retried = retry && pick(retry);
    if (retried !== undefined) {
      const read = await this.#pool.ask("people", "read_run", { id: retried });
      if (read?.ok === true && ["FAILED", "CRASHED", "CANCELLED"].includes(read.value.state_type ?? ""))
        await setState(retry, "SCHEDULED");
    }
    const front = faults.strike("to_front");
    const moved = front && pick(front);
    if (moved !== undefined) await this.#pool.ask("people", "move_to_front", { id: moved });
    const removal = faults.strike("delete_run");
    const removed = removal && pick(removal);
    if (removed !== undefined) await this.#pool.ask("people", "delete_run", { id: removed });
    const recreation = faults.strike("recreate_pool");
    if (recreation !== undefined) await this.#recreate(recreation);
    await this.#resize();
  }

  /** Its scheduled runs become Cancelled; those under way go on, and are the new pool's. */
  async #recreate(random: Random): Promise<void> {
    await this.#pool.ask("people", "delete", {});
    await this.#world.timeline.sleep(random.magnitude(1, 300_000));
    await this.#makePool();
  }

  async #resize(): Promise<void> {
    const { faults } = this.#world;
    const name = this.#random.pick(QUEUES);
    const pause = faults.strike("pause");
    if (pause !== undefined) {
      const update = { is_paused: pause.chance(0.5) };
      await (pause.chance(0.5)
        ? this.#pool.ask("people", "update", update)
        : this.#pool.ask("people", "update_queue", { name, update }));
    }
    const pool = faults.strike("resize_pool");
    if (pool !== undefined)
      await this.#pool.ask("people", "update", { concurrency_limit: pool.pick([null, 0, 1, 2, 3]) });
    const queue = faults.strike("resize_queue");
    if (queue !== undefined)
      await this.#pool.ask("people", "update_queue", {
        name,
        update: { concurrency_limit: queue.pick([null, 0, 1, 2]) },
      });
    const order = faults.strike("reorder_queues");
    if (order !== undefined)
      await this.#pool.ask("people", "update_queue", {
        name: order.pick(QUEUES),
        update: { priority: order.int(1, 3) },
      });
    const deployment = faults.strike("resize_deployment");
    if (deployment !== undefined)
      await this.#deployments[deployment.int(0, this.#deployments.length - 1)]?.resize(deployment.int(1, 3));
  }
}

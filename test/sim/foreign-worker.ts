/**
 * A worker of Prefect's: it asks what is due, which reserves nothing, takes a run by proposing PENDING, and runs it in a
 * process that sets its own states and names no attempt. It never dies: of its runs nothing would be heard for a day.
 */
import { formatInstant } from "../../src/contract/instants.ts";
import type { FlowRun } from "../../src/contract/wire/flow-runs.ts";
import type { State, StateCreate } from "../../src/contract/wire/states.ts";
import type { AgentPlan } from "./agents.ts";
import type { FlowPlan } from "./flows.ts";
import type { SimPool } from "./pools.ts";
import { SimProcess } from "./process.ts";
import type { World } from "./world.ts";

export type ForeignWorkerPlan = Pick<AgentPlan, "name" | "limit" | "poll_ms" | "clock">;

/** What is due so soon is asked for, too (source: Prefect 3.8.8). */
const PREFETCH_MS = 10_000;
const HEARTBEAT_SECONDS = 30;
/** From a poll to the proposals: it readies what it is to start first. */
const HURRY_MS = 2000;

export class ForeignWorker {
  isStopping = false;
  readonly #world: World;
  readonly #pool: SimPool;
  readonly #plan: ForeignWorkerPlan;
  readonly #process: SimProcess;
  #running = 0;

  constructor(world: World, pool: SimPool, plan: ForeignWorkerPlan) {
    [this.#world, this.#pool, this.#plan] = [world, pool, plan];
    this.#process = new SimProcess(world, plan.name, plan.clock);
  }

  start(): void {
    this.#world.spawn(this.#plan.name, async () => {
      while (!this.isStopping) {
        await this.#process.sleep(this.#world.tempo * this.#plan.poll_ms);
        await this.#poll();
      }
    });
  }

  async #poll(): Promise<void> {
    const { name, limit } = this.#plan;
    void this.#pool.ask(name, "heartbeat", { name, heartbeat_interval_seconds: HEARTBEAT_SECONDS });
    if (this.#running >= limit) return;
    const due = await this.#pool.ask(name, "get_scheduled", {
      work_queue_names: null,
      scheduled_before: formatInstant(this.#world.clock.now + PREFETCH_MS),
      scheduled_after: null,
      limit: limit - this.#running,
      csrf_client: name,
    });
    if (due?.ok !== true) return;
    for (const run of due.value) {
      this.#running += 1;
      this.#world.spawn(`${name} with run ${run.id.slice(-4)}`, async () => {
        await this.#run(run);
        this.#running -= 1;
      });
    }
  }

  async #run({ id, parameters }: FlowRun): Promise<void> {
    const { work_ms, exit_code } = parameters as unknown as FlowPlan;
    // What was due may have been taken meanwhile, and so may the room for it.
    await this.#process.sleep(this.#world.random(`${this.#plan.name} takes ${id}`).int(0, HURRY_MS));
    if ((await this.#propose(id, "PENDING"))?.type !== "PENDING") return;
    this.#world.count("runs of a foreign worker");
    for (;;) {
      await this.#process.sleep(1000);
      if ((await this.#propose(id, "RUNNING"))?.type !== "RUNNING") return;
      await this.#process.sleep(work_ms);
      const state = await this.#propose(id, exit_code === 0 ? "COMPLETED" : "FAILED");
      // The engine retries in its own process.
      if (state?.name !== "AwaitingRetry") return;
      await this.#process.sleep(3000);
    }
  }

  /** Proposes a state until there is an answer, as one and the same proposal; what the run is then, null: it gives up. */
  async #propose(id: string, type: StateCreate["type"]): Promise<State | null> {
    const transition_id = this.#world.random(`${this.#plan.name} ${id} ${this.#world.now}`).uuid();
    const state: StateCreate = { type, state_details: { transition_id } };
    for (;;) {
      const answer = await this.#pool.ask(this.#plan.name, "set_state", {
        id,
        state,
        is_forced: false,
        run: null,
      });
      if (answer?.ok === false && answer.error.code === "not_found") return null;
      const { result } = answer?.ok === true ? answer.value : {};
      if (result?.status === "ABORT") return null;
      if (result !== undefined && result.status !== "WAIT") return result.state;
      await this.#process.sleep(result === undefined ? 1000 : 5000);
    }
  }
}

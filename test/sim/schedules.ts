/** A deployment with a schedule in the simulation: the real workspace plans its runs, people pause it and change its interval. */
import { ENVELOPE_VERSION } from "../../src/contract/envelope.ts";
import { formatInstant } from "../../src/contract/instants.ts";
import type { Result } from "../../src/contract/errors.ts";
import type { WorkspaceOperations } from "../../src/objects/workspace/operations.ts";
import type { FlowPlan } from "./flows.ts";
import type { Network } from "./network.ts";
import type { SimObject } from "./objects.ts";
import type { SimPool } from "./pools.ts";
import { START, type World } from "./world.ts";

export interface SchedulePlan {
  /** Every run is like this one. */
  flow: FlowPlan;
  interval_seconds: number;
  /** How often people think of changing it. */
  every_ms: number;
}

const CALL_MS = 30_000;
/** Runs that are planned ahead: with so few the workspace must see to it again and again. */
const RUNS_AHEAD = 3;
/** A run that is due is in its pool by now, or has been. */
const LATE_MS = 10_000;

export class SimSchedule {
  readonly #world: World;
  readonly #network: Network;
  readonly #workspace: SimObject;
  readonly #pool: SimPool;
  readonly #plan: SchedulePlan;
  #requests = 0;
  #deployment_id = "";
  #schedule_id = "";
  #interval_seconds: number;
  #isPaused = false;
  /** Since when the workspace has known how it is now; undefined while it is paused, or being changed. */
  #stable_since: number | undefined;

  constructor(world: World, network: Network, workspace: SimObject, pool: SimPool, plan: SchedulePlan) {
    [this.#world, this.#network, this.#workspace, this.#pool] = [world, network, workspace, pool];
    [this.#plan, this.#interval_seconds] = [plan, plan.interval_seconds];
  }

  async open(): Promise<void> {
    const { flow } = await this.#must("create_flow", { name: "scheduled" });
    const { deployment } = await this.#must("put_deployment", {
      create: {
        name: "scheduled",
        flow_id: flow.id,
        parameters: { ...this.#plan.flow },
        schedules: [{ schedule: this.#rule(), active: true, max_scheduled_runs: RUNS_AHEAD }],
      },
      place: { work_pool_name: this.#pool.name, work_queue_name: null, work_queue_id: null },
    });
    this.#deployment_id = deployment.id;
    this.#schedule_id = deployment.schedules[0]?.id ?? "";
    this.#stable_since = this.#world.now;
  }

  start(): void {
    const { faults, timeline } = this.#world;
    const random = this.#world.random("schedule");
    this.#world.spawn("schedule", async () => {
      while (!faults.isOver) {
        await timeline.sleep(random.exponential(this.#plan.every_ms));
        const change = faults.strike("reschedule");
        if (change === undefined) continue;
        if (change.chance(0.5)) await this.#pause(change.chance(0.5));
        else {
          this.#interval_seconds = this.#plan.interval_seconds * change.int(1, 3);
          await this.#change("update_schedule", {
            deployment_id: this.#deployment_id,
            schedule_id: this.#schedule_id,
            update: { schedule: this.#rule() },
          });
        }
      }
    });
    this.#world.spawn("schedule", async () => {
      while (!faults.isOver) {
        const interval_ms = this.#interval_seconds * 1000;
        const date = START + (Math.floor((this.#world.now - START) / interval_ms) + 1) * interval_ms;
        await timeline.sleep(date + LATE_MS - this.#world.now);
        this.#check(date, interval_ms);
      }
    });
  }

  /** No more runs come. */
  close(): Promise<void> {
    return this.#pause(true);
  }

  /** I9: as long as nobody changes it, each time of a schedule gets its run. */
  #check(date: number, interval_ms: number): void {
    const since = this.#stable_since;
    const isSettled = since !== undefined && since < date - 2 * RUNS_AHEAD * interval_ms;
    // A message may be lost for longer than runs are planned ahead.
    const { isLate, isLossy, isOver } = this.#world.faults;
    if (!isSettled || isOver || isLate || isLossy) return;
    this.#world.count("scheduled times");
    if (!this.#pool.watch.hasRunAt(this.#deployment_id, formatInstant(date)))
      this.#world.fail("I9", `the run of ${formatInstant(date)} was never planned`, { since, date });
  }

  #rule() {
    return {
      interval: this.#interval_seconds,
      anchor_date: formatInstant(START),
      timezone: "UTC",
    };
  }

  async #pause(isPaused: boolean): Promise<void> {
    this.#isPaused = isPaused;
    await this.#change("update_deployment", { id: this.#deployment_id, update: { paused: isPaused } });
  }

  async #change<Operation extends "update_deployment" | "update_schedule">(
    operation: Operation,
    command: WorkspaceOperations[Operation]["command"],
  ): Promise<void> {
    this.#stable_since = undefined;
    await this.#must(operation, command);
    this.#stable_since = this.#isPaused ? undefined : this.#world.now;
  }

  /** Asks the workspace until it does what it is asked. */
  async #must<Operation extends keyof WorkspaceOperations>(
    operation: Operation,
    command: WorkspaceOperations[Operation]["command"],
  ): Promise<WorkspaceOperations[Operation]["answer"]> {
    for (;;) {
      const answer = (await this.#network.call("schedule", "workspace", operation, CALL_MS, () =>
        this.#workspace.deliver({
          v: ENVELOPE_VERSION,
          address: this.#workspace.address,
          actor: "sim",
          request_id: `schedule:${(this.#requests += 1)}`,
          operation,
          command,
        }),
      )) as Result<WorkspaceOperations[Operation]["answer"]> | undefined;
      this.#world.say("workspace", `${operation} -> ${answer?.ok === true ? "ok" : answer?.error.code}`);
      if (answer?.ok === true) return answer.value;
      await this.#world.timeline.sleep(1000);
    }
  }
}

/** Processes of flow runs: commands that speak by their exit code, and engines that set their own states. */
import type { ClaimedRun } from "../../src/contract/wire/agents.ts";
import type { RunIdentity } from "../../src/contract/wire/limits.ts";
import type { OrchestrationResult, StateCreate } from "../../src/contract/wire/states.ts";
import { runningStateOf } from "../../src/contract/attempts.ts";
import { formatInstant } from "../../src/contract/instants.ts";
import type { Executions } from "./executions.ts";
import type { Holdings } from "./holdings.ts";
import type { AttemptRecord, SimHost } from "./hosts.ts";
import { LimitClient, type Wish } from "./limit-client.ts";
import type { SimLimit } from "./limits.ts";
import type { SimPool } from "./pools.ts";
import { SimProcess } from "./process.ts";
import type { World } from "./world.ts";

/** What a run does, as its parameters say. */
export interface FlowPlan {
  isEngine: boolean;
  /** Milliseconds of each step. */
  work_ms: number;
  /** The limits whose slots it wants between its steps. */
  wants: number[];
  kind: Wish["kind"];
  lease_seconds: number;
  /** Exit code of a process that nothing disturbs. */
  exit_code: number;
  /** An engine waits for a person after its first step: in its process, or, suspended, in a later one. */
  pause?: { is_suspended: boolean; timeout_ms: number };
}

const PROPOSALS_MAX = 100;
const SLOT_LEASE_SECONDS = 300;
const RENEW_SLOT_MS = 225_000;
/** How often a process that is paused looks whether it may go on (source: Prefect 3.8.8). */
const PAUSE_POLL_MS = 10_000;

export class FlowMaker {
  readonly #world: World;
  readonly #pool: SimPool;
  readonly #holdings: Holdings;
  readonly #executions: Executions;
  readonly #limits: readonly SimLimit[];
  readonly #find: (deployment_id: string) => SimLimit | undefined;

  constructor(
    world: World,
    pool: SimPool,
    holdings: Holdings,
    executions: Executions,
    limits: readonly SimLimit[],
    find: (deployment_id: string) => SimLimit | undefined,
  ) {
    [this.#world, this.#pool, this.#holdings, this.#executions] = [world, pool, holdings, executions];
    [this.#limits, this.#find] = [limits, find];
  }

  isEngine({ flow_run }: ClaimedRun): boolean {
    return (flow_run.parameters as unknown as FlowPlan).isEngine;
  }

  /** Starts the process of an attempt on a host. */
  spawn(host: SimHost, claim: ClaimedRun, record: AttemptRecord): void {
    const { id, deployment_id } = claim.flow_run;
    const process = new SimProcess(this.#world, `run ${id.slice(-4)}#${record.fence}`, host.clock);
    record.process = process;
    this.#executions.begin({ process, record, deployment_id, began_at: this.#world.now });
    this.#world.count("runs begun");
    this.#world.spawn(process.name, async () => {
      const exit_code = await this.#live(process, host, claim, record);
      process.isDead = true;
      this.#executions.end(process);
      this.#world.say(process.name, `exits with ${exit_code}`);
      host.exit(record, { exit_code, signal: null });
    });
  }

  async #live(process: SimProcess, host: SimHost, claim: ClaimedRun, record: AttemptRecord): Promise<number> {
    const plan = claim.flow_run.parameters as unknown as FlowPlan;
    const { attempt_id, flow_run_id, fence } = record;
    const run = { attempt_id, flow_run_id, fence };
    for (let tries = 0; ; tries += 1) {
      if (plan.isEngine) {
        const running = tries === 0 ? runningStateOf(attempt_id) : { type: "RUNNING" as const };
        const answer = await this.#propose(process, run, running);
        if (answer?.state?.type !== "RUNNING") return 0;
        this.#executions.finish(process, false);
        const lease_id = answer.state.state_details.deployment_concurrency_lease_id;
        if (typeof lease_id === "string") void this.#keepSlot(process, host, claim, record, lease_id);
        if (plan.pause !== undefined && !(await this.#pause(process, run, plan.pause))) return 0;
      }
      const exit_code = (await this.#work(process, host, record, plan, run)) ? plan.exit_code : 1;
      if (!plan.isEngine) return exit_code;
      const type = exit_code === 0 ? "COMPLETED" : "FAILED";
      this.#executions.finish(process, true);
      const answer = await this.#propose(process, run, { type });
      const { state } = answer ?? {};
      // The engine retries in its own process.
      if (state?.type !== "SCHEDULED" || state.name !== "AwaitingRetry") return 0;
      await process.sleep(3000);
    }
  }

  /** Asks to be let go on by a person. False: the process is to end. */
  async #pause(
    process: SimProcess,
    run: RunIdentity,
    { is_suspended, timeout_ms }: NonNullable<FlowPlan["pause"]>,
  ): Promise<boolean> {
    const { world } = process;
    // Its slot of the deployment is given back, and it goes on without one.
    this.#executions.finish(process, true);
    const pause_timeout = formatInstant(world.clock.now + timeout_ms);
    const state_details = { pause_timeout, pause_reschedule: is_suspended, pause_key: "1" };
    const answer = await this.#propose(process, run, { type: "PAUSED", state_details });
    if (answer?.state?.type === "RUNNING") this.#executions.finish(process, false);
    if (answer?.state?.type !== "PAUSED") return answer?.state?.type === "RUNNING";
    world.count(is_suspended ? "runs suspended" : "runs paused");
    if (is_suspended) return false;
    for (;;) {
      await process.sleep(world.tempo * PAUSE_POLL_MS);
      const read = await this.#pool.ask(process, "read_run", { id: run.flow_run_id });
      if (read === undefined || (read.ok && read.value.state_type === "PAUSED")) continue;
      if (!read.ok && read.error.code === "unavailable") continue;
      return read.ok && read.value.state_type === "RUNNING";
    }
  }

  /** Two steps, with slots of limits between them. False: it has lost what it needs. */
  async #work(
    process: SimProcess,
    host: SimHost,
    record: AttemptRecord,
    { work_ms, wants, kind, lease_seconds }: FlowPlan,
    run: RunIdentity,
  ): Promise<boolean> {
    const mayDie = () => this.#mayDie(process, host, record);
    await process.sleep(work_ms);
    mayDie();
    if (wants.length > 0) {
      const limits = this.#limits
        .filter((_, index) => wants.includes(index))
        .sort((left, right) => (left.key < right.key ? -1 : 1));
      const wish = { kind, limits, slots: 1, lease_seconds, run };
      const client = new LimitClient(
        this.#world,
        this.#holdings,
        this.#world.random(`run ${run.attempt_id}`),
        wish,
        {
          mayDie,
          // The API leaves a note in the run's pool, off the way of the answer.
          onAsk: (asked) => {
            for (const { key } of asked)
              void this.#pool.ask(`api for ${process.name}`, "note_limit", { run, limit_key: key });
          },
        },
      );
      const taken = await client.take(process);
      if (taken === undefined) return false;
      if (taken.grant.fence !== null) await client.hold(process, taken, work_ms);
    }
    await process.sleep(work_ms);
    mayDie();
    return true;
  }

  #mayDie(process: SimProcess, host: SimHost, record: AttemptRecord): boolean {
    if (process.mayFail() === undefined) return false;
    host.exit(record, { exit_code: null, signal: "SIGKILL" });
    return true;
  }

  /** Proposes a state until there is an answer. */
  async #propose(
    process: SimProcess,
    run: RunIdentity,
    state: StateCreate,
  ): Promise<OrchestrationResult | undefined> {
    for (let tries = 0; tries < PROPOSALS_MAX; tries += 1) {
      const command = { id: run.flow_run_id, state, is_forced: false, run };
      const answer = await this.#pool.ask(process, "set_state", command);
      if (answer?.ok === true && answer.value.result.status !== "WAIT") return answer.value.result;
      if (answer?.ok === false && answer.error.code === "not_found") return undefined;
      await process.sleep(answer?.ok === true ? 5000 : 1000);
    }
    return undefined;
  }

  /** An engine renews its deployment's slot, and crashes when that is lost (source: wire §4.1). */
  async #keepSlot(
    process: SimProcess,
    host: SimHost,
    { flow_run: { deployment_id } }: ClaimedRun,
    record: AttemptRecord,
    lease_id: string,
  ): Promise<void> {
    const limit = deployment_id === null ? undefined : this.#find(deployment_id);
    if (limit === undefined) return;
    for (let failures = 0; ;) {
      const command = { lease_id, lease_seconds: SLOT_LEASE_SECONDS };
      const answer = await limit.ask(process, "renew", command, 10_000);
      failures = answer?.ok === true ? 0 : failures + 1;
      if (failures >= 3 || (answer?.ok === false && answer.error.code === "gone")) {
        host.kill(record, "SIGTERM");
        return;
      }
      await process.sleep(failures === 0 ? RENEW_SLOT_MS : 2000);
    }
  }
}

/** A pool with everything around it: hub, deployments and their limits, agents on their hosts, people. */
import { formatAddress, type ObjectAddress } from "../../src/contract/envelope.ts";
import { SimAgent, type AgentPlan } from "./agents.ts";
import { DeploymentWatch } from "./deployment-watch.ts";
import { SimDeployment } from "./deployments.ts";
import { Executions } from "./executions.ts";
import { FlowMaker } from "./flows.ts";
import { ForeignWorker, type ForeignWorkerPlan } from "./foreign-worker.ts";
import type { Holdings } from "./holdings.ts";
import { SimLimit } from "./limits.ts";
import type { Network } from "./network.ts";
import type { SimObject } from "./objects.ts";
import { People, type PeoplePlan } from "./people.ts";
import { openHub, RETENTION_DAYS, SimPool } from "./pools.ts";
import { SimSchedule, type SchedulePlan } from "./schedules.ts";
import type { World } from "./world.ts";

export interface PoolPlan {
  agents: readonly AgentPlan[];
  people: PeoplePlan;
  /** Undefined where nothing runs by a schedule. */
  schedule: SchedulePlan | undefined;
  foreign_workers: readonly ForeignWorkerPlan[];
  deployments: readonly { id: string; size: number; collision_strategy: "ENQUEUE" | "CANCEL_NEW" }[];
}

export class PoolWorld {
  readonly agents: readonly SimAgent[];
  /** The limits of deployments. */
  readonly limits: readonly SimLimit[];
  readonly #world: World;
  readonly #pool: SimPool;
  readonly #foreign: readonly ForeignWorker[];
  readonly #deployments: DeploymentWatch;
  readonly #people: People;
  readonly #schedule: SimSchedule | undefined;

  constructor(
    world: World,
    network: Network,
    objects: Map<string, SimObject>,
    find: (address: ObjectAddress) => SimObject | undefined,
    holdings: Holdings,
    limits: readonly SimLimit[],
    workspace: SimObject,
    plan: PoolPlan,
  ) {
    this.#world = world;
    const add = (object: SimObject) => objects.set(formatAddress(object.address), object);
    add(openHub(world, network, find));
    this.#pool = new SimPool(world, network, "pool", find);
    add(this.#pool.object);
    const executions = new Executions(world, this.#pool, holdings, limits);
    const deployments = plan.deployments.map((deployment) => {
      const limit = new SimLimit(world, network, SimDeployment.limitName(deployment.id), find);
      add(limit.object);
      return new SimDeployment(world, this.#pool, executions, limit, deployment);
    });
    this.limits = deployments.map(({ limit }) => limit);
    const findLimit = (id: string) => deployments.find((deployment) => deployment.id === id)?.limit;
    const flows = new FlowMaker(world, this.#pool, holdings, executions, limits, findLimit);
    this.agents = plan.agents.map((agent) => new SimAgent(world, this.#pool, flows, agent));
    this.#foreign = plan.foreign_workers.map((worker) => new ForeignWorker(world, this.#pool, worker));
    this.#deployments = new DeploymentWatch(world, this.#pool, deployments);
    this.#people = new People(world, this.#pool, deployments, plan.people);
    this.#schedule = plan.schedule && new SimSchedule(world, network, workspace, this.#pool, plan.schedule);
  }

  async start(): Promise<void> {
    await this.#people.open();
    this.#people.start();
    await this.#schedule?.open();
    this.#schedule?.start();
    for (const worker of [...this.agents, ...this.#foreign]) worker.start();
    this.#deployments.start();
  }

  /** Everything may run now, and nothing more comes. */
  async makeRoom(): Promise<void> {
    await this.#people.makeRoom();
    await this.#schedule?.close();
  }

  get isDone(): boolean {
    return this.#pool.watch.listUnfinished().length === 0;
  }

  /** I9 and I12: every run that was acknowledged is there and has ended. Then the agents may leave. */
  checkRuns(): void {
    for (const [id, since] of this.#pool.watch.created) {
      const mayBeForgotten = this.#world.now >= since + RETENTION_DAYS * 86_400_000;
      if (!mayBeForgotten && !this.#pool.watch.isStored(id))
        this.#world.fail("I12", `run ${id} was acknowledged and is not there any more`);
      this.#world.count("runs");
    }
    const open = this.#pool.watch.listUnfinished();
    if (open.length > 0)
      this.#world.fail("I9", `${open.length} runs have not ended, long after the last fault`, {
        runs: open.slice(0, 5),
        ...(this.#pool.watch.describe() as object),
      });
    for (const worker of [...this.agents, ...this.#foreign]) worker.isStopping = true;
  }

  /** When nobody is left, nothing is held and nothing is left to be told. */
  checkRest(): void {
    if (!this.#pool.watch.isEmpty)
      this.#world.fail("I9", "the pool never comes to rest", this.#pool.watch.describe());
    const outbox = this.#pool.object.database.prepare("SELECT * FROM outbox").all();
    if (outbox.length > 0) this.#world.fail("I9", "the pool still has something to tell", outbox.slice(0, 5));
  }
}

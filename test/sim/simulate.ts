/** One simulated run: a seed, some hours with faults, and then as long without any as it takes for everything to end. */
import { formatAddress, type ObjectAddress } from "../../src/contract/envelope.ts";
import { SimCaller } from "./callers.ts";
import { loadReleaseBefore } from "./code.ts";
import { Holdings } from "./holdings.ts";
import { SimLimit } from "./limits.ts";
import { Network } from "./network.ts";
import type { SimObject } from "./objects.ts";
import { type LimitSettings, Operator } from "./operator.ts";
import { openJournal } from "./pools.ts";
import { type PoolPlan, PoolWorld } from "./pool-world.ts";
import { Faults } from "./random.ts";
import { makeScenario } from "./draw-scenario.ts";
import type { Scenario } from "./scenario.ts";
import { openDirectory } from "./directory.ts";
import { SimServer } from "./server.ts";
import { watchShares } from "./share-watch.ts";
import { World, START, type Violation } from "./world.ts";

export interface SimOptions {
  seed: number;
  /** With faults, in the busiest world; a slower one goes on for longer, one in which too much happens for less long. */
  hours: number;
  /** Only these faults strike; all that the seed draws where it is not given. */
  faults?: ReadonlySet<string> | undefined;
  /** Only these callers and agents take part. */
  clients?: ReadonlySet<string> | undefined;
  tell?: ((line: string) => void) | undefined;
  /** The run ends right after this instant, whatever has come of it by then. */
  stop_at?: number | undefined;
}

export interface SimReport {
  violation: Violation | undefined;
  /** The faults that struck, in order. */
  struck: readonly string[];
  clients: readonly string[];
  /** What objects are called, the longest names first. */
  objects: readonly string[];
  tempo: number;
  /** How long was simulated, with the end that has no faults. */
  simulated_hours: number;
  steps: number;
  counts: ReadonlyMap<string, number>;
}

const HOUR_MS = 3_600_000;
/** A world in which more happens than this has shorter hours with faults: other worlds find more than more of the same. */
const EVENTS_PER_HOUR_MAX = 60_000;
/** Without faults each caller of the busiest world gets its turn within this long, and what nobody holds any more ends. */
const DRAIN_MS = 3 * HOUR_MS;
const DRAIN_STEP_MS = HOUR_MS / 4;
/** What is remembered after everything has ended (ended requests, ten minutes) is forgotten by then. */
const REST_MS = HOUR_MS;
/** Something befalls the whole server about this often in the busiest world, where it does. */
const SERVER_EVERY_MS = 300_000;
const ALARM_SLACK_MS = 60_000;

export async function simulate(options: SimOptions): Promise<SimReport> {
  const scenario = makeScenario(options.seed);
  const faults = new Faults(options.seed, scenario.rates, options.faults);
  const world = new World(options.seed, scenario.tempo, faults, await loadReleaseBefore());
  world.tell = options.tell;
  const network = new Network(world, scenario.late_ms);
  const objects = new Map<string, SimObject>();
  const find = (address: ObjectAddress): SimObject | undefined => {
    const name = formatAddress(address);
    const known = objects.get(name);
    if (known !== undefined || address.kind !== "journal") return known;
    const journal = openJournal(world, network, address, find);
    objects.set(name, journal);
    return journal;
  };
  const workspace = openDirectory(world, network, objects, find);
  const limits = scenario.limits.map((_, index) => {
    const limit = new SimLimit(world, network, `limit-${index + 1}`, find);
    objects.set(formatAddress(limit.object.address), limit.object);
    return limit;
  });
  const holdings = new Holdings(world);
  const operator = new Operator(world, holdings, limits);
  const callers = scenario.callers
    .filter(({ name }) => options.clients?.has(name) !== false)
    .map(({ wants, ...plan }) => {
      const wanted = limits
        .filter((_, index) => wants.includes(index))
        .sort((left, right) => (left.key < right.key ? -1 : 1));
      return new SimCaller(world, holdings, { ...plan, limits: wanted });
    });
  const plan = scenario.pool && withAgents(scenario.pool, options.clients);
  const pool = plan && new PoolWorld(world, network, objects, find, holdings, limits, workspace, plan);
  world.spawn("operator", async () => {
    for (const [index, limit] of limits.entries()) await operator.create(limit, settingsOf(scenario, index));
    if (scenario.rates.cut === undefined && limits.length > 1) watchShares(world, limits);
    if (pool !== undefined) world.spawn("people", () => pool.start());
    for (const caller of callers) caller.start();
    if (scenario.rates.restart !== undefined)
      new SimServer(world, objects).start(SERVER_EVERY_MS * scenario.tempo);
    operator.start(
      scenario.operator_every_ms,
      limits.map((_, index) => settingsOf(scenario, index)),
    );
  });
  const until = START + options.hours * scenario.tempo * HOUR_MS;
  if (options.stop_at !== undefined) world.timeline.at(options.stop_at + 1, () => world.timeline.stop());
  await world.timeline.run(until, options.hours * EVENTS_PER_HOUR_MAX);
  if (!world.timeline.isStopped) await drain(world, limits, callers, operator, pool, scenario);
  return {
    violation: world.violation,
    struck: faults.struck,
    clients: [...callers.map((caller) => caller.plan.name), ...(plan?.agents ?? []).map(({ name }) => name)],
    objects: [...objects.values()].map(({ name }) => name).sort((left, right) => right.length - left.length),
    tempo: scenario.tempo,
    simulated_hours: (world.now - START) / HOUR_MS,
    steps: world.timeline.steps,
    counts: world.counts,
  };
}

/** Without any agent no run would end. */
function withAgents(plan: PoolPlan, names: ReadonlySet<string> | undefined): PoolPlan {
  const agents = plan.agents.filter(({ name }) => names?.has(name) !== false);
  return { ...plan, agents: agents.length === 0 ? plan.agents.slice(0, 1) : agents };
}

function settingsOf({ limits }: Scenario, index: number): LimitSettings {
  const { size = 1, bypass_max = 0, has_names = false, slot_decay_per_second = 0 } = limits[index] ?? {};
  const slot_names = has_names ? Array.from({ length: size }, (_, slot) => `slot-${slot + 1}`) : null;
  return { size, bypass_max, slot_names, slot_decay_per_second };
}

/** I9: left in peace, everybody gets a turn, and everything ends by itself. */
async function drain(
  world: World,
  limits: SimLimit[],
  callers: SimCaller[],
  operator: Operator,
  pool: PoolWorld | undefined,
  scenario: Scenario,
): Promise<void> {
  const { timeline, faults } = world;
  world.say("world", "no more faults");
  faults.isOver = true;
  for (const caller of callers) caller.isStopping = true;
  world.spawn("operator", async () => {
    for (const [index, limit] of limits.entries()) {
      const settings = settingsOf(scenario, index);
      await operator.create(limit, settings);
      // Everybody's wish fits again.
      const slot_names = settings.slot_names === null ? null : ["slot-1", "slot-2", "slot-3"];
      await limit.ask("operator", "update", {
        limit: slot_names === null ? Math.max(2, settings.size) : 3,
        slot_names,
        active: true,
        slot_decay_per_second: settings.slot_decay_per_second,
      });
    }
  });
  const isQuiet = () =>
    pool?.isDone !== false &&
    callers.every(({ waits_since }) => waits_since === undefined) &&
    limits.every(({ watch }) => watch.isEmpty());
  const drain_ms = world.tempo * DRAIN_MS;
  const over = world.now + drain_ms;
  do {
    // More than once: what somebody has asked for before may come late.
    if (pool !== undefined) world.spawn("people", () => pool.makeRoom());
    await timeline.run(world.now + world.tempo * DRAIN_STEP_MS);
    const isAlive = (id: string) => callers.some(({ task_run_id }) => task_run_id === id);
    world.spawn("operator", async () => {
      for (const limit of limits) await operator.cleanUp(limit, isAlive);
    });
  } while (world.now < over && !isQuiet() && !timeline.isStopped);
  if (timeline.isStopped) return;
  for (const caller of callers)
    if (caller.waits_since !== undefined)
      world.fail(
        "I9",
        `${caller.plan.name} waits for its turn since ${(world.now - caller.waits_since) / 1000} s, without a fault for ${drain_ms / 1000} s`,
        limits.map(({ watch }) => watch.describe()),
      );
  pool?.checkRuns();
  // By a clock that was put back what was to be forgotten waits for the time that it has shown before.
  await timeline.run(Math.max(world.now, world.clock.trueOf(world.clock.highest)) + REST_MS);
  if (timeline.isStopped) return;
  pool?.checkRest();
  const all = [...limits, ...(pool?.limits ?? [])];
  // An alarm is never put off: one that was set for the end of a lease still rings, once, when that has been given back.
  const last_alarm = Math.max(
    world.now,
    ...all.map(({ object }) => world.clock.trueOf(object.alarm_at ?? 0)),
  );
  await timeline.run(last_alarm + ALARM_SLACK_MS);
  if (timeline.isStopped) return;
  for (const limit of all) {
    if (!limit.watch.isEmpty()) world.fail("I9", `${limit.name} never comes to rest`, limit.watch.describe());
    const outbox = limit.object.database.prepare("SELECT * FROM outbox").all();
    if (outbox.length > 0) world.fail("I9", `${limit.name} still has something to tell`, outbox);
    if (limit.object.alarm_at !== null)
      world.fail("I9", `${limit.name} has an alarm and nothing to do`, limit.object.alarm_at);
  }
}

/** Draws what a seed plays. */
import { makeKnot } from "./knot.ts";
import type { PoolPlan } from "./pool-world.ts";
import { FAULT_KINDS, type FaultRates, POOL_FAULT_KINDS, Random } from "./random.ts";
import {
  makeClock,
  RATE_MAX,
  type Scenario,
  type ScenarioCaller,
  type ScenarioLimit,
  slowLease,
} from "./scenario.ts";

const TEMPO_MAX = 2000;
/**
 * So many seeds play nothing but acquires over several limits, in quick succession, on a network that doubles and delays
 * what these have to say to each other: faults that only show there are rare everywhere else.
 */
const TANGLE_SHARE = 0.2;
const TANGLE_FAULTS = ["delay", "double", "force_release"] as const;
/** The most that a message may be late. */
const LATE_MS = 60_000;
/** In so many of the seeds with a pool that begins runs again words are on their way for longer than sessions last. */
const LATE_WORDS_SHARE = 0.3;
const LATE_WORDS_MAX_MS = 900_000;
/** In so many of the seeds with a pool what it says to the limits of deployments, and they to it, comes very late. */
const CUT_OFF_SHARE = 0.2;
const CUT_OFF_FAULTS = ["delay", "cut"] as const;
/** In so many of the seeds with a pool people move runs and queues to the front. */
const FRONT_SHARE = 0.3;
/** In so many of the seeds with a pool people cancel runs all the time. */
const CANCELS_SHARE = 0.2;
/**
 * In so many of the seeds without a pool all wait on sockets, half of them for all limits, and nothing goes wrong but that they
 * freeze while they wait, and leave these open.
 */
const SILENT_SHARE = 0.2;
/** In so many of the seeds the whole server is killed now and then; in most of these its clock is set, too. */
const RESTARTS_SHARE = 0.3;
const STEPS_SHARE = 0.8;
/** In so many of the seeds not everybody asks with the same priority. */
const PRIORITIES_SHARE = 0.3;
/** In so many of the seeds some limits decay. */
const DECAY_SHARE = 0.3;
/** In the busiest world a slot that decays is free again within so long. */
const DECAY_SECONDS = [0.5, 60] as const;
/** In so many of the seeds some callers are clients that know no leases. */
const NO_LEASES_SHARE = 0.3;
/** In so many of the seeds people disable limits, and let them decay or not. */
const SWITCHES_SHARE = 0.3;
/** In so many of the seeds callers give up waiting. */
const PATIENCE_SHARE = 0.4;
/** In so many of the seeds with a pool where that can be played some workers are Prefect's. */
const FOREIGN_SHARE = 0.6;
/** In so many of the seeds with a pool some engines wait for people. */
const PAUSES_SHARE = 0.3;
/** In so many of the seeds with a pool processes and hosts die, and nothing else goes wrong: bounds are tightest there. */
const DEATHS_SHARE = 0.2;
const DEATH_FAULTS = ["kill", "host_down", "crash_run"] as const;
const SESSION_SECONDS_MAX = 300;

export function makeScenario(seed: number): Scenario {
  return makeKnot(seed) ?? makeWorld(seed);
}

function makeWorld(seed: number): Scenario {
  const random = new Random(seed, "scenario");
  const tempo = makeTempo(seed);
  const rates: FaultRates = {};
  // Some seeds are calm, so that what only shows without other faults shows, too.
  const share = random.pick([0, 0.2, 0.5, 0.8]);
  for (const kind of FAULT_KINDS)
    if (random.chance(share)) rates[kind] = random.magnitude(RATE_MAX[kind] / 100, RATE_MAX[kind]);
  const isTangle = new Random(seed, "tangle").chance(TANGLE_SHARE);
  if (isTangle)
    for (const kind of TANGLE_FAULTS) rates[kind] = random.magnitude(RATE_MAX[kind] / 10, RATE_MAX[kind]);
  if (rates.deploy !== undefined) rates.born_old = RATE_MAX.born_old;
  const ofServer = new Random(seed, "server");
  if (ofServer.chance(RESTARTS_SHARE)) {
    rates.restart = RATE_MAX.restart;
    if (ofServer.chance(STEPS_SHARE)) rates.step_clock = RATE_MAX.step_clock;
  }
  const bypass_max = random.pick([0, 0, 0, 1]);
  const ofSwitches = new Random(seed, "switches");
  if (ofSwitches.chance(SWITCHES_SHARE))
    [rates.disable, rates.switch_decay] = [RATE_MAX.disable, RATE_MAX.switch_decay];
  const decay = new Random(seed, "decay");
  const hasDecay = decay.chance(DECAY_SHARE);
  const limits = Array.from({ length: random.int(isTangle ? 2 : 1, 3) }, (): ScenarioLimit => {
    const has_names = random.chance(0.2);
    const size = random.int(1, 3);
    const doesDecay = hasDecay && decay.chance(0.7);
    const slot_decay_per_second = doesDecay ? 1 / (tempo * decay.magnitude(...DECAY_SECONDS)) : 0;
    return { size, bypass_max, has_names: has_names && !doesDecay, slot_decay_per_second };
  });
  const clients = new Random(seed, "clients");
  const knowNoLeases = clients.chance(NO_LEASES_SHARE);
  const pace_ms = tempo * random.magnitude(500, isTangle ? 60_000 : 300_000);
  const priorities = new Random(seed, "priorities");
  const hasPriorities = priorities.chance(PRIORITIES_SHARE);
  const patience = new Random(seed, "patience");
  const giveUp = patience.chance(PATIENCE_SHARE);
  const callers = Array.from({ length: random.int(2, 7) }, (_, index): ScenarioCaller => {
    const wants = limits.map((_, limit) => limit).filter(() => random.chance(isTangle ? 0.9 : 0.5));
    const hold_ms = pace_ms * random.magnitude(0.2, 5);
    const lease_seconds =
      hold_ms > tempo * 100_000 ? random.pick([60, 120, 240]) : random.pick([10, 30, 60, 120, 240]);
    const kind = random.pick<ScenarioCaller["kind"]>(["held requests", "socket", "prefect"]);
    const isRate = wants.length > 0 && wants.every((limit) => limits[limit]?.slot_decay_per_second !== 0);
    return {
      name: `caller-${index + 1}`,
      kind: knowNoLeases && clients.chance(0.5) ? clients.pick(["task run", "by hand"]) : kind,
      ...(isRate && decay.chance(0.5) && { mode: "rate_limit" as const }),
      wants: wants.length === 0 ? [0] : wants,
      slots: random.pick([1, 1, 1, 2]),
      priority: hasPriorities ? priorities.int(-1, 1) : 0,
      lease_seconds: slowLease(lease_seconds, tempo),
      ...(giveUp && { patience_ms: pace_ms * patience.magnitude(0.01, 3) }),
      think_ms: pace_ms * random.magnitude(0.2, 5),
      hold_ms,
      clock: makeClock(random),
    };
  });
  const pool = isTangle ? undefined : makePool(seed, tempo, limits.length, rates);
  const operator_every_ms = isTangle ? pace_ms : Math.max(5000, pace_ms);
  const hasLateWords =
    pool?.people.lost_run_policy === "reschedule" && new Random(seed, "late").chance(LATE_WORDS_SHARE);
  const late_ms = hasLateWords || (pool !== undefined && isCutOff(seed)) ? LATE_WORDS_MAX_MS : LATE_MS;
  const drawn = { tempo, limits, callers, pool, rates, late_ms, operator_every_ms };
  if (pool !== undefined && new Random(seed, "dying").chance(DEATHS_SHARE))
    return { ...drawn, rates: Object.fromEntries(DEATH_FAULTS.map((kind) => [kind, RATE_MAX[kind]])) };
  if (pool === undefined && !isTangle && new Random(seed, "quiet").chance(SILENT_SHARE))
    return { ...drawn, callers: callers.map(toSocket), rates: { freeze_waiter: RATE_MAX.freeze_waiter } };
  return drawn;

  function toSocket(caller: ScenarioCaller, index: number): ScenarioCaller {
    const isForAll = index % 2 === 0 && caller.mode === undefined;
    return { ...caller, kind: "socket", ...(isForAll && { wants: limits.map((_, limit) => limit) }) };
  }
}

/** Half of the seeds are as busy as can be; the others are spread over the orders of magnitude. */
function makeTempo(seed: number): number {
  const random = new Random(seed, "tempo");
  return random.chance(0.5) ? 1 : random.magnitude(1, TEMPO_MAX);
}

function isCutOff(seed: number): boolean {
  return new Random(seed, "cut off").chance(CUT_OFF_SHARE);
}

/** What is played of pools, from a stream of its own. Adds what strikes there. */
function makePool(seed: number, tempo: number, limits: number, rates: FaultRates): PoolPlan | undefined {
  const random = new Random(seed, "scenario of the pool");
  if (random.chance(0.4)) return undefined;
  const share = random.pick([0, 0.3, 0.6]);
  for (const kind of POOL_FAULT_KINDS)
    if (random.chance(share)) rates[kind] = random.magnitude(RATE_MAX[kind] / 100, RATE_MAX[kind]);
  if (isCutOff(seed))
    for (const kind of CUT_OFF_FAULTS) rates[kind] = random.magnitude(RATE_MAX[kind] / 3, RATE_MAX[kind]);
  if (new Random(seed, "to front").chance(FRONT_SHARE))
    [rates.to_front, rates.reorder_queues] = [RATE_MAX.to_front, RATE_MAX.reorder_queues];
  if (new Random(seed, "cancels").chance(CANCELS_SHARE)) rates.cancel = RATE_MAX.cancel;
  const work_ms = tempo * random.magnitude(1000, 400_000);
  const foreign_workers = makeForeignWorkers(seed, rates);
  const drawn = Array.from({ length: random.int(1, 3) }, (_, index) => ({
    name: `agent-${index + 1}`,
    limit: random.int(1, 4),
    session_seconds: Math.min(SESSION_SECONDS_MAX, tempo * random.pick([20, 60, 60, 120, 300])),
    poll_ms: random.pick([10_000, 60_000]),
    clock: makeClock(random),
  }));
  // An agent is told of each run at once, and leaves little to those who ask now and then.
  const hasFew = foreign_workers.length > 0 && new Random(seed, "few agents").chance(0.5);
  const agents = hasFew ? drawn.slice(0, 1).map((agent) => ({ ...agent, limit: 1 })) : drawn;
  const slots = [...agents, ...foreign_workers].reduce((sum, { limit }) => sum + limit, 0);
  const hasSchedule = random.chance(0.5);
  // With its pool a deployment loses the place of its runs.
  if (hasSchedule) delete rates.recreate_pool;
  return {
    schedule: hasSchedule
      ? {
          flow: {
            isEngine: false,
            work_ms: work_ms / 4,
            wants: [],
            kind: "prefect",
            lease_seconds: 60,
            exit_code: 0,
          },
          interval_seconds: Math.ceil(Math.max(60, (4 * work_ms) / 1000 / slots)),
          every_ms: Math.max(60_000, work_ms),
        }
      : undefined,
    agents,
    foreign_workers,
    people: {
      every_ms: Math.max(2000, work_ms / slots),
      work_ms,
      // What is left when the faults stop ends within an hour, one after the other.
      unfinished_max: Math.min(25, Math.max(3, Math.floor((tempo * 3_000_000) / work_ms))),
      lost_run_policy: random.pick(["crash", "reschedule"]),
      limits,
      // Who does not claim is held to it by what it proposes.
      concurrency_limit:
        foreign_workers.length > 0 ? new Random(seed, "pool limit").pick([2, 3, null, null]) : null,
      hasPauses: new Random(seed, "pauses").chance(PAUSES_SHARE),
    },
    deployments: [
      {
        id: "0f9a1c52-0000-4000-8000-0000000000d1",
        // Prefect's workers come for a slot again and again, so somebody has to be refused it.
        size: foreign_workers.length > 0 ? 1 : random.int(1, 3),
        collision_strategy: random.pick(["ENQUEUE", "ENQUEUE", "CANCEL_NEW"]),
      },
    ],
  };
}

/**
 * The release before lets them take more than pool and queue have, and leaves their places in line behind. What one of them
 * proposes names no attempt: nothing tells it, when it comes a quarter of an hour late, from what somebody wants now.
 */
function makeForeignWorkers(
  seed: number,
  { deploy, delay, double }: FaultRates,
): PoolPlan["foreign_workers"] {
  const random = new Random(seed, "foreign workers");
  const isPlayable = [deploy, delay, double].every((rate) => rate === undefined);
  if (!isPlayable || !random.chance(FOREIGN_SHARE)) return [];
  return Array.from({ length: random.int(1, 2) }, (_, index) => ({
    name: `foreign-${index + 1}`,
    limit: random.int(1, 4),
    poll_ms: random.pick([2000, 10_000]),
    clock: makeClock(random),
  }));
}

/**
 * `npm run chaos`: real faults against the embedded server, its clients and its workers, round after round.
 *
 *   --rounds N          how many rounds (10), two faults at a time in each
 *   --seed S            which faults strike in which order (now's milliseconds)
 *   --faults A,B        only these
 *   --keep              leaves the folder with all that was written
 *
 * As root on Linux the server's and the workers' data lie on a small disk of their own, which one of the faults fills.
 * A signal ends it with all that it has started.
 */
import { constants } from "node:os";
import { TERMINAL_TYPES } from "../../src/contract/wire/states.ts";
import { Random } from "../sim/random.ts";
import { readArguments, readNames, readNumber } from "../support/arguments.ts";
import { APART, FAULTS } from "./faults.ts";
import { layGround } from "./ground.ts";
import { countLeases, findDamage, findOverlaps, findPeak, findRepeated } from "./judge.ts";
import { becomes, LEASE_SECONDS, LIMIT, World } from "./world.ts";

const values = readArguments(import.meta.filename, {
  rounds: { type: "string", default: "10" },
  seed: { type: "string", default: String(Date.now()) },
  faults: { type: "string" },
  keep: { type: "boolean", default: false },
});
const rounds = readNumber("rounds", values.rounds, { least: 1 });

const RUNS = 8;
/**
 * So many rounds the server lives before it is killed and its files are looked at: for half a minute after each start no
 * lease ends, and what comes of that is only seen later.
 */
const ROUNDS_PER_LIFE = 4;
/** A lease, its grace, and what the server adds after it was restarted. */
const FREE_WITHIN_SECONDS = LEASE_SECONDS + 10 + 30;
/** The session of a dead worker, its grace, and what a restart adds. */
const ENDED_WITHIN_SECONDS = 180;
/** The slots of the dead are free, and everybody else had a turn. */
const SERVED_WITHIN_SECONDS = FREE_WITHIN_SECONDS + 15;

/** Plays one round and returns what was wrong. */
async function playRound(
  world: World,
  names: string[],
  random: Random,
  { mark, isLast }: { mark: string; isLast: boolean },
): Promise<string[]> {
  const wrong = world.revive();
  const runs = await world.submit(RUNS / 2, `${mark}/before`);
  if (!(await world.areServed(FREE_WITHIN_SECONDS))) wrong.push("Before the faults somebody got no slot.");
  const outcomes = await Promise.allSettled([
    ...names.map((name) => FAULTS[name]?.(world, random)),
    world.submit(RUNS / 2, `${mark}/during`).then((more) => runs.push(...more)),
  ]);
  for (const outcome of outcomes) if (outcome.status === "rejected") wrong.push(String(outcome.reason));
  for (const cable of world.cables) cable.heal();
  wrong.push(...world.revive());
  if (!(await world.areServed(SERVED_WITHIN_SECONDS)))
    wrong.push(`Somebody got no slot within ${SERVED_WITHIN_SECONDS} s after the faults.`);

  await world.stopHolders();
  const peak = findPeak(world.records);
  if (peak.slots > LIMIT.slots)
    wrong.push(`${peak.slots} of ${LIMIT.slots} slots were worked in at once: ${peak.leases.join(", ")}`);
  const isFree = async () => (await world.client.limits.read(LIMIT.name)).active_slots === 0;
  if (!(await becomes(isFree, FREE_WITHIN_SECONDS)))
    wrong.push(`Slots were still held ${FREE_WITHIN_SECONDS} s after the last holder had left.`);
  for (const id of runs) {
    const hasEnded = async () => {
      const { state_type } = await world.client.flowRuns.read(id);
      return state_type !== null && TERMINAL_TYPES.has(state_type);
    };
    if (!(await becomes(hasEnded, ENDED_WITHIN_SECONDS))) wrong.push(`The run ${id} has not ended.`);
  }
  wrong.push(...findRepeated(world.starts).map((attempt) => `Executed twice under one attempt: ${attempt}`));
  wrong.push(...findOverlaps(world.works).map((both) => `Executed under two attempts at once: ${both}`));
  if (!isLast) return wrong;
  await world.server.kill9();
  wrong.push(...findDamage(world.server.dataDir));
  await world.server.restart();
  return wrong;
}

/** Plays all rounds and returns how many were wrong. */
async function playRounds(): Promise<number> {
  let failed = 0;
  const played = new Set<string>();
  // What runs wrote down is there in every later round, too.
  const told = new Set<string>();
  await using world = await World.open(ground);
  for (round = 1; round <= rounds; round += 1) {
    const drawn = [...new Set([0, 1].map(() => playable[random.int(0, playable.length - 1)] ?? ""))];
    const names = APART.some((pair) => pair.every((name) => drawn.includes(name)))
      ? drawn.slice(0, 1)
      : drawn;
    for (const name of names) played.add(name);
    const startedMs = performance.now();
    const found = await playRound(world, names, random, {
      mark: `${values.seed}/${round}`,
      isLast: round % ROUNDS_PER_LIFE === 0 || round === rounds,
    });
    const wrong = found.filter((line) => !told.has(line));
    for (const line of wrong) told.add(line);
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(0);
    const verdict = wrong.length === 0 ? "good" : "WRONG";
    console.log(
      `${String(round).padStart(4)}  ${verdict.padEnd(5)}  ${seconds.padStart(4)} s  ${countLeases(world.records)} leases, ${findPeak(world.records).slots} of ${LIMIT.slots} slots  ${names.join(" + ")}`,
    );
    for (const line of wrong) console.log(`      ${line}`);
    world.turnOver(round, values.keep && wrong.length > 0);
    if (wrong.length > 0) failed += 1;
  }
  const unplayed = playable.filter((name) => !played.has(name));
  if (unplayed.length > 0) console.log(`Not drawn in these rounds: ${unplayed.join(", ")}.`);
  return failed;
}

const random = new Random(readNumber("seed", values.seed), "chaos");
const known = Object.keys(FAULTS);
const playable = values.faults === undefined ? known : readNames("faults", values.faults, known);
const stopped = new Promise<NodeJS.Signals>((resolve) => {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, resolve);
  // Nobody reads on.
  process.stdout.on("error", () => resolve("SIGPIPE"));
});
console.log(`seed ${values.seed}`);
// Only now, when no signal ends the program by itself any more.
const ground = layGround();
if (!ground.isOwnDisk) console.log("No disk of its own could be mounted: no disk will be full.");
let round = 0;
let outcome: number | NodeJS.Signals | undefined;
try {
  outcome = await Promise.race([playRounds(), stopped]);
} finally {
  await ground.clear(values.keep);
  if (values.keep) console.log(`All that was written: ${ground.folder}`);
  if (typeof outcome === "string") {
    console.log(`Stopped by ${outcome} in round ${round}: nothing of it runs any more.`);
    // Rounds that are not waited for any more may not begin anything.
    process.exit(128 + constants.signals[outcome]);
  }
}
console.log(
  outcome === 0
    ? "Every round was good."
    : `${outcome} rounds were wrong; repeat them with --seed ${values.seed}.`,
);
process.exitCode = outcome === 0 ? 0 : 1;

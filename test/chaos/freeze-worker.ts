/** A worker that is frozen until its session is over: its runs begin again elsewhere, and it is thawed into that. */
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { GRACE_SECONDS } from "../../src/contract/bounds.ts";
import { TERMINAL_TYPES } from "../../src/contract/wire/states.ts";
import { listProcesses } from "../../src/server/leftovers.ts";
import { signalProcess } from "../../src/server/signal-process.ts";
import type { Random } from "../sim/random.ts";
import { becomes, isRunning, POOL, type World } from "./world.ts";

/** As `sluice worker start` has it. */
const SESSION_SECONDS = 60;
/** Longer than its worker's session and grace: one that nobody stops still works when it is begun again elsewhere. */
const RUN_SECONDS = SESSION_SECONDS + GRACE_SECONDS + 20;
/** Each worker has room for some of them. */
const RUNS = 4;
const RUN_MS = RUN_SECONDS * 1000;
/** Another fault may keep runs from beginning for a while. */
const BEGUN_WITHIN_SECONDS = 90;
/** A session, its grace, what a restart adds, and the time in which the runs are done elsewhere. */
const DONE_WITHIN_SECONDS = SESSION_SECONDS + GRACE_SECONDS + 30 + RUN_SECONDS;
/** A thawed worker has found out by then. */
const THAWED_WITHIN_SECONDS = 30;
const SPOKEN_MS = 1500;
/** The folder of an attempt at its worker. */
const ATTEMPT = /\/runs\/([\da-f-]{36})/u;

/**
 * Freezes a worker that has runs until all of them have ended elsewhere: its agent alone, which leaves the watchdog, or
 * all that belongs to it, as a machine that sleeps. Throws where the thawed worker changes what became of them, or where
 * one of them runs on.
 */
export async function freezeWorkerPastSession(world: World, random: Random, isWhole: boolean): Promise<void> {
  const { client } = world;
  const runs = await world.submit(RUNS, `frozen/${performance.now()}`, RUN_MS);
  const listProcessesOf = async (...words: string[]) =>
    (await listProcesses()).filter(({ line }) => words.every((word) => line.includes(word)));
  /** The shells that wait for these runs name the worker's folder, too. */
  const listAtWork = (home = "") => listProcessesOf(home, `${world.works} ${RUN_MS}`);
  const readEnds = () =>
    Promise.all(
      runs.map(async (id) => {
        const { state_type, state_id } = await client.flowRuns.read(id);
        return state_type !== null && TERMINAL_TYPES.has(state_type) ? state_id : undefined;
      }),
    );

  const workers: World["workers"] = [];
  const haveBegun = async () => {
    const works = readFileSync(world.works, "utf8");
    for (const worker of world.workers) {
      const attempts = (await listAtWork(worker.home)).map(({ line }) => ATTEMPT.exec(line)?.[1]);
      if (attempts.some((attempt) => attempt !== undefined && works.includes(attempt))) workers.push(worker);
    }
    return workers.length > 0;
  };
  if (!(await becomes(haveBegun, BEGUN_WITHIN_SECONDS))) throw new Error("No run has begun to be lost.");
  const { name, home, child } = random.pick(workers as [World["workers"][number]]);
  const frozen = child.pid === undefined ? [] : [child.pid];
  for (const pid of frozen) signalProcess(pid, "SIGSTOP");
  // The agent, which starts others, stands still by now. Each of the others leads a group of its own.
  if (isWhole) frozen.push(...(await listProcessesOf(home)).map(({ pid }) => -pid));
  for (const pid of frozen) signalProcess(pid, "SIGSTOP");
  let ends: Awaited<ReturnType<typeof readEnds>> = [];
  const haveEnded = async () => {
    ends = await readEnds();
    return !ends.includes(undefined);
  };
  const areDone = await becomes(haveEnded, DONE_WITHIN_SECONDS);
  for (const pid of frozen) signalProcess(pid, "SIGCONT");
  if (!areDone) throw new Error(`Runs of the frozen ${name} were not done elsewhere.`);

  const thawedAt = Date.now();
  const hasSpoken = async () => {
    const known = (await client.workers.list(POOL)).find((worker) => name.endsWith(worker.name));
    return !isRunning(child) || Date.parse(known?.last_heartbeat_time ?? "") > thawedAt;
  };
  if (!(await becomes(hasSpoken, THAWED_WITHIN_SECONDS)))
    throw new Error(`The thawed ${name} was not heard of.`);
  if (!(await becomes(async () => (await listAtWork()).length === 0, THAWED_WITHIN_SECONDS)))
    throw new Error(`A run of the thawed ${name} runs on, though it was begun again elsewhere.`);
  await sleep(SPOKEN_MS);
  if (JSON.stringify(await readEnds()) !== JSON.stringify(ends))
    throw new Error(`The thawed ${name} has changed what became of its runs.`);
}

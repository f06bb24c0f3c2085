/** What can happen to a world, and how it is over. Each fault heals what it broke. */
import { spawn } from "node:child_process";
import { rmSync, statSync, writeFileSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Random } from "../sim/random.ts";
import { findServerProcesses } from "../support/processes.ts";
import type { TestServer } from "../support/server.ts";
import { cleanEnvironment, SLUICE_BIN } from "../support/sluice.ts";
import { listProcesses } from "../../src/server/leftovers.ts";
import { signalProcess } from "../../src/server/signal-process.ts";
import { GRACE_SECONDS } from "../../src/contract/bounds.ts";
import { freezeWorkerPastSession } from "./freeze-worker.ts";
import { becomes, LEASE_SECONDS, type World } from "./world.ts";

/** Strikes, and resolves when its cause is gone. Throws where the world does not answer as it must. */
export type Fault = (world: World, random: Random) => Promise<void>;

/** So long that somebody else has the slot before it is over: a lease, its grace, and the time for the next to come. */
const LONG_MS = (LEASE_SECONDS + GRACE_SECONDS + 4) * 1000;
const SHORT_MS = 1500;
const FULL_MS = 4000;
/** So many starts take longer than a disk is full. */
const STARTS_MAX = 10;
/** Another fault may keep a holder from its turn for a while. */
const WORKS_WITHIN_SECONDS = 60;
const LOOK_MS = 5;
/** Another fault may keep runs from beginning for a while. */
const BEGUN_WITHIN_SECONDS = 90;
const REFUSED_WITHIN_MS = 20_000;
const BLOCK_BYTES = 1024 * 1024;
const pickOne = <Item>(items: readonly Item[], random: Random): Item | undefined =>
  items[random.int(0, items.length - 1)];

async function killWorkerd({ server }: World): Promise<void> {
  for (const pid of (await findServerProcesses(server.dataDir)).workerds) signalProcess(pid, "SIGKILL");
}

async function freeze(pids: readonly number[], ms: number): Promise<void> {
  for (const pid of pids) signalProcess(pid, "SIGSTOP");
  await sleep(ms);
  for (const pid of pids) signalProcess(pid, "SIGCONT");
}

/** A holder that works in its slots at this moment: one that only waits for them has nothing to lose. */
async function findWorking(world: World, random: Random): Promise<World["holders"][number] | undefined> {
  const index = random.int(0, world.holders.length - 1);
  const file = world.records[index] ?? "";
  const begun = statSync(file).size;
  await becomes(() => Promise.resolve(statSync(file).size > begun), WORKS_WITHIN_SECONDS, LOOK_MS);
  return world.holders[index];
}

/** The processes of runs, and the shells that wait for them. */
async function listRunProcesses({ starts, works }: World): Promise<number[]> {
  return (await listProcesses())
    .filter(({ line }) => line.includes(`${starts} ${works}`))
    .map(({ pid }) => pid);
}

const pidOf = (child: { pid?: number | undefined } | undefined) =>
  child?.pid === undefined ? [] : [child.pid];

/**
 * These say nothing together: the folder is free for others while its server is dead, and while one of the two workers is
 * frozen past its session the other one must live.
 */
export const APART: readonly (readonly [string, string])[] = [
  ["a second server on the folder", "kill the supervisor"],
  ["a second server on the folder", "kill the supervisor and workerd"],
  ["freeze a worker past its session", "freeze a worker's machine past its session"],
  ["freeze a worker past its session", "kill a worker"],
  ["freeze a worker's machine past its session", "kill a worker"],
];

/** As a service manager does: again and again, since the disk may be full meanwhile. */
async function startAgain(server: TestServer): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await server.restart();
    } catch (error) {
      if (tries === STARTS_MAX) throw error;
      await sleep(SHORT_MS);
    }
  }
}

export const FAULTS: Record<string, Fault> = {
  "kill workerd": killWorkerd,
  "kill workerd again and again": async (world) => {
    for (let times = 0; times < 4; times += 1) {
      await killWorkerd(world);
      await sleep(300);
    }
  },
  "kill the supervisor": async ({ server }) => {
    await server.kill9();
    await startAgain(server);
  },
  "kill the supervisor and workerd": async (world) => {
    await Promise.all([world.server.kill9(), killWorkerd(world)]);
    await sleep(SHORT_MS);
    await startAgain(world.server);
  },
  "freeze workerd past the leases": async ({ server }) => {
    const { workerds } = await findServerProcesses(server.dataDir);
    await freeze(workerds, LONG_MS);
  },
  "a second server on the folder": async ({ server }) => {
    const second = spawn(
      process.execPath,
      [SLUICE_BIN, "server", "start", "--port", "0", "--data-dir", server.dataDir],
      { env: cleanEnvironment(), stdio: "ignore" },
    );
    const exited = new Promise<number | null>((resolve) => second.once("exit", resolve));
    const code = await Promise.race([exited, sleep(REFUSED_WITHIN_MS, "running")]);
    if (code === "running") {
      second.kill("SIGKILL");
      await exited;
    }
    if (code === 0 || code === "running") throw new Error("A second server was let onto the folder.");
  },
  "kill a holder": (world, random) => {
    pickOne(world.holders, random)?.child.kill("SIGKILL");
    return Promise.resolve();
  },
  "freeze a holder past its lease": async (world, random) =>
    freeze(pidOf((await findWorking(world, random))?.child), LONG_MS),
  "freeze a holder for a moment": (world, random) =>
    freeze(pidOf(pickOne(world.holders, random)?.child), SHORT_MS),
  "kill a worker": async (world, random) => {
    const worker = pickOne(world.workers, random);
    worker?.child.kill("SIGKILL");
    await sleep(SHORT_MS);
  },
  "freeze a worker": (world, random) => freeze(pidOf(pickOne(world.workers, random)?.child), LONG_MS),
  "freeze a worker past its session": (world, random) => freezeWorkerPastSession(world, random, false),
  "freeze a worker's machine past its session": (world, random) =>
    freezeWorkerPastSession(world, random, true),
  "kill a run's process": async (world, random) => {
    const strike = async () => {
      const pid = pickOne(await listRunProcesses(world), random);
      if (pid !== undefined) signalProcess(pid, "SIGKILL");
      return pid !== undefined;
    };
    if (!(await becomes(strike, BEGUN_WITHIN_SECONDS)))
      throw new Error("There was no run's process to kill.");
  },
  "cut a cable": async ({ cables }, random) => {
    const cable = random.pick(cables);
    cable.cut(random.pick(["requests", "replies", "both"]));
    await sleep(random.pick([SHORT_MS, LONG_MS]));
    cable.heal();
  },
  "reset all connections": async ({ cables }) => {
    for (let times = 0; times < 5; times += 1) {
      for (const cable of cables) cable.reset();
      await sleep(200);
    }
  },
  "a slow network": async ({ cables }, random) => {
    const cable = random.pick(cables);
    cable.delayMs = random.int(50, 700);
    await sleep(LONG_MS);
    cable.heal();
  },
  "a full disk": async ({ ground }) => {
    if (!ground.isOwnDisk) return;
    const ballast = join(ground.disk, "ballast");
    const { bavail, bsize } = await statfs(ground.disk);
    for (let left = bavail * bsize, index = 0; left > 0; left -= BLOCK_BYTES, index += 1) {
      try {
        writeFileSync(`${ballast}-${index}`, Buffer.alloc(Math.min(left, BLOCK_BYTES)));
      } catch {
        break;
      }
    }
    await sleep(FULL_MS);
    for (let index = 0; index <= Math.ceil((bavail * bsize) / BLOCK_BYTES); index += 1)
      rmSync(`${ballast}-${index}`, { force: true });
  },
};

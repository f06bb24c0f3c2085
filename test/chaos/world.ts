/** What faults strike: a server with its data in a folder, holders of slots, workers and their runs, and cables between them. */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdirSync, renameSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { createClient, type Client } from "sluice/client";
import { cleanEnvironment, SLUICE_BIN } from "../support/sluice.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { layCable, type Cable } from "./cable.ts";
import type { Ground } from "./ground.ts";

const HOLDER = fileURLToPath(new URL("holder.ts", import.meta.url));
const RUN = fileURLToPath(new URL("run.ts", import.meta.url));
export const LIMIT = { name: "gpu", slots: 3 } as const;
export const LEASE_SECONDS = 5;
/** They want three times as many slots as there are, for much longer than a turn takes: a slot too many is soon seen. */
const HOLDERS = [
  { slots: 1, workMs: 900 },
  { slots: 1, workMs: 2000 },
  { slots: 2, workMs: 700 },
  { slots: 1, workMs: 400 },
  { slots: 3, workMs: 600 },
  { slots: 1, workMs: 1500 },
];
const WORKERS = ["w1", "w2"];
export const POOL = "chaos";
const RUN_MS = 1000;

/** What makes a player. */
interface Role {
  name: string;
  home: string;
  apiUrl: string;
  args: readonly string[];
  /** The file for what it says. */
  log: string;
}

/** A process that is started again when it is found dead. */
interface Player {
  name: string;
  /** Its folder. */
  home: string;
  start: () => ChildProcess;
  child: ChildProcess;
}

export class World implements AsyncDisposable {
  readonly ground: Ground;
  readonly server: TestServer;
  readonly cables: readonly [Cable, Cable];
  /** Straight to the server, past the cables. */
  readonly client: Client;
  readonly holders: Player[] = [];
  readonly workers: Player[] = [];
  deploymentId = "";

  private constructor(ground: Ground, server: TestServer, cables: readonly [Cable, Cable]) {
    this.ground = ground;
    this.server = server;
    this.cables = cables;
    this.client = createClient({ apiUrl: server.url, timeoutSeconds: 10, retries: 20 });
  }

  static async open(ground: Ground): Promise<World> {
    const cables = [await layCable(), await layCable()] as const;
    const dataDir = join(ground.disk, "data");
    mkdirSync(dataDir, { recursive: true });
    const args = cables.flatMap(({ port }) => ["--allowed-host", `127.0.0.1:${port}`]);
    const server = await startTestServer({ dataDir, args });
    for (const cable of cables) cable.target = Number(new URL(server.url).port);
    const world = new World(ground, server, cables);
    await world.#furnish();
    return world;
  }

  get starts(): string {
    return join(this.ground.folder, "starts");
  }

  /** What runs wrote down while they worked. */
  get works(): string {
    return join(this.ground.folder, "works");
  }

  /** What the holders wrote down in this round. */
  get records(): string[] {
    return HOLDERS.map((_, index) => join(this.ground.folder, `holder-${index}`));
  }

  async #furnish(): Promise<void> {
    const { client } = this;
    await client.limits.create({ name: LIMIT.name, limit: LIMIT.slots });
    // Runs of lost workers begin again elsewhere.
    await client.workPools.create({ name: POOL, type: "process", lost_run_policy: "reschedule" });
    const flow = await client.flows.put({ name: "chaos" });
    for (const file of [this.starts, this.works]) writeFileSync(file, "");
    const deployment = await client.deployments.put({
      name: "chaos",
      flow_id: flow.id,
      work_pool_name: POOL,
      job_variables: { command: this.#commandFor(RUN_MS) },
    });
    this.deploymentId = deployment.id;
    for (const [index, holder] of HOLDERS.entries()) {
      const file = this.records[index] ?? "";
      writeFileSync(file, "");
      const args = [file, String(LEASE_SECONDS), String(holder.workMs), LIMIT.name, String(holder.slots)];
      this.#add(this.holders, {
        name: `holder ${index}`,
        home: join(this.ground.folder, `home-${index}`),
        apiUrl: this.#urlOf(index),
        args: [HOLDER, ...args],
        // Beside what it writes down: Node ends a program whose words find no room.
        log: `${file}.log`,
      });
    }
    for (const [index, name] of WORKERS.entries()) {
      const home = join(this.ground.disk, `worker-${name}`);
      const args = ["--pool", POOL, "--name", name, "--limit", "3", "--state-dir", home];
      this.#add(this.workers, {
        name: `worker ${name}`,
        home,
        apiUrl: this.#urlOf(index),
        args: [SLUICE_BIN, "worker", "start", ...args],
        log: `${home}.log`,
      });
    }
  }

  #commandFor(workMs: number): string {
    return (
      [process.execPath, RUN, this.starts, this.works].map((word) => `'${word}'`).join(" ") + ` ${workMs}`
    );
  }

  #urlOf(index: number): string {
    return `http://127.0.0.1:${this.cables[index % 2 === 0 ? 0 : 1].port}/api`;
  }

  #add(players: Player[], { name, home, apiUrl, args, log }: Role): void {
    const env = cleanEnvironment({ SLUICE_API_URL: apiUrl, SLUICE_HOME: home });
    const start = () =>
      spawn("sh", ["-c", `exec "$0" "$@" >>${log} 2>&1`, process.execPath, ...args], {
        env,
        stdio: "ignore",
        cwd: dirname(SLUICE_BIN),
      });
    players.push({ name, home, start, child: start() });
  }

  /** Starts again who is dead, and says who had ended without being killed or asked to leave. */
  revive(): string[] {
    const dead = [...this.holders, ...this.workers].filter(({ child }) => !isRunning(child));
    const failed = dead.filter(({ child }) => child.exitCode !== null && child.exitCode !== 0);
    const told = failed.map(
      ({ name, child }) => `The ${name} has ended by itself: exit code ${child.exitCode}.`,
    );
    for (const player of dead) player.child = player.start();
    return told;
  }

  /** Lets the next round be judged by its own records: these go aside where somebody will look into them, and away else. */
  turnOver(round: number, isKept: boolean): void {
    for (const file of this.records) {
      if (isKept) renameSync(file, `${file}.round-${round}`);
      writeFileSync(file, "");
    }
  }

  /** Waits until each holder has had slots from now on; false when one of them gets none in that time. */
  async areServed(seconds: number): Promise<boolean> {
    const before = this.records.map((file) => statSync(file).size);
    return becomes(
      () => Promise.resolve(this.records.every((file, index) => statSync(file).size > (before[index] ?? 0))),
      seconds,
    );
  }

  /** Submits runs and returns their ids once the server has said that it has them. */
  async submit(count: number, mark: string, workMs = RUN_MS): Promise<string[]> {
    const job_variables = { command: this.#commandFor(workMs) };
    const runs = await Promise.all(
      Array.from({ length: count }, (_, index) =>
        this.client.deployments.createRun(this.deploymentId, {
          idempotency_key: `${mark}/${index}`,
          job_variables,
        }),
      ),
    );
    return runs.map(({ id }) => id);
  }

  /** Asks the holders to leave and waits until they have. */
  async stopHolders(): Promise<void> {
    await Promise.all(this.holders.map(({ child }) => endChild(child, "SIGTERM")));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const player of [...this.holders, ...this.workers]) await endChild(player.child, "SIGKILL");
    await this.server.stop();
    for (const cable of this.cables) await cable[Symbol.asyncDispose]();
  }
}

export function isRunning(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null;
}

async function endChild(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (!isRunning(child)) return;
  const exited = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGCONT");
  child.kill(signal);
  await exited;
}

/** Repeats a look until it is true; false when that has not come in time. */
export async function becomes(
  isSo: () => Promise<boolean>,
  seconds: number,
  every_ms = 100,
): Promise<boolean> {
  for (const end = performance.now() + seconds * 1000; performance.now() < end; await sleep(every_ms))
    if (await isSo().catch(() => false)) return true;
  return false;
}

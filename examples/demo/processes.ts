/** The demo's child processes and its folder: nothing of them outlives the demo. */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

const SLUICE = fileURLToPath(new URL("../../bin/sluice.js", import.meta.url));
const READY_MS = 30_000;
const HURRY_MS = 5000;
const STOP_MS = 15_000;
const OUTPUT_CHARACTERS_KEPT = 4000;

interface Child {
  name: string;
  process: ChildProcess;
  exited: Promise<void>;
  lastOutput: () => string;
}

/** A place for the demo's processes. Dispose of it to end them, last started first, and to remove its folder. */
export class Stage implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), "sluice-demo-"));
  readonly #children: Child[] = [];
  /** Processes that end by themselves, with their ends. */
  readonly #passing = new Map<ChildProcess, Promise<void>>();
  #closed: Promise<void> | undefined;
  #env: NodeJS.ProcessEnv = {
    ...process.env,
    // What Sluice and Node keep on disk lies in the demo's folder; the same Node runs everything.
    SLUICE_HOME: join(this.folder, "home"),
    NODE_COMPILE_CACHE: join(this.folder, "node-cache"),
    PATH: `${dirname(process.execPath)}${delimiter}${process.env["PATH"] ?? ""}`,
    NO_COLOR: "1",
  };

  constructor() {
    for (const name of ["SLUICE_API_KEY", "PREFECT_API_KEY", "PREFECT_API_AUTH_STRING", "SLUICE_PROFILE"])
      delete this.#env[name];
  }

  /** Starts the server on a free port and returns the base URL of its API. */
  async startServer(): Promise<string> {
    const args = ["server", "start", "--port", "0", "--data-dir", join(this.folder, "data")];
    const url = await this.#start("the server", args, {}, (line) => /http:\/\/[^\s/]+/.exec(line)?.[0]);
    const apiUrl = `${url}/api`;
    this.#env = { ...this.#env, SLUICE_API_URL: apiUrl, PREFECT_API_URL: apiUrl };
    return apiUrl;
  }

  /** Starts an agent in a process of its own. */
  async startAgent(workerId: string, pool: string, limit: number): Promise<void> {
    const args = ["worker", "start", "--pool", pool, "--limit", String(limit)];
    await this.#start(`worker ${workerId}`, args, { WORKER_ID: workerId });
  }

  /** Runs one command to its end. Throws with what it said when it fails. */
  async run(args: string[], cwd?: string): Promise<void> {
    this.#assertOpen();
    const child = spawn(process.execPath, [SLUICE, ...args], {
      env: this.#env,
      stdio: ["ignore", "pipe", "pipe"],
      ...(cwd !== undefined && { cwd }),
    });
    const exited = this.#awaitPassing(child);
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), exited]);
    if (child.exitCode !== 0) throw new Error(`\`sluice ${args.join(" ")}\` failed:\n${stderr}${stdout}`);
  }

  /** Compiles the SDK once, as it is on a machine that has run a flow before; the flows' own processes then start sooner. */
  async warmUp(cwd: string): Promise<void> {
    this.#assertOpen();
    const child = spawn(process.execPath, ["--input-type=module", "-e", 'import "sluice/client";'], {
      cwd,
      env: this.#env,
      stdio: "ignore",
    });
    await this.#awaitPassing(child);
  }

  /** Throws when a process that should be running is not. */
  assertRunning(): void {
    const gone = this.#children.find(
      ({ process }) => process.exitCode !== null || process.signalCode !== null,
    );
    if (gone !== undefined) throw new Error(`${gone.name} has ended by itself:\n${gone.lastOutput()}`);
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const agents = this.#children.slice(1);
    await Promise.all(agents.map(endChild));
    await Promise.all(this.#children.slice(0, 1).map(endChild));
    // They may still be writing into the folder.
    for (const child of this.#passing.keys()) child.kill("SIGKILL");
    await Promise.all(this.#passing.values());
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 10 });
  }

  /** What the demo was about to start when it was interrupted is not started any more. */
  #assertOpen(): void {
    if (this.#closed !== undefined) throw new Error("The demo has been ended.");
  }

  async #awaitPassing(child: ChildProcess): Promise<void> {
    const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    this.#passing.set(child, exited);
    await exited;
    this.#passing.delete(child);
  }

  /** Starts a process in a group of its own, so that Ctrl-C reaches the demo only and the demo ends it in order. */
  async #start(
    name: string,
    args: string[],
    env: NodeJS.ProcessEnv,
    readReady?: (line: string) => string | undefined,
  ): Promise<string> {
    this.#assertOpen();
    const child = spawn(process.execPath, [SLUICE, ...args], {
      env: { ...this.#env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    let output = "";
    const keep = (chunk: Buffer) => {
      output = (output + chunk.toString("utf8")).slice(-OUTPUT_CHARACTERS_KEPT);
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    this.#children.push({ name, process: child, exited, lastOutput: () => output });
    if (readReady === undefined) return "";
    const ready = new Promise<string>((resolve, reject) => {
      createInterface({ input: child.stdout }).on("line", (line) => {
        const value = readReady(line);
        if (value !== undefined) resolve(value);
      });
      void exited.then(() => reject(new Error(`${name} ended before it was ready:\n${output}`)));
      setTimeout(() => reject(new Error(`${name} was not ready in time:\n${output}`)), READY_MS).unref();
    });
    return ready;
  }
}

/**
 * Asks twice, as a person would who presses Ctrl-C again, a third time of whoever waits for a server that is gone, and
 * then does not ask any more.
 */
async function endChild({ process: child, exited }: Child): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGTERM");
  child.kill("SIGINT");
  const timers = [
    setTimeout(() => child.kill("SIGINT"), HURRY_MS),
    setTimeout(() => child.kill("SIGKILL"), STOP_MS),
  ];
  await exited;
  for (const timer of timers) clearTimeout(timer);
}

/** Prefect's own clients as processes: its command line, flows, workers, of one version and against one server. */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { signalProcess } from "../../../src/server/signal-process.ts";
import { collect, type Outcome } from "../../support/sluice.ts";
import type { PrefectVersion } from "../versions.ts";
import { killAllWith } from "./leftovers.ts";
import { startProxy, type Proxy } from "./proxy.ts";

const HOST = fileURLToPath(new URL("../host.py", import.meta.url));
const FLOWS = fileURLToPath(new URL("../flows/", import.meta.url));
const COMMAND_MS_MAX = 120_000;

export interface RunOptions {
  cwd?: string;
  env?: Record<string, string>;
  /** Milliseconds until it is killed, a minute unless given. */
  timeoutMs?: number;
}

/** A process that goes on while the test does something else. */
export interface Running {
  readonly pid: number;
  readonly ended: Promise<Outcome>;
  signal(name: NodeJS.Signals): void;
}

export interface Prefect extends AsyncDisposable {
  readonly version: PrefectVersion;
  /** Stands before the server: it records and can be told faults. */
  readonly proxy: Proxy;
  readonly apiUrl: string;
  readonly env: NodeJS.ProcessEnv;
  /** `prefect ARGS`, never asking, in a forked child. */
  cli(args: readonly string[], options?: RunOptions): Promise<Outcome>;
  /** A program of `flows/`, in a forked child. */
  start(program: string, args?: readonly string[], options?: RunOptions): Promise<Running>;
  /** The last line that a program of `flows/` printed, as JSON. Throws when it failed. */
  ask<Answer>(program: string, args?: readonly string[], options?: RunOptions): Promise<Answer>;
  /** `prefect ARGS` as an interpreter of its own, as a person starts it. */
  spawn(args: readonly string[], options?: RunOptions): Running;
}

interface HostMessage {
  id: number;
  pid?: number;
  exit_code?: number;
  stdout?: string;
  stderr?: string;
}

/** Starts the clients of one version against a server. They live in a home of their own, which goes with them. */
export async function startPrefect(
  version: PrefectVersion,
  python: string,
  serverUrl: string,
  more: Record<string, string> = {},
): Promise<Prefect> {
  const home = realpathSync(mkdtempSync(join(tmpdir(), "sluice-prefect-")));
  const proxy = await startProxy(serverUrl);
  const apiUrl = `${proxy.url}/api`;
  const env = { ...clientEnvironment(python, home, apiUrl), ...more };
  const host = spawn(python, [HOST], { env, stdio: ["pipe", "pipe", "inherit"] });
  const waiting = new Map<number, { started: (pid: number) => void; ended: (outcome: Outcome) => void }>();
  createInterface({ input: host.stdout }).on("line", (line) => {
    const message = JSON.parse(line) as HostMessage;
    const request = waiting.get(message.id);
    if (message.pid !== undefined) request?.started(message.pid);
    if (message.exit_code === undefined) return;
    waiting.delete(message.id);
    const { exit_code: exitCode, stdout = "", stderr = "" } = message;
    request?.ended({ exitCode, stdout, stderr });
  });

  let last = 0;
  const fork = async (request: { file?: string; args: readonly string[] }, options: RunOptions) => {
    last += 1;
    const id = last;
    const ended = Promise.withResolvers<Outcome>();
    const pid = await new Promise<number>((started) => {
      waiting.set(id, { started, ended: ended.resolve });
      const { cwd = home, env: extra = {} } = options;
      host.stdin.write(`${JSON.stringify({ id, cwd, env: extra, ...request })}\n`);
    });
    return watch(pid, ended.promise, options.timeoutMs ?? COMMAND_MS_MAX);
  };

  const prefect: Prefect = {
    version,
    proxy,
    apiUrl,
    env,
    cli: async (args, options = {}) => (await fork({ args: ["--no-prompt", ...args] }, options)).ended,
    start: (program, args = [], options = {}) => fork({ file: join(FLOWS, program), args }, options),
    ask: async (program, args = [], options = {}) => {
      const running = await prefect.start(program, args, options);
      const { exitCode, stdout, stderr } = await running.ended;
      if (exitCode !== 0)
        throw new Error(`${program} ${args.join(" ")} ended with ${exitCode}:\n${stdout}${stderr}`);
      return JSON.parse(stdout.trim().split("\n").at(-1) ?? "null");
    },
    spawn: (args, options = {}) => {
      const child = spawn(python, ["-m", "prefect", ...args], {
        env: { ...env, ...options.env },
        cwd: options.cwd ?? home,
        stdio: ["ignore", "pipe", "pipe"],
        detached: true,
      });
      return watch(child.pid ?? 0, collect(child), options.timeoutMs ?? 10 * COMMAND_MS_MAX);
    },
    [Symbol.asyncDispose]: async () => {
      await end(host);
      await killAllWith(`PREFECT_HOME=${home}`);
      await proxy[Symbol.asyncDispose]();
      rmSync(home, { recursive: true, force: true, maxRetries: 10 });
    },
  };
  return prefect;
}

/** The settings of a client: nobody's own, and nothing that goes to other machines. */
function clientEnvironment(python: string, home: string, apiUrl: string): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(SLUICE|PREFECT|WORKER|PYTHON)_?/u.test(name),
  );
  return {
    ...Object.fromEntries(inherited),
    PATH: `${dirname(python)}:${dirname(process.execPath)}:${process.env["PATH"] ?? ""}`,
    PREFECT_API_URL: apiUrl,
    PREFECT_HOME: home,
    PREFECT_SERVER_ANALYTICS_ENABLED: "false",
    DO_NOT_TRACK: "1",
    PYTHONWARNINGS: "ignore",
    PYTHONUNBUFFERED: "1",
    PYTHONDONTWRITEBYTECODE: "1",
    NO_COLOR: "1",
    COLUMNS: "200",
  };
}

function watch(pid: number, outcome: Promise<Outcome>, timeoutMs: number): Running {
  const killed = setTimeout(() => signalProcess(-pid, "SIGKILL"), timeoutMs);
  const ended = outcome.finally(() => clearTimeout(killed));
  return { pid, ended, signal: (name) => signalProcess(-pid, name) };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await exited;
}

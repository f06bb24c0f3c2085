/** The control planes that are compared, each as its users start it on one machine, with its data in a folder of its own. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findServerProcesses, waitForNoProcesses } from "../../test/support/processes.ts";
import { startTestServer } from "../../test/support/server.ts";
import { waitFor } from "../../test/support/wait-for.ts";
import { findAllWith, killAllWith } from "../../test/prefect/support/leftovers.ts";

const STARTED_MS_MAX = 180_000;

export interface System extends AsyncDisposable {
  readonly name: string;
  readonly isSluice: boolean;
  /** Without a slash at the end and without `/api`. */
  readonly url: string;
  /** Kills everything of it at once. */
  kill9(): Promise<void>;
  /** Starts it again on the same address and data. */
  restart(): Promise<void>;
  /** Bytes of memory of all its processes. */
  measureMemory(): Promise<number>;
}

export async function startSluice(): Promise<System> {
  const server = await startTestServer();
  const findPids = async () => {
    const { keepers, workerds } = await findServerProcesses(server.dataDir);
    return [server.pid, ...keepers, ...workerds];
  };
  return {
    name: "Sluice",
    isSluice: true,
    url: server.url,
    kill9: async () => {
      for (const pid of await findPids()) process.kill(pid, "SIGKILL");
      await waitForNoProcesses(server.dataDir);
    },
    restart: () => server.restart(),
    measureMemory: async () => sumMemory(await findPids()),
    [Symbol.asyncDispose]: () => server.stop(),
  };
}

export interface PrefectServerOptions {
  name: string;
  python: string;
  /** As SQLAlchemy writes it; a file of SQLite in the server's home unless given. */
  databaseUrl?: string;
}

export async function startPrefectServer(options: PrefectServerOptions): Promise<System> {
  const home = realpathSync(mkdtempSync(join(tmpdir(), "prefect-server-")));
  const mark = `PREFECT_HOME=${home}`;
  const port = await findFreePort();
  const url = `http://127.0.0.1:${port}`;
  const spawnServer = (...words: string[]) =>
    spawn(options.python, ["-m", "prefect", "server", ...words], {
      env: {
        PATH: process.env["PATH"] ?? "",
        HOME: home,
        PREFECT_HOME: home,
        PREFECT_SERVER_ANALYTICS_ENABLED: "false",
        DO_NOT_TRACK: "1",
        PYTHONWARNINGS: "ignore",
        ...(options.databaseUrl !== undefined && {
          PREFECT_API_DATABASE_CONNECTION_URL: options.databaseUrl,
        }),
      },
      cwd: home,
      stdio: "ignore",
      detached: true,
    });
  const start = async () => {
    const child = spawnServer("start", "--host", "127.0.0.1", "--port", String(port), "--no-ui");
    await waitFor(async () => {
      if (child.exitCode !== null) throw new Error(`Prefect's server ended with ${child.exitCode}.`);
      const { ok } = await fetch(`${url}/api/health`);
      if (!ok) throw new Error("It is not healthy yet.");
    }, STARTED_MS_MAX);
  };
  const kill9 = () => killAllWith(mark);
  if (options.databaseUrl !== undefined) {
    // Others have used it before.
    const [exitCode] = (await once(spawnServer("database", "reset", "-y"), "exit")) as [number | null];
    if (exitCode !== 0) throw new Error(`The database of ${options.name} could not be emptied.`);
  }
  await start();
  return {
    name: options.name,
    isSluice: false,
    url,
    kill9,
    restart: start,
    measureMemory: async () =>
      sumMemory([
        ...(await findAllWith(mark)).map(({ pid }) => pid),
        ...(options.databaseUrl === undefined ? [] : findProcessesCalled("postgres")),
      ]),
    [Symbol.asyncDispose]: async () => {
      await kill9();
      rmSync(home, { recursive: true, force: true, maxRetries: 10 });
    },
  };
}

/** A port that nobody listens on right now. */
export function findFreePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

/** Of the whole machine: nothing else uses a database on it while this runs. */
function findProcessesCalled(name: string): number[] {
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && readName(pid) === name);
}

function readName(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8").trim();
  } catch {
    // It has ended meanwhile.
    return undefined;
  }
}

/** Pages that several processes share count once. */
function sumMemory(pids: readonly number[]): number {
  const kilobytes = pids.map((pid) =>
    Number(/^Pss:\s+(\d+)/mu.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1]),
  );
  return kilobytes.reduce((sum, count) => sum + count, 0) * 1024;
}

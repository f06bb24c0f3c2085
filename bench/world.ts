/** One workerd with our Worker and the bare object in it, an agent where one is wanted, and a folder for all of it. */
import { spawn, type ChildProcess } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { loadWorker } from "../src/server/worker-bundle.ts";
import { formatWorkerdConfig } from "../src/server/workerd-config.ts";
import { makeSyncCounter, type SyncCounter } from "./counts.ts";

const SLUICE = fileURLToPath(new URL("../bin/sluice.js", import.meta.url));
const BARE = fileURLToPath(new URL("bare-object.js", import.meta.url));

export interface World extends AsyncDisposable {
  apiUrl: string;
  bareUrl: string;
  folder: string;
  workerdPid: number;
  /** Undefined where syncs cannot be counted. */
  syncs: SyncCounter | undefined;
  /** Starts an agent as a process of its own. */
  startAgent(pool: string): void;
}

/**
 * Starts everything on free ports. Dispose of it to end the processes and to remove the folder. Each sync to the disk takes
 * `sync_ms` longer than it does.
 */
export async function openWorld({ sync_ms = 0 } = {}): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), "sluice-bench-"));
  const children: ChildProcess[] = [];
  const close = async () => {
    for (const child of children.toReversed()) {
      const exited = new Promise((resolve) => child.once("exit", resolve));
      const isRunning = child.exitCode === null && child.signalCode === null;
      child.kill("SIGKILL");
      if (isRunning) await exited;
    }
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
  };
  try {
    const syncs = makeSyncCounter(folder, sync_ms);
    const ports = await startWorkerd(folder, children, syncs?.env ?? {});
    const apiUrl = `http://127.0.0.1:${ports.http}/api`;
    return {
      apiUrl,
      bareUrl: `http://127.0.0.1:${ports.bare}/bare`,
      folder,
      workerdPid: children[0]?.pid ?? Number.NaN,
      syncs,
      startAgent(pool) {
        const env = {
          ...process.env,
          SLUICE_API_URL: apiUrl,
          SLUICE_HOME: folder,
          WORKER_ID: "bench",
          PATH: `${dirname(process.execPath)}${delimiter}${process.env["PATH"] ?? ""}`,
        };
        const args = [SLUICE, "worker", "start", "--pool", pool, "--limit", "4"];
        children.push(spawn(process.execPath, args, { env, stdio: "ignore" }));
      },
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function startWorkerd(
  folder: string,
  children: ChildProcess[],
  env: Record<string, string>,
): Promise<{ http: number; bare: number }> {
  const worker = await loadWorker();
  writeFileSync(join(folder, "worker.js"), worker.script);
  copyFileSync(BARE, join(folder, "bare-object.js"));
  writeFileSync(
    join(folder, "workerd.capnp"),
    addBareObject(formatWorkerdConfig(worker.manifest, false), worker.manifest.compatibility_date),
  );
  mkdirSync(join(folder, "objects"));
  const workerd = (createRequire(import.meta.url)("workerd") as { default: string }).default;
  const child = spawn(
    workerd,
    [
      "serve",
      join(folder, "workerd.capnp"),
      `--directory-path=objects=${join(folder, "objects")}`,
      `--directory-path=ui=${folder}`,
      "--socket-addr=http=127.0.0.1:0",
      "--socket-addr=bare=127.0.0.1:0",
      "--control-fd=3",
    ],
    { env: { SLUICE_OPEN: "true", ...env }, stdio: ["ignore", "ignore", "inherit", "pipe"] },
  );
  children.push(child);
  const ports = new Map<string, number>();
  for await (const line of createInterface({ input: child.stdio[3] as Readable })) {
    const event = JSON.parse(line) as { event: string; socket?: string; port?: number };
    if (event.event === "listen" && event.socket !== undefined) ports.set(event.socket, event.port ?? 0);
    const [http, bare] = [ports.get("http"), ports.get("bare")];
    if (http !== undefined && bare !== undefined) return { http, bare };
  }
  throw new Error("workerd ended before it was ready.");
}

/** Puts the bare object beside our Worker, its rows on the same disk. */
function addBareObject(config: string, compatibilityDate: string): string {
  return `${config
    .replace("services = [", 'services = [\n    (name = "bare", worker = .bare),')
    .replace("sockets = [", 'sockets = [(name = "bare", http = (), service = "bare"), ')}
const bare :Workerd.Worker = (
  modules = [(name = "bare-object.js", esModule = embed "bare-object.js")],
  compatibilityDate = ${JSON.stringify(compatibilityDate)},
  bindings = [(name = "BARE", durableObjectNamespace = "BareObject")],
  durableObjectNamespaces = [(className = "BareObject", uniqueKey = "bare", enableSql = true)],
  durableObjectStorage = (localDisk = "objects"),
);
`;
}

/** One control plane and one kind of client on it: what an experiment plays on. */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { createClient, type Client } from "sluice/client";
import { startPrefect, type Prefect, type Running } from "../../test/prefect/support/prefect.ts";
import { collect, spawnSluice } from "../../test/support/sluice.ts";
import { NEWEST } from "../../test/prefect/versions.ts";
import { waitFor } from "../../test/support/wait-for.ts";
import type { System } from "./systems.ts";

const PROGRAMS = fileURLToPath(new URL("programs/", import.meta.url));
export const POOL = "versus";
const BUSY_MS_MAX = 60_000;

/** A line of a flow's process; `at` in seconds since the epoch by its own clock. */
export interface RunNote {
  at: number;
  run: string;
  worker: string | null;
  event: string;
}

export interface Scene extends AsyncDisposable {
  readonly system: System;
  /** Prefect's own client and worker, or ours. */
  readonly client: "prefect" | "sluice";
  /** Prefect's client as processes, with a proxy before the control plane. */
  readonly prefect: Prefect;
  /** For what is not measured: both answer it. */
  readonly api: Client;
  readonly folder: string;
  /** Creates the pool and deploys the flows, once. */
  deploy(): Promise<void>;
  /** A worker of the pool that takes so many runs at a time. */
  startWorker(name: string, limit: number): Running;
  run(flow: string, parameters?: Record<string, number>): Promise<string>;
  readRunNotes(): RunNote[];
}

export async function openScene(system: System, client: Scene["client"], python: string): Promise<Scene> {
  const folder = mkdtempSync(join(tmpdir(), "sluice-versus-"));
  const prefect = await startPrefect(NEWEST, python, system.url);
  const api = createClient({ apiUrl: `${system.url}/api` });
  const trace = join(folder, "runs");
  const workers: Running[] = [];
  const deployments = new Map<string, string>();
  return {
    system,
    client,
    prefect,
    api,
    folder,
    deploy: async () => {
      if (deployments.size > 0) return;
      await api.workPools.create({ name: POOL, type: "process" });
      const { exitCode, stderr } = await prefect.cli(["deploy", "--all"], { cwd: PROGRAMS });
      if (exitCode !== 0) throw new Error(`The flows were not deployed:\n${stderr}`);
      for (const flow of ["pipeline", "blocked", "quick"])
        deployments.set(flow, (await api.deployments.readByName(`${flow}/d`)).id);
    },
    startWorker: (name, limit) => {
      const words = ["worker", "start", "--pool", POOL, "--name", name, "--limit", String(limit)];
      const env = { TRACE: trace, WORKER_ID: name };
      const worker =
        client === "prefect"
          ? prefect.spawn(words, { env, timeoutMs: 3_600_000 })
          : asRunning(
              spawnSluice(words, {
                env: {
                  ...(prefect.env as Record<string, string>),
                  ...env,
                  SLUICE_API_URL: prefect.apiUrl,
                  SLUICE_HOME: join(folder, name),
                },
              }),
            );
      workers.push(worker);
      return worker;
    },
    run: async (flow, parameters = {}) => {
      const draft = { parameters, idempotency_key: crypto.randomUUID() };
      // A busy Prefect server answers 503, and its clients ask again.
      const { id } = await waitFor(
        () => api.deployments.createRun(deployments.get(flow) ?? "", draft),
        BUSY_MS_MAX,
      );
      return id;
    },
    readRunNotes: () =>
      (existsSync(trace) ? readFileSync(trace, "utf8").trim().split("\n") : []).map(
        (line) => JSON.parse(line) as RunNote,
      ),
    [Symbol.asyncDispose]: async () => {
      for (const worker of workers) worker.signal("SIGKILL");
      await prefect[Symbol.asyncDispose]();
      await api.close();
      rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
    },
  };
}

/** A program of this folder in a Node of its own. */
export function spawnNode(file: string, args: readonly string[], env: Record<string, string>): Running {
  return asRunning(
    spawn(process.execPath, [file, ...args], {
      env: { PATH: `${dirname(process.execPath)}:${process.env["PATH"] ?? ""}`, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    }),
  );
}

function asRunning(child: ReturnType<typeof spawn>): Running {
  return { pid: child.pid ?? 0, ended: collect(child), signal: (name) => void child.kill(name) };
}

/** Machines that run flows: a pool with the deployments of `flows/`, workers, and what the flows' processes note. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createClient, type Client } from "../../../src/client/index.ts";
import type { FlowRun } from "../../../src/contract/wire/flow-runs.ts";
import type { Prefect, Running } from "./prefect.ts";
import { waitFor } from "../../support/wait-for.ts";

/** What `prefect deploy` finds there is deployed. */
export const FLOWS = fileURLToPath(new URL("../flows/", import.meta.url));
export const POOL = "fleet";
/** A flow process needs seconds of CPU before its first line. */
export const RUN_MS_MAX = 180_000;

/** A line of a flow's process; `at` in seconds since the epoch by its own clock. */
export interface Note {
  run: string;
  worker: string | null;
  at: number;
  event: string;
  pid: number;
  /** What the flow was told. */
  number?: number;
}

export interface Fleet extends AsyncDisposable {
  readonly client: Client;
  /** Environment of everything that runs flows. */
  readonly env: Record<string, string>;
  /** What the flows' processes have noted so far, of one run if it is named. */
  notes(run?: string): Note[];
  /** Waits until a run has noted something. */
  noted(run: string, event: string): Promise<Note>;
  /** Creates a run of the deployment of a flow. */
  run(flow: string, parameters?: Record<string, string | number>): Promise<FlowRun>;
  /** Waits until a run's state has that name; throws at once when it ended otherwise. */
  reaches(run: string, name: string, timeoutMs?: number): Promise<FlowRun>;
  /** `prefect worker start` as a person starts it, asking each second instead of each tenth. */
  worker(prefect: Prefect, name: string, ...args: string[]): Running;
}

/** Deploys the flows into a new pool of a server, which may want a key. */
export async function startFleet(prefect: Prefect, serverUrl: string, apiKey?: string): Promise<Fleet> {
  const folder = mkdtempSync(join(tmpdir(), "sluice-fleet-"));
  const trace = join(folder, "trace");
  const client = createClient({ apiUrl: `${serverUrl}/api`, apiKey });
  await client.workPools.create({ name: POOL, type: "process" });
  const { exitCode, stderr } = await prefect.cli(["deploy", "--all"], { cwd: FLOWS });
  if (exitCode !== 0) throw new Error(`The flows were not deployed:\n${stderr}`);

  const env = { TRACE: trace, PREFECT_WORKER_QUERY_SECONDS: "1", PREFECT_RUNNER_POLL_FREQUENCY: "1" };
  const ends: string[] = [];
  const describe = (id: string) => `${JSON.stringify(fleet.notes(id))} noted; ${ends.join("\n")}`;
  const fleet: Fleet = {
    client,
    env,
    notes: (run) => {
      const lines = existsSync(trace) ? readFileSync(trace, "utf8").trim().split("\n") : [];
      const notes = lines.map((line) => JSON.parse(line) as Note);
      return notes.filter((note) => run === undefined || note.run === run);
    },
    noted: (id, event) =>
      waitFor(async () => {
        const note = fleet.notes(id).find((note) => note.event === event);
        if (note === undefined) throw new Error(`${id} has not noted ${event}: ${describe(id)}`);
        return note;
      }, RUN_MS_MAX),
    run: async (flow, parameters = {}) => {
      const { id } = await client.deployments.readByName(`${flow}/d`);
      return client.deployments.createRun(id, { parameters });
    },
    reaches: async (id, name, timeoutMs = RUN_MS_MAX) => {
      const run = await waitFor(async () => {
        const run = await client.flowRuns.read(id);
        if (run.state_name !== name && run.end_time === null)
          throw new Error(`${run.name} is ${run.state_name} instead of ${name}: ${describe(id)}`);
        return run;
      }, timeoutMs);
      if (run.state_name !== name)
        throw new Error(`${id} ended as ${run.state_name}: ${run.state?.message ?? ""}`);
      return run;
    },
    worker: (prefect, name, ...args) => {
      const worker = prefect.spawn(["worker", "start", "--pool", POOL, "--name", name, ...args], {
        env: { ...env, WORKER_ID: name },
      });
      void worker.ended.then(({ exitCode, stdout, stderr }) =>
        ends.push(`Worker ${name} ended with ${exitCode}:\n${stdout}${stderr}`),
      );
      return worker;
    },
    [Symbol.asyncDispose]: async () => {
      await client.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return fleet;
}

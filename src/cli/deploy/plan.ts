/** Turns an entry of prefect.yaml and what the command line says into what is sent, with nothing sent yet. */
import { resolve } from "node:path";
import type { z } from "zod";
import type { JsonObject } from "../../contract/wire/common.ts";
import type { DeploymentCreate } from "../../contract/wire/deployments.ts";
import { CommandError } from "../framework/errors.ts";
import { readTextFile } from "../framework/files.ts";
import type { DeploymentEntry } from "./project-file.ts";
import type { ScheduleEntry } from "./schedule-entries.ts";
import {
  EntrypointFault,
  nameOfFunction,
  readPythonFlow,
  splitEntrypoint,
  type PythonFlow,
} from "./python-flow.ts";

/** What the command line changes in every chosen deployment. */
export interface Overrides {
  pool: string | undefined;
  /** Where neither the command line nor the file names a pool. */
  defaultPool: string | undefined;
  queue: string | undefined;
  jobVariables: JsonObject;
  parameters: JsonObject;
  tags: string[];
  version: string | undefined;
  description: string | undefined;
  concurrencyLimit: number | undefined;
  schedules: ScheduleEntry[] | undefined;
  isPaused: boolean;
  enforcesSchema: boolean | undefined;
  collisionStrategy: "ENQUEUE" | "CANCEL_NEW" | undefined;
}

export interface Plan {
  /** Where the entry stands. */
  place: string;
  flow_name: string;
  pool: string;
  deployment: Omit<z.input<typeof DeploymentCreate>, "flow_id">;
}

/** Any parameters pass: nothing says which ones a command takes. */
const PERMISSIVE_SCHEMA: JsonObject = {
  title: "Parameters",
  type: "object",
  properties: {},
  definitions: {},
  additionalProperties: true,
};

/** Plans one deployment. `place` says where the entry stands, for faults: `prefect.yaml:12`. */
export async function planDeployment(
  entry: DeploymentEntry,
  overrides: Overrides,
  { folder, place }: { folder: string; place: string },
): Promise<Plan> {
  const pool = overrides.pool ?? entry.work_pool_name ?? overrides.defaultPool;
  if (pool === undefined)
    throw new CommandError(
      `${place}: the deployment ${entry.name} has no work pool; write \`work_pool: {name: …}\` or say --pool.`,
    );
  const jobVariables = { ...entry.job_variables, ...overrides.jobVariables };
  const flow = await readFlow(entry, jobVariables, { folder, place });
  const schedules = overrides.schedules ?? entry.schedules;
  const version = overrides.version ?? entry.version;
  const options =
    overrides.collisionStrategy === undefined
      ? entry.concurrency_options
      : { ...entry.concurrency_options, collision_strategy: overrides.collisionStrategy };
  return {
    place,
    flow_name: flow.name,
    pool,
    deployment: {
      name: entry.name,
      work_pool_name: pool,
      work_queue_name: overrides.queue ?? entry.work_queue_name ?? null,
      description: overrides.description ?? entry.description ?? flow.description,
      ...(version !== undefined && { version }),
      tags: [...new Set([...entry.tags, ...overrides.tags])],
      parameters: { ...entry.parameters, ...overrides.parameters },
      parameter_openapi_schema: entry.parameter_openapi_schema ?? flow.parameter_openapi_schema,
      enforce_parameter_schema: overrides.enforcesSchema ?? entry.enforce_parameter_schema ?? true,
      job_variables: jobVariables,
      entrypoint: entry.entrypoint ?? null,
      path: ".",
      pull_steps: entry.pull ?? [
        { "prefect.deployments.steps.set_working_directory": { directory: folder } },
      ],
      paused: overrides.isPaused || (entry.paused ?? false),
      schedules: schedules ?? [],
      concurrency_limit: overrides.concurrencyLimit ?? entry.concurrency_limit ?? null,
      ...(options !== undefined && { concurrency_options: options }),
    },
  };
}

async function readFlow(
  entry: DeploymentEntry,
  jobVariables: JsonObject,
  { folder, place }: { folder: string; place: string },
): Promise<{ name: string; description: string | null; parameter_openapi_schema: JsonObject }> {
  const { entrypoint, flow_name, name } = entry;
  if (entrypoint === undefined) {
    const command = jobVariables["command"];
    if (typeof command !== "string" || command.trim() === "")
      throw new CommandError(
        `${place}: the deployment ${name} says nothing to run; write \`entrypoint: file.py:flow\`, or \`flow_name\` and a \`command\` in work_pool.job_variables.`,
      );
    if (flow_name === undefined)
      throw new CommandError(`${place}: the deployment ${name} runs a command, so it wants a \`flow_name\`.`);
    return { name: flow_name, description: null, parameter_openapi_schema: PERMISSIVE_SCHEMA };
  }
  try {
    return await readEntrypoint(entrypoint, flow_name, folder);
  } catch (error) {
    if (error instanceof EntrypointFault)
      throw new CommandError(`${place}: the entrypoint ${entrypoint} ${error.message}.`);
    throw error;
  }
}

async function readEntrypoint(
  entrypoint: string,
  flow_name: string | undefined,
  folder: string,
): Promise<PythonFlow> {
  const { file, target } = splitEntrypoint(entrypoint);
  const source = await readTextFile(resolve(folder, file)).catch(() => {
    throw new EntrypointFault(`names ${file}, which is no file of ${folder}`);
  });
  return readPythonFlow(source, target, flow_name);
}

/** The name of an entry's flow; where its Python file does not tell it, the one that the function would give it. */
export async function nameFlow({ flow_name, entrypoint }: DeploymentEntry, folder: string): Promise<string> {
  if (flow_name !== undefined || entrypoint === undefined) return flow_name ?? "";
  try {
    return (await readEntrypoint(entrypoint, flow_name, folder)).name;
  } catch (error) {
    if (!(error instanceof EntrypointFault)) throw error;
    return nameOfFunction(entrypoint.split(":").at(-1) ?? "");
  }
}

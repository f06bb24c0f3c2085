/** Turns a claimed run into what is to be executed: words, environment, working directory. */
import { existsSync, mkdirSync, statSync } from "node:fs";
import { isAbsolute, join, resolve } from "node:path";
import { RUN_IDENTITY_HEADER, formatRunIdentity, type ClaimedRun } from "../src/contract/wire/agents.ts";
import type { JsonObject, JsonValue } from "../src/contract/wire/common.ts";
import { findProgram, splitCommand } from "./command-line.ts";
import { TemplateError, applyValues, asObject, renderJob, writeText } from "./job-template.ts";
import type { Settings } from "./options.ts";
import { References, type Lookups } from "./template-references.ts";

/** `engine`: a Prefect flow, whose engine speaks for itself; `command`: anything else, for which the agent speaks. */
export type JobKind = "engine" | "command";

export interface Job {
  kind: JobKind;
  /** The program's path and its arguments. */
  words: string[];
  env: Record<string, string>;
  cwd: string;
}

/** The run cannot be started as it is described; the message says what to change. */
export class JobError extends Error {
  /** What a shell exits with in the same case. */
  readonly exitCode: number;

  constructor(message: string, exitCode = 1) {
    super(message);
    this.name = "JobError";
    this.exitCode = exitCode;
  }
}

/** What the agent reads of a deployment. */
export interface DeploymentFacts {
  name?: string | undefined;
  entrypoint?: string | null | undefined;
  path?: string | null | undefined;
  pull_steps?: JsonValue | undefined;
  job_variables?: JsonObject | null | undefined;
}

export interface JobInput {
  claim: ClaimedRun;
  deployment: DeploymentFacts | undefined;
  base_job_template: JsonObject;
  worker_id: string | undefined;
  /** Folder of this run's files. */
  folder: string;
  settings: Settings;
  lookups: Lookups;
}

/** Longest value of one environment variable; Linux takes 128 KiB (source: execve(2), MAX_ARG_STRLEN). */
const ENV_VALUE_BYTES_MAX = 64 * 1024;
const PARAMETER_VALUE_BYTES_MAX = 4 * 1024;

/** The command of a Prefect flow: the engine finds its run by `PREFECT__FLOW_RUN_ID` (source: wire §3.7). */
const ENGINE = ["-m", "prefect.engine"];

/** Prepares the job. Throws {@link JobError}, whose message tells nothing from blocks, and whatever `lookups` throw. */
export async function prepareJob(input: JobInput): Promise<Job> {
  const references = new References(input.lookups);
  try {
    return await prepare(input, references);
  } catch (error) {
    if (error instanceof TemplateError) throw new JobError(references.redact(error.message));
    if (error instanceof JobError) throw new JobError(references.redact(error.message), error.exitCode);
    throw error;
  }
}

async function prepare(input: JobInput, references: References): Promise<Job> {
  const configuration = await render(input, references);
  const kind = decideKind(input.deployment, configuration["command"]);
  const cwd = await decideFolder(input, configuration, kind, references);
  const env = buildEnvironment(input, configuration);
  const words = decideWords(configuration["command"], kind, cwd, env);
  const program = findProgram(words[0] ?? "", cwd, env);
  if (program === undefined)
    throw new JobError(
      `The command ${JSON.stringify(words[0])} was not found on this host (looked ${words[0]?.includes("/") ? `in ${cwd}` : "along PATH"}); install it on worker "${input.settings.name}", or change the deployment's command`,
      127,
    );
  return { kind, words: [program, ...words.slice(1)], env, cwd };
}

async function render(input: JobInput, references: References): Promise<JsonObject> {
  const rendered = renderJob(
    {
      base_job_template: input.base_job_template,
      deployment_variables: input.deployment?.job_variables,
      run_variables: input.claim.flow_run.job_variables,
    },
    input.settings.env,
  );
  return asObject(await references.resolve(rendered)) ?? {};
}

/** A run of a Python entrypoint is executed by Prefect's engine, whatever command starts it. */
function decideKind(deployment: DeploymentFacts | undefined, command: JsonValue | undefined): JobKind {
  if (deployment?.entrypoint) return "engine";
  const text = Array.isArray(command) ? command.map(String).join(" ") : command;
  return typeof text === "string" && /\bprefect\.engine\b|\bprefect flow-run execute\b/.test(text)
    ? "engine"
    : "command";
}

function decideWords(
  command: JsonValue | undefined,
  kind: JobKind,
  cwd: string,
  env: Record<string, string>,
): string[] {
  if (Array.isArray(command) && command.length > 0) return command.map(String);
  if (typeof command === "string" && command.trim() !== "") {
    try {
      return splitCommand(command);
    } catch (error) {
      throw new JobError(`The command ${JSON.stringify(command)} cannot be read: ${String(error)}`);
    }
  }
  if (kind === "command")
    throw new JobError(
      "The run has neither a command nor a Python entrypoint; set `command` in the deployment's job variables, or deploy it with an entrypoint",
    );
  const python = ["python", "python3"].find((name) => findProgram(name, cwd, env) !== undefined);
  return [python ?? "python", ...ENGINE];
}

async function decideFolder(
  input: JobInput,
  configuration: JsonObject,
  kind: JobKind,
  references: References,
): Promise<string> {
  const { deployment, settings } = input;
  const configured = configuration["working_dir"];
  let folder = typeof configured === "string" && configured !== "" ? configured : undefined;
  // Prefect's engine runs the pull steps itself; for other commands the agent honours the one that needs no Python.
  if (kind === "command") {
    const steps = applyValues(deployment?.pull_steps ?? [], {}, settings.env) ?? [];
    folder = followPullSteps(await references.resolve(steps), folder);
  }
  if (folder === undefined && kind === "engine") {
    folder = join(input.folder, "work");
    mkdirSync(folder, { recursive: true });
  }
  const path = resolve(folder ?? process.cwd());
  if (!existsSync(path) || !statSync(path).isDirectory())
    throw new JobError(
      `The working directory ${path} does not exist on this host; create it on worker "${settings.name}", or change working_dir in the job variables`,
    );
  return path;
}

function followPullSteps(steps: JsonValue, start: string | undefined): string | undefined {
  let folder = start;
  for (const step of Array.isArray(steps) ? steps : []) {
    for (const [name, inputs] of Object.entries(asObject(step) ?? {})) {
      if (!name.endsWith("set_working_directory"))
        throw new JobError(
          `The pull step ${name} needs Python; for a command, use the pull step prefect.deployments.steps.set_working_directory, or working_dir in the job variables`,
        );
      const directory = asObject(inputs)?.["directory"];
      if (typeof directory === "string")
        folder = isAbsolute(directory) ? directory : resolve(folder ?? process.cwd(), directory);
    }
  }
  return folder;
}

function buildEnvironment(input: JobInput, configuration: JsonObject): Record<string, string> {
  const { claim, deployment, settings, worker_id } = input;
  const run = claim.flow_run;
  const identity = formatRunIdentity({
    flow_run_id: run.id,
    attempt_id: claim.attempt_id,
    fence: claim.fence,
  });
  const parameters = JSON.stringify(run.parameters);
  const env = compact({
    ...settings.env,
    WORKER_ID: settings.env["WORKER_ID"] || settings.name,
    PREFECT_API_URL: settings.apiUrl,
    SLUICE_API_URL: settings.apiUrl,
    PREFECT_API_KEY: settings.apiKey ?? settings.env["PREFECT_API_KEY"],
    SLUICE_API_KEY: settings.apiKey ?? settings.env["SLUICE_API_KEY"],
    // Prefect's clients send a key on calls only; on the sockets of a server that is no cloud they send this (source: wire §2.2).
    PREFECT_API_AUTH_STRING:
      settings.authString ?? settings.env["PREFECT_API_AUTH_STRING"] ?? settings.apiKey,
    SLUICE_API_AUTH_STRING: settings.authString ?? settings.env["SLUICE_API_AUTH_STRING"],
    ...parameterVariables(run.parameters),
  });
  for (const [name, value] of Object.entries(asObject(configuration["env"]) ?? {})) {
    if (value === null) delete env[name];
    else env[name] = writeText(value);
  }
  return {
    ...env,
    ...compact({
      PREFECT__FLOW_RUN_ID: run.id,
      PREFECT__WORKER_ID: worker_id,
      PREFECT__WORKER_NAME: settings.name,
      PREFECT__STORAGE_BASE_PATH: input.folder,
      // Prefect's runner runs these hooks itself, for which it loads the flow; here only the engine can.
      PREFECT__ENABLE_CANCELLATION_AND_CRASHED_HOOKS: "true",
      PREFECT_CLIENT_CUSTOM_HEADERS: addHeaders(
        env["PREFECT_CLIENT_CUSTOM_HEADERS"],
        identity,
        // It is for nobody but this server.
        env["PREFECT_API_URL"] === settings.apiUrl ? settings.authorization : undefined,
      ),
      SLUICE_FLOW_RUN_ID: run.id,
      SLUICE_FLOW_RUN_NAME: run.name,
      SLUICE_DEPLOYMENT_NAME: deployment?.name,
      SLUICE_WORK_POOL: settings.pool,
      SLUICE_RUN: identity,
      SLUICE_PARAMETERS: Buffer.byteLength(parameters) <= ENV_VALUE_BYTES_MAX ? parameters : undefined,
      SLUICE_PARAMETERS_FILE: join(input.folder, "parameters.json"),
    }),
  };
}

/** Scripts read `SLUICE_PARAM_<name>`; what is no plain value, is large, or has an odd name stands in the file only. */
function parameterVariables(parameters: JsonObject): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const [name, value] of Object.entries(parameters)) {
    const text = typeof value === "string" ? value : JSON.stringify(value);
    if (/^[A-Za-z_]\w*$/.test(name) && Buffer.byteLength(text) <= PARAMETER_VALUE_BYTES_MAX)
      variables[`SLUICE_PARAM_${name}`] = text;
  }
  return variables;
}

/**
 * Adds the run's identity to the headers that the user gives Prefect's client, and the authorization unless they have one:
 * clients before 3.6.14 send no other on their sockets. What is no JSON object is left alone.
 */
function addHeaders(own: string | undefined, identity: string, authorization: string | undefined): string {
  let headers: unknown = {};
  try {
    headers = own ? JSON.parse(own) : {};
  } catch {
    return own ?? "";
  }
  if (typeof headers !== "object" || headers === null || Array.isArray(headers)) return own ?? "";
  const hasOwn = Object.keys(headers).some((name) => name.toLowerCase() === "authorization");
  return JSON.stringify({
    ...headers,
    ...(authorization !== undefined && !hasOwn && { Authorization: authorization }),
    [RUN_IDENTITY_HEADER]: identity,
  });
}

/** Leaves out what is undefined, and NUL bytes, which no environment can hold. */
function compact(env: Record<string, string | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, value.replaceAll("\0", "")]],
    ),
  );
}

/** `sluice deploy` */
import { basename, dirname, relative, resolve } from "node:path";
import { writeCommand } from "../../contract/commands.ts";
import type { Client } from "../../client/index.ts";
import type { Deployment } from "../../contract/wire/deployments.ts";
import { find } from "../api.ts";
import { resolveSettings } from "../config/connection.ts";
import { planDeployment, type Overrides, type Plan } from "../deploy/plan.ts";
import { readProjectFile, type DeploymentEntry, type ProjectFile } from "../deploy/project-file.ts";
import { selectDeployments } from "../deploy/select.ts";
import { fillTemplates, TemplateFault } from "../deploy/templates.ts";
import type { Cli } from "../framework/cli.ts";
import { defineCommand } from "../framework/command.ts";
import { CommandError, UsageError } from "../framework/errors.ts";
import { readTextFile } from "../framework/files.ts";
import {
  choiceOption,
  flag,
  option,
  optionalArgument,
  parseText,
  repeatedOption,
  ValueFault,
} from "../framework/parameters.ts";
import {
  parseInstantText,
  parseJsonObject,
  parseKeyValue,
  parseName,
  parseSeconds,
  wholeNumber,
} from "../framework/values.ts";
import { buildSchedules } from "../records/deployments.ts";
import { readPool } from "../records/pools.ts";

const FILE_DEFAULT = "prefect.yaml";

export const command = defineCommand({
  description:
    "Reads prefect.yaml and creates or replaces its deployments. A deployment runs a Prefect flow (`entrypoint: file.py:function`; the file is read, not run) or any command (`flow_name`, and `command` in work_pool.job_variables). Nothing is sent before the whole file is understood.",
  parameters: {
    entrypoint: optionalArgument(
      "ENTRYPOINT",
      "file.py:function, to deploy without a prefect.yaml",
      parseText,
    ),
    all: flag("--all", "Deploy all deployments of the file"),
    names: repeatedOption(
      "-n, --name <name>",
      "Deploy this one: NAME, FLOW/NAME, or a pattern with *",
      parseText,
    ),
    file: option("--prefect-file <file>", "The file to read (default prefect.yaml)", parseText),
    pool: option("-p, --pool <name>", "Work pool, instead of the file's", parseName, { completes: "pools" }),
    queue: option("-q, --work-queue <name>", "Work queue, instead of the file's", parseName),
    jobVariables: repeatedOption(
      "--job-variable <key=value>",
      "A job variable, added to the file's",
      parseKeyValue,
    ),
    param: repeatedOption("--param <key=value>", "A parameter's value, added to the file's", parseKeyValue),
    params: option("--params <json>", "Several parameters as a JSON object", parseJsonObject),
    tags: repeatedOption("-t, --tag <tag>", "A tag, added to the file's", parseText),
    version: option("--version <text>", "Version of the deployment", parseText),
    description: option("-d, --description <text>", "What the deployment is for", parseText),
    concurrencyLimit: option("--concurrency-limit <n>", "Runs of it at the same time at most", wholeNumber()),
    noEnforce: flag("--no-enforce-parameter-schema", "Take parameters that the flow does not know"),
    collision: choiceOption("--collision-strategy <word>", "What becomes of runs above --concurrency-limit", [
      "ENQUEUE",
      "CANCEL_NEW",
    ]),
    cron: repeatedOption("--cron <text>", "Run by this schedule, instead of the file's", parseText),
    interval: repeatedOption("--interval <time>", "Run every so often, such as 90s or 1h30m", parseSeconds),
    anchor: option("--anchor-date <time>", "The interval is counted from here", parseInstantText),
    rrule: repeatedOption("--rrule <text>", "Run by a rule of RFC 5545", parseText),
    timezone: option("--timezone <zone>", "Time zone of the schedule, such as Europe/Berlin", parseText),
    paused: flag("--paused", "Let its schedules make no runs yet"),
  },
  examples: [
    "sluice deploy --all",
    "sluice deploy -n process-image --pool ml-pool --job-variable working_dir=/srv/flows",
    "sluice deploy flows.py:nightly -n nightly -p ml-pool --cron '0 3 * * *' --timezone Europe/Berlin",
  ],
  async run(values, cli) {
    const schedules = buildSchedules(values);
    const settings = await resolveSettings(cli.env, cli.common);
    const overrides: Overrides = {
      pool: values.pool,
      defaultPool: settings.find(({ name }) => name === "SLUICE_DEFAULT_WORK_POOL_NAME")?.value,
      queue: values.queue,
      jobVariables: Object.fromEntries(values.jobVariables.map(({ key, value }) => [key, value])),
      parameters: {
        ...values.params,
        ...Object.fromEntries(values.param.map(({ key, value }) => [key, value])),
      },
      tags: values.tags,
      version: values.version,
      description: values.description,
      concurrencyLimit: values.concurrencyLimit,
      schedules: schedules.length === 0 ? undefined : schedules.map((schedule) => ({ schedule })),
      enforcesSchema: values.noEnforce ? false : undefined,
      collisionStrategy: values.collision,
      isPaused: values.paused,
    };
    const path = resolve(values.file ?? FILE_DEFAULT);
    const fileName = relative(process.cwd(), path) || basename(path);
    const project =
      values.entrypoint === undefined
        ? await readProject(path, fileName, values.file !== undefined)
        : describeEntrypoint(values.entrypoint, values.names);
    const folder = values.entrypoint === undefined ? dirname(path) : process.cwd();
    const chosen =
      values.entrypoint === undefined
        ? await selectDeployments(project.deployments, values.names, values.all, { fileName, folder })
        : project.deployments;
    if (!cli.isJson) for (const warning of project.warnings) cli.note(warning);

    const api = await cli.api();
    const plans: Plan[] = [];
    const faults: string[] = [];
    for (const entry of chosen) {
      const place = values.entrypoint === undefined ? `${fileName}:${entry.line}` : "sluice deploy";
      try {
        const filled = await fillEntry(api, cli, entry, place);
        plans.push(await planDeployment(filled, overrides, { folder, place }));
      } catch (error) {
        if (!(error instanceof CommandError)) throw error;
        faults.push(error.message);
      }
    }
    if (faults.length > 0) throw new CommandError(faults.join("\n"));
    for (const pool of new Set(plans.map((plan) => plan.pool))) await readPool(api, pool);
    const done: Deployment[] = [];
    for (const plan of plans) {
      const name = nameOf(plan);
      try {
        const existed = await find(api.deployments.readByName(name));
        const flow = await api.flows.put({ name: plan.flow_name });
        done.push(await api.deployments.put({ ...plan.deployment, flow_id: flow.id }));
        if (!cli.isJson)
          cli.print(
            `${existed === undefined ? "Created" : "Updated"} the deployment ${name} in ${plan.pool}.`,
          );
      } catch (error) {
        const why = await cli.explain(error);
        if (why === undefined) throw error;
        const [before, behind] = [plans.slice(0, done.length), plans.slice(done.length + 1)];
        const left = [
          ...(before.length === 0 ? [] : [`Deployed before it: ${before.map(nameOf).join(", ")}.`]),
          ...(behind.length === 0 ? [] : [`Not deployed: ${behind.map(nameOf).join(", ")}.`]),
        ];
        throw new CommandError(
          [`${plan.place}: the deployment ${name} was not made: ${why}`, ...left].join("\n"),
        );
      }
    }
    if (cli.isJson) cli.print(JSON.stringify(done, null, 2));
    else await hint(cli, api, plans);
  },
});

const nameOf = (plan: Plan): string => `${plan.flow_name}/${plan.deployment.name}`;

async function readProject(path: string, fileName: string, isGiven: boolean): Promise<ProjectFile> {
  const text = await readTextFile(path).catch((error: unknown) => {
    if (isGiven || !(error instanceof CommandError)) throw error;
    throw new CommandError(
      `There is no ${FILE_DEFAULT} in ${dirname(path)}; change to the folder that has one, or say --prefect-file.`,
    );
  });
  return readProjectFile(text, fileName);
}

function describeEntrypoint(entrypoint: string, names: readonly string[]): ProjectFile {
  const [name] = names;
  if (name === undefined || names.length > 1)
    throw new UsageError("sluice deploy ENTRYPOINT wants one --name for the deployment.");
  const entry: DeploymentEntry = {
    name: parseName(name),
    line: 1,
    entrypoint,
    flow_name: undefined,
    version: undefined,
    description: undefined,
    tags: [],
    parameters: {},
    parameter_openapi_schema: undefined,
    enforce_parameter_schema: undefined,
    paused: undefined,
    schedules: undefined,
    concurrency_limit: undefined,
    concurrency_options: undefined,
    work_pool_name: undefined,
    work_queue_name: undefined,
    job_variables: {},
    pull: undefined,
    step_ids: [],
  };
  return { deployments: [entry], warnings: [] };
}

/** Fills in templates everywhere but in the pull steps, which the worker fills in when it runs them. */
async function fillEntry(
  api: Client,
  cli: Cli,
  { pull, step_ids, ...entry }: DeploymentEntry,
  place: string,
): Promise<DeploymentEntry> {
  const sources = {
    env: cli.env,
    readVariable: async (name: string) => (await find(api.variables.read(name)))?.value,
    onUnset: (name: string) => {
      if (!cli.isJson) cli.note(`${place}: the environment has no ${name}; {{ $${name} }} becomes nothing.`);
    },
    stepIds: step_ids,
  };
  try {
    // An entry is what YAML can say, so it is JSON but for what was left out.
    const plain = JSON.parse(JSON.stringify(entry)) as Parameters<typeof fillTemplates>[0];
    const filled = (await fillTemplates(plain, sources)) as unknown as Omit<
      DeploymentEntry,
      "pull" | "step_ids"
    >;
    const names = [
      ["name", filled.name],
      ["flow_name", filled.flow_name],
      ["work_pool.name", filled.work_pool_name],
      ["work_pool.work_queue_name", filled.work_queue_name],
    ] as const;
    for (const [key, name] of names) if (name !== undefined) checkName(key, name);
    return { ...entry, ...filled, pull, step_ids };
  } catch (error) {
    if (error instanceof TemplateFault) throw new CommandError(`${place}: ${error.message}`);
    throw error;
  }
}

/** Checks a name that was filled in after the file was read. */
function checkName(key: string, name: string): void {
  try {
    parseName(name);
  } catch (error) {
    if (error instanceof ValueFault) throw new TemplateFault(`${key} wants ${error.message}.`);
    throw error;
  }
}

/** Says what to do next, and whether anybody is there to do the work. */
async function hint(cli: Cli, api: Client, plans: readonly Plan[]): Promise<void> {
  const [first] = plans;
  if (first === undefined) return;
  for (const pool of new Set(plans.map((plan) => plan.pool))) {
    const online = await api.workers.list(pool, { workers: { status: { any_: ["ONLINE"] } }, limit: 1 });
    if (online.length === 0)
      cli.note(
        `No worker serves ${pool} yet; start one with \`${writeCommand("worker", "start", "--pool", pool)}\`.`,
      );
  }
  cli.note(`Start a run with \`${writeCommand("deployment", "run", nameOf(first))}\`.`);
}

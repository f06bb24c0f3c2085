/** `sluice deployment run` */
import type { JsonObject } from "../../../contract/wire/common.ts";
import type { Cli } from "../../framework/cli.ts";
import { defineCommand } from "../../framework/command.ts";
import { CommandError, UsageError } from "../../framework/errors.ts";
import {
  flag,
  option,
  optionalArgument,
  parseText,
  repeatedOption,
  ValueFault,
} from "../../framework/parameters.ts";
import { readStream } from "../../framework/files.ts";
import { findNearest } from "../../framework/suggest.ts";
import {
  parseDeploymentRef,
  parseIdText,
  parseJsonObject,
  parseKeyValue,
  parseName,
  parseSeconds,
  parseStartText,
} from "../../framework/values.ts";
import { formatRelative } from "../../output/time.ts";
import { readDeployment } from "../../records/deployments.ts";
import { watchRun } from "../../records/watch.ts";

export const command = defineCommand({
  description: "Values of --param and --job-variable are JSON; what is not JSON is taken as text.",
  parameters: {
    ref: optionalArgument("NAME", "FLOW/DEPLOYMENT, or an id", parseDeploymentRef, {
      completes: "deployments",
    }),
    id: option("--id <id>", "Id of the deployment, instead of NAME", parseIdText),
    param: repeatedOption("-p, --param <key=value>", "A parameter of the flow", parseKeyValue),
    params: option(
      "--params <json>",
      "Several parameters as a JSON object; - reads it from the standard input",
      parseText,
    ),
    jobVariables: repeatedOption("--job-variable <key=value>", "A job variable of the pool", parseKeyValue),
    startIn: option("--start-in <time>", "Start after this long, such as 5m", parseSeconds),
    startAt: option(
      "--start-at <time>",
      "Start at this time, such as 17:30 or 2030-01-31 08:00",
      parseStartText,
    ),
    tags: repeatedOption("-t, --tag <tag>", "Tag of the run", parseText),
    runName: option("--flow-run-name <name>", "Name of the run", parseName),
    idempotencyKey: option("--idempotency-key <key>", "The same key makes no second run", parseText),
    watch: flag("--watch", "Stay until the run has ended; exit code 1 unless it completed"),
    timeout: option("--watch-timeout <time>", "Stop watching after this long", parseSeconds),
  },
  examples: [
    "sluice deployment run process-image/process-image --param image_id=7",
    `sluice deployment run process-image/process-image --params '{"image_id": 7}' --watch`,
    "sluice deployment run nightly/report --start-in 2h --tag manual",
  ],
  async run(values, cli) {
    const { startIn, startAt } = values;
    const name = values.id ?? values.ref;
    if (name === undefined || (values.id !== undefined && values.ref !== undefined))
      throw new UsageError(
        "sluice deployment run wants the NAME of one deployment, or its --id, and not both.",
      );
    if (startIn !== undefined && startAt !== undefined)
      throw new UsageError("--start-in and --start-at exclude each other.");
    const parameters: JsonObject = {
      ...(await readParams(values.params, cli)),
      ...Object.fromEntries(values.param.map(({ key, value }) => [key, value])),
    };
    const api = await cli.api();
    const deployment = await readDeployment(api, name);
    checkParameters(name, parameters, deployment.parameter_openapi_schema);
    const now = cli.system.now();
    const scheduledTime = startAt ?? new Date(now + (startIn ?? 0) * 1000).toISOString();
    const run = await api.deployments.createRun(deployment.id, {
      state: { type: "SCHEDULED", name: "Scheduled", state_details: { scheduled_time: scheduledTime } },
      parameters,
      tags: values.tags,
      ...(values.runName !== undefined && { name: values.runName }),
      ...(values.idempotencyKey !== undefined && { idempotency_key: values.idempotencyKey }),
      ...(values.jobVariables.length > 0 && {
        job_variables: Object.fromEntries(values.jobVariables.map(({ key, value }) => [key, value])),
      }),
    });
    if (values.watch) {
      cli.note(`Created the flow run ${run.name} (${run.id}).`);
      return watchRun(cli, run.id, values.timeout);
    }
    await cli.show(run, () => {
      const when =
        Date.parse(scheduledTime) - now > 1000 ? `, to start ${formatRelative(scheduledTime, now)}` : "";
      return `Created the flow run ${run.name} (${run.id})${when}.`;
    });
  },
});

async function readParams(text: string | undefined, cli: Cli): Promise<JsonObject> {
  if (text === undefined) return {};
  try {
    return parseJsonObject(text === "-" ? await readStream(cli.system.stdin) : text);
  } catch (error) {
    if (error instanceof ValueFault) throw new UsageError(`--params wants ${error.message}.`);
    throw error;
  }
}

/** Refuses parameters that the flow does not have, before any run is made (source: wire §3.5b). */
function checkParameters(name: string, parameters: JsonObject, schema: JsonObject | null): void {
  const properties = schema?.["properties"];
  if (typeof properties !== "object" || properties === null || schema?.["additionalProperties"] === true)
    return;
  const known = Object.keys(properties);
  const unknown = Object.keys(parameters).find((key) => !known.includes(key));
  if (unknown === undefined) return;
  const nearest = findNearest(unknown, known);
  const advice =
    nearest !== undefined
      ? `; did you mean ${nearest}?`
      : known.length === 0
        ? "; it takes none."
        : `; it takes ${known.join(", ")}.`;
  throw new CommandError(`The flow of ${name} has no parameter ${unknown}${advice}`);
}

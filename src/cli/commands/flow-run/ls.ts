/** `sluice flow-run ls` */
import { parseStateType, STATE_NAMES } from "../../records/states.ts";
import { defineCommand } from "../../framework/command.ts";
import { readSome } from "../../framework/list.ts";
import { option, parseText, repeatedOption } from "../../framework/parameters.ts";
import { findNearest } from "../../framework/suggest.ts";
import { parseDeploymentRef, wholeNumber } from "../../framework/values.ts";
import { readDeployment } from "../../records/deployments.ts";
import { readFlowNames, runColumns } from "../../records/runs.ts";

export const command = defineCommand({
  description: "The latest expected start comes first.",
  parameters: {
    states: repeatedOption("--state <name>", "Only runs in this state, by name", parseText),
    stateTypes: repeatedOption("--state-type <type>", "Only runs in a state of this type", parseStateType),
    flows: repeatedOption("--flow-name <name>", "Only runs of this flow", parseText),
    deployment: option("-d, --deployment <name>", "Only runs of FLOW/DEPLOYMENT", parseDeploymentRef, {
      completes: "deployments",
    }),
    pools: repeatedOption("-p, --pool <name>", "Only runs of this work pool", parseText, {
      completes: "pools",
    }),
    limit: option("--limit <n>", "At most this many (default 15)", wholeNumber({ min: 1, max: 10_000 })),
    offset: option("--offset <n>", "Leave out this many first", wholeNumber({ max: 10_000 })),
  },
  examples: [
    "sluice flow-run ls",
    "sluice flow-run ls --state Running --flow-name process-image --limit 50",
    "sluice flow-run ls --state-type FAILED --state-type CRASHED -o json",
  ],
  async run({ states, stateTypes, flows, deployment, pools, limit, offset }, cli) {
    const api = await cli.api();
    const deploymentId = deployment === undefined ? undefined : (await readDeployment(api, deployment)).id;
    const state = {
      ...(states.length > 0 && { name: { any_: states } }),
      ...(stateTypes.length > 0 && { type: { any_: stateTypes } }),
    };
    const runFilter = {
      ...(Object.keys(state).length > 0 && { state }),
      ...(deploymentId !== undefined && { deployment_id: { any_: [deploymentId] } }),
    };
    const runs = await readSome(
      cli,
      (page) =>
        api.flowRuns.list({
          ...(Object.keys(runFilter).length > 0 && { flow_runs: runFilter }),
          ...(flows.length > 0 && { flows: { name: { any_: flows } } }),
          ...(pools.length > 0 && { work_pools: { name: { any_: pools } } }),
          sort: "EXPECTED_START_TIME_DESC",
          ...page,
        }),
      { limit, usual: 15, offset },
    );
    const names = cli.isJson ? new Map<string, string>() : await readFlowNames(api, runs);
    if (runs.length === 0)
      for (const name of states) {
        const nearest = findNearest(name, STATE_NAMES);
        if (nearest !== undefined && nearest !== name)
          cli.note(`No run is in a state ${name}; did you mean ${nearest}?`);
      }
    await cli.showTable(
      runs,
      runColumns(names, cli.system.now()),
      "No flow runs match; start one with `sluice deployment run FLOW/DEPLOYMENT`.",
    );
  },
});

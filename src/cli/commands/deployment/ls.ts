/** `sluice deployment ls` */
import { defineCommand } from "../../framework/command.ts";
import { readAll } from "../../framework/list.ts";
import { flag, parseText, repeatedOption, restArguments } from "../../framework/parameters.ts";
import { deploymentColumns } from "../../records/deployments.ts";
import { readFlowNames } from "../../records/runs.ts";

export const command = defineCommand({
  parameters: {
    names: restArguments("FLOW", "Only of these flows", parseText, { allowsOptions: true }),
    flowNames: repeatedOption("--flow-name <name>", "Only of this flow", parseText),
    byCreated: flag("--by-created", "The latest first, instead of by name"),
  },
  examples: ["sluice deployment ls", "sluice deployment ls --flow-name process-image -o json"],
  async run({ names, flowNames, byCreated }, cli) {
    const flows = [...names, ...flowNames];
    const api = await cli.api();
    const deployments = await readAll((page) =>
      api.deployments.list({ ...page, ...(flows.length > 0 && { flows: { name: { any_: flows } } }) }),
    );
    const flowsById = await readFlowNames(api, deployments);
    const nameOf = (deployment: (typeof deployments)[number]): string =>
      `${flowsById.get(deployment.flow_id) ?? ""}/${deployment.name}`;
    deployments.sort((a, b) =>
      byCreated ? b.created.localeCompare(a.created) : nameOf(a).localeCompare(nameOf(b)),
    );
    await cli.showTable(
      deployments,
      deploymentColumns(flowsById),
      "No deployments yet; `sluice deploy` makes them from prefect.yaml.",
    );
  },
});

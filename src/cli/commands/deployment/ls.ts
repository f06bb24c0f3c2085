/** `sluice deployment ls` */
import { defineCommand } from "../../framework/command.ts";
import { readAll } from "../../framework/list.ts";
import { flag, repeatedOption, parseText } from "../../framework/parameters.ts";
import { deploymentColumns } from "../../records/deployments.ts";
import { readFlowNames } from "../../records/runs.ts";

export const command = defineCommand({
  parameters: {
    flows: repeatedOption("--flow-name <name>", "Only of this flow", parseText),
    byCreated: flag("--by-created", "The latest first, instead of by name"),
  },
  examples: ["sluice deployment ls", "sluice deployment ls --flow-name process-image -o json"],
  async run({ flows, byCreated }, cli) {
    const api = await cli.api();
    const deployments = await readAll((page) =>
      api.deployments.list({ ...page, ...(flows.length > 0 && { flows: { name: { any_: flows } } }) }),
    );
    const names = await readFlowNames(api, deployments);
    const nameOf = (deployment: (typeof deployments)[number]): string =>
      `${names.get(deployment.flow_id) ?? ""}/${deployment.name}`;
    deployments.sort((a, b) =>
      byCreated ? b.created.localeCompare(a.created) : nameOf(a).localeCompare(nameOf(b)),
    );
    await cli.showTable(
      deployments,
      deploymentColumns(names),
      "No deployments yet; `sluice deploy` makes them from prefect.yaml.",
    );
  },
});

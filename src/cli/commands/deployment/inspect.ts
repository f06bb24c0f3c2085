/** `sluice deployment inspect` */
import { defineCommand } from "../../framework/command.ts";
import { argument } from "../../framework/parameters.ts";
import { parseDeploymentRef } from "../../framework/values.ts";
import { describeDeployment, readDeployment } from "../../records/deployments.ts";

export const command = defineCommand({
  parameters: {
    name: argument("NAME", "FLOW/DEPLOYMENT, or an id", parseDeploymentRef, { completes: "deployments" }),
  },
  examples: ["sluice deployment inspect process-image/process-image -o json"],
  async run({ name }, cli) {
    const api = await cli.api();
    const deployment = await readDeployment(api, name);
    const flow = cli.isJson ? "" : (await api.flows.read(deployment.flow_id)).name;
    await cli.showDetails(deployment, () => describeDeployment(deployment, flow, cli.system.now()));
  },
});

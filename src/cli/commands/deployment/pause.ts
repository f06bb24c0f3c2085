/** `sluice deployment pause` */
import { defineCommand } from "../../framework/command.ts";
import { argument } from "../../framework/parameters.ts";
import { parseDeploymentRef } from "../../framework/values.ts";
import { readDeployment } from "../../records/deployments.ts";

export const command = defineCommand({
  description:
    "Its schedules make no more runs, and those they made are taken back. Runs that are asked for by hand still run.",
  parameters: {
    name: argument("NAME", "FLOW/DEPLOYMENT, or an id", parseDeploymentRef, { completes: "deployments" }),
  },
  examples: ["sluice deployment pause process-image/process-image"],
  async run({ name }, cli) {
    const api = await cli.api();
    const { id } = await readDeployment(api, name);
    await api.deployments.update(id, { paused: true });
    await cli.showDone(`The deployment ${name} is paused.`, () => api.deployments.read(id));
  },
});

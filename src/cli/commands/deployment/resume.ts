/** `sluice deployment resume` */
import { defineCommand } from "../../framework/command.ts";
import { argument } from "../../framework/parameters.ts";
import { parseDeploymentRef } from "../../framework/values.ts";
import { readDeployment } from "../../records/deployments.ts";

export const command = defineCommand({
  description: "Its schedules make runs again.",
  parameters: {
    name: argument("NAME", "FLOW/DEPLOYMENT, or an id", parseDeploymentRef, { completes: "deployments" }),
  },
  examples: ["sluice deployment resume process-image/process-image"],
  async run({ name }, cli) {
    const api = await cli.api();
    const { id } = await readDeployment(api, name);
    await api.deployments.update(id, { paused: false });
    await cli.showDone(`The deployment ${name} is resumed.`, () => api.deployments.read(id));
  },
});

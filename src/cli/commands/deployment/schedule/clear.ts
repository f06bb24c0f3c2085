/** `sluice deployment schedule clear` */
import { defineCommand } from "../../../framework/command.ts";
import { argument } from "../../../framework/parameters.ts";
import { parseDeploymentRef } from "../../../framework/values.ts";
import { readDeployment } from "../../../records/deployments.ts";

export const command = defineCommand({
  parameters: {
    name: argument("NAME", "FLOW/DEPLOYMENT, or an id", parseDeploymentRef, { completes: "deployments" }),
  },
  examples: ["sluice deployment schedule clear nightly/report --yes"],
  async run({ name }, cli) {
    const api = await cli.api();
    const { id, schedules } = await readDeployment(api, name);
    await cli.confirm(`Delete all ${schedules.length} schedules of ${name}?`);
    for (const schedule of schedules) await api.deployments.deleteSchedule(id, schedule.id);
    await cli.showDone(`Deleted ${schedules.length} schedules of ${name}.`, async () => schedules);
  },
});

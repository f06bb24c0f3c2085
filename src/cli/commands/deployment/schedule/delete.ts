/** `sluice deployment schedule delete` */
import { defineCommand } from "../../../framework/command.ts";
import { argument, parseText } from "../../../framework/parameters.ts";
import { parseDeploymentRef } from "../../../framework/values.ts";
import { chooseSchedules, SCHEDULE_HELP } from "./switch-schedules.ts";

export const command = defineCommand({
  parameters: {
    name: argument("NAME", "FLOW/DEPLOYMENT, or an id", parseDeploymentRef, { completes: "deployments" }),
    id: argument("SCHEDULE", SCHEDULE_HELP, parseText),
  },
  examples: ["sluice deployment schedule delete nightly/report 01993a5c-7b1e-7777-8000-0123456789ab --yes"],
  async run({ name, id }, cli) {
    const { deploymentId, schedules } = await chooseSchedules(cli, { name, id, all: false });
    await cli.confirm(`Delete this schedule of ${name}?`);
    const api = await cli.api();
    for (const schedule of schedules) await api.deployments.deleteSchedule(deploymentId, schedule.id);
    await cli.showDone(`Deleted the schedule ${id} of ${name}.`, async () => schedules[0]);
  },
});

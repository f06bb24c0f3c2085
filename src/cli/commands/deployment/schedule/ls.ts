/** `sluice deployment schedule ls` */
import { writeCommand } from "../../../../contract/commands.ts";
import { defineCommand } from "../../../framework/command.ts";
import { argument } from "../../../framework/parameters.ts";
import { parseDeploymentRef } from "../../../framework/values.ts";
import { readDeployment, SCHEDULE_COLUMNS } from "../../../records/deployments.ts";

export const command = defineCommand({
  parameters: {
    name: argument("NAME", "FLOW/DEPLOYMENT, or an id", parseDeploymentRef, { completes: "deployments" }),
  },
  examples: ["sluice deployment schedule ls nightly/report"],
  async run({ name }, cli) {
    const { schedules } = await readDeployment(await cli.api(), name);
    await cli.showTable(
      schedules,
      SCHEDULE_COLUMNS,
      `${name} has no schedules; create one with \`${writeCommand("deployment", "schedule", "create", name, "--cron", "0 3 * * *")}\`.`,
    );
  },
});

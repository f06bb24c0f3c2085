/** `sluice deployment schedule resume` */
import { defineCommand } from "../../../framework/command.ts";
import { argument, flag, optionalArgument, parseText } from "../../../framework/parameters.ts";
import { parseDeploymentRef } from "../../../framework/values.ts";
import { SCHEDULE_HELP, switchSchedules } from "./switch-schedules.ts";

export const command = defineCommand({
  parameters: {
    name: argument("NAME", "FLOW/DEPLOYMENT, or an id", parseDeploymentRef, { completes: "deployments" }),
    id: optionalArgument("SCHEDULE", SCHEDULE_HELP, parseText),
    all: flag("--all", "All schedules of the deployment"),
  },
  examples: ["sluice deployment schedule resume nightly/report --all"],
  run: ({ name, id, all }, cli) => switchSchedules(cli, { name, id, all, isActive: true }),
});

/** `sluice gcl enable` */
import { defineCommand } from "../../framework/command.ts";
import { argument, parseText } from "../../framework/parameters.ts";
import { switchLimit } from "./switch-limit.ts";

export const command = defineCommand({
  parameters: { name: argument("NAME", "Name or id of the limit", parseText, { completes: "limits" }) },
  examples: ["sluice gcl enable gpu:gpu-1"],
  run: ({ name }, cli) => switchLimit(cli, name, true),
});

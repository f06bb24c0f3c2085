/** `sluice gcl inspect` */
import { defineCommand } from "../../framework/command.ts";
import { argument, parseText } from "../../framework/parameters.ts";
import { describeLimit, readLimit } from "../../records/limits.ts";

export const command = defineCommand({
  parameters: { name: argument("NAME", "Name or id of the limit", parseText, { completes: "limits" }) },
  examples: ["sluice gcl inspect gpu:gpu-1", "sluice gcl inspect gpu:gpu-1 -o json"],
  async run({ name }, cli) {
    const limit = await readLimit(await cli.api(), name);
    await cli.showDetails(limit, () => describeLimit(limit, cli.system.now()));
  },
});

/** `sluice gcl holders` */
import { defineCommand } from "../../framework/command.ts";
import { argument, option, parseText } from "../../framework/parameters.ts";
import { wholeNumber } from "../../framework/values.ts";
import { holderColumns, orMissingLimit } from "../../records/limits.ts";

export const command = defineCommand({
  parameters: {
    name: argument("NAME", "Name or id of the limit", parseText, { completes: "limits" }),
    limit: option("--limit <n>", "At most this many (default 100)", wholeNumber({ min: 1, max: 200 })),
  },
  examples: ["sluice gcl holders gpu:gpu-1", "sluice gcl holders gpu:gpu-1 -o json"],
  async run({ name, limit }, cli) {
    const api = await cli.api();
    const holders = await orMissingLimit(api, name, api.limits.holders(name, { limit: limit ?? 100 }));
    await cli.showTable(holders, holderColumns(cli.system.now()), `Nobody holds a slot of ${name}.`);
  },
});

/** `sluice block inspect` */
import { defineCommand } from "../../framework/command.ts";
import { flag, option, optionalArgument } from "../../framework/parameters.ts";
import { parseIdText } from "../../framework/values.ts";
import { describeBlock, parseBlockName, readBlock } from "../../records/blocks.ts";

export const command = defineCommand({
  parameters: {
    block: optionalArgument("TYPE/NAME", "The slug of its type, and its name", parseBlockName, {
      completes: "blocks",
    }),
    id: option("--id <id>", "Its id, instead of the name", parseIdText),
    secrets: flag("--secrets", "Show secret values as they are"),
  },
  examples: [
    "sluice block inspect secret/hub-token",
    "sluice block inspect secret/hub-token --secrets -o json",
  ],
  async run({ block: named, id, secrets }, cli) {
    const block = await readBlock(await cli.api(), named, id, secrets);
    await cli.showDetails(block, () => describeBlock(block, cli.system.now()));
  },
});

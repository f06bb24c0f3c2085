/** `sluice block delete` */
import { defineCommand } from "../../framework/command.ts";
import { option, optionalArgument } from "../../framework/parameters.ts";
import { parseIdText } from "../../framework/values.ts";
import { nameOfBlock, parseBlockName, readBlock } from "../../records/blocks.ts";

export const command = defineCommand({
  parameters: {
    block: optionalArgument("TYPE/NAME", "The slug of its type, and its name", parseBlockName, {
      completes: "blocks",
    }),
    id: option("--id <id>", "Its id, instead of the name", parseIdText),
  },
  examples: ["sluice block delete secret/hub-token"],
  async run({ block: named, id }, cli) {
    const api = await cli.api();
    const block = await readBlock(api, named, id);
    await cli.confirm(`Delete the block ${nameOfBlock(block)}?`);
    await api.blocks.delete(block.id);
    await cli.showDone(`Deleted the block ${nameOfBlock(block)}.`, async () => block);
  },
});

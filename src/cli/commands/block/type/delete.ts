/** `sluice block type delete` */
import { rephrase } from "../../../api.ts";
import { defineCommand } from "../../../framework/command.ts";
import { argument, parseText } from "../../../framework/parameters.ts";
import { readBlockType } from "../../../records/blocks.ts";

export const command = defineCommand({
  description: "Deletes the type with all of its blocks.",
  parameters: { slug: argument("SLUG", "Slug of the type", parseText, { completes: "block-types" }) },
  examples: ["sluice block type delete my-settings"],
  async run({ slug }, cli) {
    const api = await cli.api();
    const type = await readBlockType(api, slug);
    await cli.confirm(`Delete the block type ${slug} with all of its blocks?`);
    await rephrase(
      api.blockTypes.delete(type.id),
      403,
      () => `The block type ${slug} is protected: every server has it.`,
    );
    await cli.showDone(`Deleted the block type ${slug}.`, async () => type);
  },
});

/** `sluice block type inspect` */
import { defineCommand } from "../../../framework/command.ts";
import { argument, parseText } from "../../../framework/parameters.ts";
import { formatRelative } from "../../../output/time.ts";
import { describeFields, readBlockType } from "../../../records/blocks.ts";

export const command = defineCommand({
  parameters: { slug: argument("SLUG", "Slug of the type", parseText, { completes: "block-types" }) },
  examples: ["sluice block type inspect secret"],
  async run({ slug }, cli) {
    const api = await cli.api();
    await api.blockTypes.installSystemTypes();
    const type = await readBlockType(api, slug);
    const [schema] = cli.isJson ? [] : await api.blockTypes.schemas(type.id, { limit: 1 });
    const now = cli.system.now();
    await cli.showDetails(type, () => [
      ["Slug", type.slug],
      ["Name", type.name],
      ["Description", type.description],
      ["Fields", describeFields(schema?.fields ?? {})],
      ["Protected", type.is_protected ? "yes" : "no"],
      ["Documentation", type.documentation_url],
      ["Updated", formatRelative(type.updated, now)],
      ["Id", type.id],
    ]);
  },
});

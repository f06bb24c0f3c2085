/** `sluice concurrency-limit delete` */
import { defineCommand } from "../../framework/command.ts";
import { argument, parseText } from "../../framework/parameters.ts";
import { orMissingTag } from "../../records/tag-limits.ts";

export const command = defineCommand({
  parameters: { tag: argument("TAG", "Tag of tasks", parseText) },
  examples: ["sluice concurrency-limit delete database"],
  async run({ tag }, cli) {
    const api = await cli.api();
    const limit = await orMissingTag(api, tag, api.tagLimits.read(tag));
    await cli.confirm(`Delete the limit on the tag ${tag}?`);
    await orMissingTag(api, tag, api.tagLimits.delete(tag));
    await cli.showDone(`Deleted the limit on the tag ${tag}.`, async () => limit);
  },
});

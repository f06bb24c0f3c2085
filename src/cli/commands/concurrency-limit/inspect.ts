/** `sluice concurrency-limit inspect` */
import { defineCommand } from "../../framework/command.ts";
import { argument, parseText } from "../../framework/parameters.ts";
import { formatRelative } from "../../output/time.ts";
import { orMissingTag } from "../../records/tag-limits.ts";

export const command = defineCommand({
  parameters: { tag: argument("TAG", "Tag of tasks", parseText) },
  examples: ["sluice concurrency-limit inspect database"],
  async run({ tag }, cli) {
    const api = await cli.api();
    const limit = await orMissingTag(api, tag, api.tagLimits.read(tag));
    const now = cli.system.now();
    await cli.showDetails(limit, () => [
      ["Tag", limit.tag],
      ["Used", `${limit.active_slots.length} of ${limit.concurrency_limit}`],
      ["Task runs", limit.active_slots.join("\n")],
      ["Created", formatRelative(limit.created, now)],
      ["Updated", formatRelative(limit.updated, now)],
      ["Id", limit.id],
    ]);
  },
});

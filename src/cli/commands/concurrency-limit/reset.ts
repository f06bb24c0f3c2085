/** `sluice concurrency-limit reset` */
import { defineCommand } from "../../framework/command.ts";
import { argument, parseText, repeatedOption } from "../../framework/parameters.ts";
import { parseIdText } from "../../framework/values.ts";
import { orMissingTag } from "../../records/tag-limits.ts";

export const command = defineCommand({
  description: "Frees all slots of the tag, or gives them to the task runs named.",
  parameters: {
    tag: argument("TAG", "Tag of tasks", parseText),
    taskRuns: repeatedOption("--task-run <id>", "A task run that holds a slot from now on", parseIdText),
  },
  examples: ["sluice concurrency-limit reset database"],
  async run({ tag, taskRuns }, cli) {
    const api = await cli.api();
    await orMissingTag(api, tag, api.tagLimits.reset(tag, taskRuns.length === 0 ? null : taskRuns));
    await cli.showDone(`Reset the limit on the tag ${tag}.`, () => api.tagLimits.read(tag));
  },
});

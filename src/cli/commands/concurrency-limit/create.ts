/** `sluice concurrency-limit create` */
import { defineCommand } from "../../framework/command.ts";
import { argument } from "../../framework/parameters.ts";
import { parseName, wholeNumber } from "../../framework/values.ts";

export const command = defineCommand({
  description: "Changes the limit where the tag has one. It is the limit that `sluice gcl` shows as tag:TAG.",
  parameters: {
    tag: argument("TAG", "Tag of tasks", parseName),
    limit: argument("LIMIT", "Tasks with this tag at the same time at most", wholeNumber()),
  },
  examples: ["sluice concurrency-limit create database 5"],
  async run({ tag, limit }, cli) {
    const api = await cli.api();
    const record = await api.tagLimits.put(tag, limit);
    await cli.show(record, () => `At most ${limit} tasks with the tag ${tag} run at the same time.`);
  },
});

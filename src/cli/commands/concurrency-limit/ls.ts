/** `sluice concurrency-limit ls` */
import { defineCommand } from "../../framework/command.ts";
import { readAll } from "../../framework/list.ts";
import { option } from "../../framework/parameters.ts";
import { wholeNumber } from "../../framework/values.ts";
import { formatRelative } from "../../output/time.ts";

export const command = defineCommand({
  parameters: {
    limit: option("--limit <n>", "At most this many", wholeNumber({ min: 1, max: 10_000 })),
    offset: option("--offset <n>", "Leave out this many first", wholeNumber({ max: 10_000 })),
  },
  examples: ["sluice concurrency-limit ls", "sluice concurrency-limit ls -o json"],
  async run({ limit, offset }, cli) {
    const api = await cli.api();
    const limits = await readAll((page) => api.tagLimits.list(page), {
      ...(limit !== undefined && { limit }),
      ...(offset !== undefined && { offset }),
    });
    const now = cli.system.now();
    await cli.showTable(
      limits,
      [
        { title: "Tag", value: ({ tag }) => tag },
        { title: "Used", value: ({ active_slots }) => active_slots.length, align: "right" },
        { title: "Limit", value: ({ concurrency_limit }) => concurrency_limit, align: "right" },
        { title: "Updated", value: ({ updated }) => formatRelative(updated, now) },
      ],
      "No limits on tags yet; create one with `sluice concurrency-limit create TAG LIMIT`.",
    );
  },
});

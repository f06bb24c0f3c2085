/** `sluice gcl ls` */
import { defineCommand } from "../../framework/command.ts";
import { readAll } from "../../framework/list.ts";
import { option } from "../../framework/parameters.ts";
import { wholeNumber } from "../../framework/values.ts";
import { LIMIT_COLUMNS } from "../../records/limits.ts";

export const command = defineCommand({
  parameters: {
    limit: option("--limit <n>", "At most this many", wholeNumber({ min: 1, max: 10_000 })),
    offset: option("--offset <n>", "Leave out this many first", wholeNumber({ max: 10_000 })),
  },
  examples: ["sluice gcl ls", "sluice gcl ls -o json"],
  async run({ limit, offset }, cli) {
    const api = await cli.api();
    const limits = await readAll((page) => api.limits.list(page), {
      ...(limit !== undefined && { limit }),
      ...(offset !== undefined && { offset }),
    });
    await cli.showTable(
      limits,
      LIMIT_COLUMNS,
      "No concurrency limits yet; create one with `sluice gcl create NAME --limit N`.",
    );
  },
});

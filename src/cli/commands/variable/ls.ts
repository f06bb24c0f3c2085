/** `sluice variable ls` */
import { defineCommand } from "../../framework/command.ts";
import { readAll } from "../../framework/list.ts";
import { option } from "../../framework/parameters.ts";
import { wholeNumber } from "../../framework/values.ts";
import { formatRelative } from "../../output/time.ts";

export const command = defineCommand({
  parameters: {
    limit: option("--limit <n>", "At most this many", wholeNumber({ min: 1, max: 10_000 })),
  },
  examples: ["sluice variable ls"],
  async run({ limit }, cli) {
    const api = await cli.api();
    const variables = await readAll((page) => api.variables.list(page), {
      ...(limit !== undefined && { limit }),
    });
    const now = cli.system.now();
    await cli.showTable(
      variables,
      [
        { title: "Name", value: ({ name }) => name },
        { title: "Value", value: ({ value }) => JSON.stringify(value) },
        { title: "Tags", value: ({ tags }) => tags.join(", "), rank: 1 },
        { title: "Updated", value: ({ updated }) => formatRelative(updated, now) },
      ],
      "No variables yet; create one with `sluice variable set NAME VALUE`.",
    );
  },
});

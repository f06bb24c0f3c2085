/** `sluice flow ls` */
import { defineCommand } from "../../framework/command.ts";
import { readSome } from "../../framework/list.ts";
import { option } from "../../framework/parameters.ts";
import { wholeNumber } from "../../framework/values.ts";
import { formatRelative } from "../../output/time.ts";

export const command = defineCommand({
  parameters: {
    limit: option("--limit <n>", "At most this many (default 100)", wholeNumber({ min: 1, max: 10_000 })),
  },
  examples: ["sluice flow ls"],
  async run({ limit }, cli) {
    const api = await cli.api();
    const flows = await readSome(cli, (page) => api.flows.list(page), { limit, usual: 100 });
    const now = cli.system.now();
    await cli.showTable(
      flows,
      [
        { title: "Name", value: ({ name }) => name },
        { title: "Tags", value: ({ tags }) => tags.join(", "), rank: 1 },
        { title: "Created", value: ({ created }) => formatRelative(created, now) },
        { title: "Id", value: ({ id }) => id },
      ],
      "No flows yet; `sluice deploy` makes them from prefect.yaml.",
    );
  },
});

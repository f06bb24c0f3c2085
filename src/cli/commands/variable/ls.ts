/** `sluice variable ls` */
import { defineCommand } from "../../framework/command.ts";
import { readAll } from "../../framework/list.ts";
import { formatRelative } from "../../output/time.ts";

export const command = defineCommand({
  parameters: {},
  examples: ["sluice variable ls"],
  async run(_values, cli) {
    const api = await cli.api();
    const variables = await readAll((page) => api.variables.list(page));
    const now = cli.system.now();
    await cli.showTable(
      variables,
      [
        { title: "Name", value: ({ name }) => name },
        { title: "Value", value: ({ value }) => JSON.stringify(value) },
        { title: "Tags", value: ({ tags }) => tags.join(", ") },
        { title: "Updated", value: ({ updated }) => formatRelative(updated, now) },
      ],
      "No variables yet; create one with `sluice variable set NAME VALUE`.",
    );
  },
});

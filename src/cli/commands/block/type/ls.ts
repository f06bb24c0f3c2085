/** `sluice block type ls` */
import { defineCommand } from "../../../framework/command.ts";
import { readAll } from "../../../framework/list.ts";

export const command = defineCommand({
  parameters: {},
  examples: ["sluice block type ls"],
  async run(_, cli) {
    const api = await cli.api();
    await api.blockTypes.installSystemTypes();
    const types = await readAll((page) => api.blockTypes.list(page));
    await cli.showTable(
      types,
      [
        { title: "Slug", value: ({ slug }) => slug },
        { title: "Name", value: ({ name }) => name, rank: 2 },
        {
          title: "Description",
          value: ({ description }) => description,
          short: ({ description }) => description ?? "-",
          rank: 1,
        },
      ],
      "No block types.",
    );
  },
});

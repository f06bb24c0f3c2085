/** `sluice work-pool ls` */
import { defineCommand } from "../../framework/command.ts";
import { readAll } from "../../framework/list.ts";
import { flag } from "../../framework/parameters.ts";
import { POOL_COLUMNS } from "../../records/pools.ts";

export const command = defineCommand({
  parameters: { verbose: flag("-v, --verbose", "With their ids") },
  examples: ["sluice work-pool ls", "sluice work-pool ls -o json"],
  async run({ verbose }, cli) {
    const api = await cli.api();
    const pools = await readAll((page) => api.workPools.list(page));
    await cli.showTable(
      pools,
      verbose ? [...POOL_COLUMNS, { title: "Id", value: ({ id }) => id }] : POOL_COLUMNS,
      "No work pools yet; create one with `sluice work-pool create NAME --type process`.",
    );
  },
});

/** `sluice work-pool inspect` */
import { defineCommand } from "../../framework/command.ts";
import { argument, parseText } from "../../framework/parameters.ts";
import { describePool, readPool } from "../../records/pools.ts";

export const command = defineCommand({
  parameters: { name: argument("NAME", "Name of the pool", parseText, { completes: "pools" }) },
  examples: ["sluice work-pool inspect ml-pool", "sluice work-pool inspect ml-pool -o json"],
  async run({ name }, cli) {
    const pool = await readPool(await cli.api(), name);
    await cli.showDetails(pool, () => describePool(pool, cli.system.now()));
  },
});

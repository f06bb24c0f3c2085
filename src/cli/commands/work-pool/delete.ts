/** `sluice work-pool delete` */
import { defineCommand } from "../../framework/command.ts";
import { argument, parseText } from "../../framework/parameters.ts";
import { orMissingPool, readPool } from "../../records/pools.ts";

export const command = defineCommand({
  description:
    "Its queues and workers go with it, scheduled runs become Cancelled, finished runs stay readable, and its deployments are left without a pool.",
  parameters: { name: argument("NAME", "Name of the pool", parseText, { completes: "pools" }) },
  examples: ["sluice work-pool delete ml-pool", "sluice work-pool delete ml-pool --yes"],
  async run({ name }, cli) {
    const api = await cli.api();
    const pool = await readPool(api, name);
    await cli.confirm(`Delete the work pool ${name} with its queues and scheduled runs?`);
    await orMissingPool(api, name, api.workPools.delete(name));
    await cli.showDone(`Deleted the work pool ${name}.`, async () => pool);
  },
});

/** `sluice work-pool clear-concurrency-limit` */
import { defineCommand } from "../../framework/command.ts";
import { argument, parseText } from "../../framework/parameters.ts";
import { orMissingPool } from "../../records/pools.ts";

export const command = defineCommand({
  parameters: { name: argument("NAME", "Name of the pool", parseText, { completes: "pools" }) },
  examples: ["sluice work-pool clear-concurrency-limit ml-pool"],
  async run({ name }, cli) {
    const api = await cli.api();
    await orMissingPool(api, name, api.workPools.update(name, { concurrency_limit: null }));
    await cli.showDone(`The work pool ${name} has no concurrency limit now.`, () => api.workPools.read(name));
  },
});

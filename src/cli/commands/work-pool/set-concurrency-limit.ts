/** `sluice work-pool set-concurrency-limit` */
import { defineCommand } from "../../framework/command.ts";
import { argument, parseText } from "../../framework/parameters.ts";
import { wholeNumber } from "../../framework/values.ts";
import { orMissingPool } from "../../records/pools.ts";

export const command = defineCommand({
  parameters: {
    name: argument("NAME", "Name of the pool", parseText, { completes: "pools" }),
    limit: argument("LIMIT", "Runs at the same time at most", wholeNumber()),
  },
  examples: ["sluice work-pool set-concurrency-limit ml-pool 8"],
  async run({ name, limit }, cli) {
    const api = await cli.api();
    await orMissingPool(api, name, api.workPools.update(name, { concurrency_limit: limit }));
    await cli.showDone(`The work pool ${name} runs at most ${limit} at the same time.`, () =>
      api.workPools.read(name),
    );
  },
});

/** `sluice work-pool pause` */
import { defineCommand } from "../../framework/command.ts";
import { argument, parseText } from "../../framework/parameters.ts";
import { orMissingPool } from "../../records/pools.ts";

export const command = defineCommand({
  parameters: { name: argument("NAME", "Name of the pool", parseText, { completes: "pools" }) },
  examples: ["sluice work-pool pause ml-pool"],
  async run({ name }, cli) {
    const api = await cli.api();
    await orMissingPool(api, name, api.workPools.update(name, { is_paused: true }));
    await cli.showDone(`The work pool ${name} is paused: it gives out no runs.`, () =>
      api.workPools.read(name),
    );
  },
});

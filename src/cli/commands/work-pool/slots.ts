/** `sluice work-pool slots` */
import { defineCommand } from "../../framework/command.ts";
import { argument, parseText } from "../../framework/parameters.ts";
import { orMissingPool } from "../../records/pools.ts";
import { formatSlots, type Slots, type SlotsOfQueue } from "../../records/slots.ts";

export const command = defineCommand({
  parameters: { name: argument("NAME", "Name of the pool", parseText, { completes: "pools" }) },
  examples: ["sluice work-pool slots ml-pool"],
  async run({ name }, cli) {
    const api = await cli.api();
    const answer = await orMissingPool(
      api,
      name,
      api.workPools.concurrencyStatus(name, { page: 1, flow_run_limit: 200 }),
    );
    const slots = answer as unknown as Slots & { queues: SlotsOfQueue[] };
    await cli.show(answer, () => formatSlots(slots, cli.screen, cli.system.now()));
  },
});

/** `sluice work-queue inspect` */
import { defineCommand } from "../../framework/command.ts";
import { argument, option, parseText } from "../../framework/parameters.ts";
import { describeQueue, readQueue } from "../../records/pools.ts";

export const command = defineCommand({
  parameters: {
    name: argument("NAME", "Name or id of the queue", parseText),
    pool: option("-p, --pool <name>", "Its work pool", parseText, { completes: "pools" }),
  },
  examples: ["sluice work-queue inspect default --pool ml-pool"],
  async run({ name, pool }, cli) {
    const queue = await readQueue(await cli.api(), name, pool);
    await cli.showDetails(queue, () => describeQueue(queue, cli.system.now()));
  },
});

/** `sluice work-queue slots` */
import { defineCommand } from "../../framework/command.ts";
import { argument, option, parseText } from "../../framework/parameters.ts";
import { readQueue } from "../../records/pools.ts";
import { formatSlots } from "../../records/slots.ts";

export const command = defineCommand({
  parameters: {
    name: argument("NAME", "Name or id of the queue", parseText),
    pool: option("-p, --pool <name>", "Its work pool", parseText, { completes: "pools" }),
  },
  examples: ["sluice work-queue slots default --pool ml-pool"],
  async run({ name, pool }, cli) {
    const api = await cli.api();
    const queue = await readQueue(api, name, pool);
    const slots = await api.workQueues.concurrencyStatus(queue.id, { page: 1, limit: 200 });
    const queues = [{ ...slots, queue_name: queue.name }];
    await cli.show(slots, () => formatSlots({ ...slots, queues }, cli.screen, cli.system.now()));
  },
});

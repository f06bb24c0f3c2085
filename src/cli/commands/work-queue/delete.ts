/** `sluice work-queue delete` */
import { defineCommand } from "../../framework/command.ts";
import { argument, option, parseText } from "../../framework/parameters.ts";
import { readQueue } from "../../records/pools.ts";

export const command = defineCommand({
  parameters: {
    name: argument("NAME", "Name or id of the queue", parseText),
    pool: option("-p, --pool <name>", "Its work pool", parseText, { completes: "pools" }),
  },
  examples: ["sluice work-queue delete urgent --pool ml-pool --yes"],
  async run({ name, pool }, cli) {
    const api = await cli.api();
    const queue = await readQueue(api, name, pool);
    await cli.confirm(`Delete the work queue ${queue.name} of ${queue.work_pool_name}?`);
    await api.workQueues.delete(queue.id);
    await cli.showDone(`Deleted the work queue ${queue.name} of ${queue.work_pool_name}.`, async () => queue);
  },
});

/** `sluice work-queue clear-concurrency-limit` */
import { defineCommand } from "../../framework/command.ts";
import { argument, option, parseText } from "../../framework/parameters.ts";
import { readQueue } from "../../records/pools.ts";

export const command = defineCommand({
  parameters: {
    name: argument("NAME", "Name or id of the queue", parseText),
    pool: option("-p, --pool <name>", "Its work pool", parseText, { completes: "pools" }),
  },
  examples: ["sluice work-queue clear-concurrency-limit default --pool ml-pool"],
  async run({ name, pool }, cli) {
    const api = await cli.api();
    const queue = await readQueue(api, name, pool);
    await api.workQueues.update(queue.id, { concurrency_limit: null });
    await cli.showDone(
      `The work queue ${queue.name} of ${queue.work_pool_name} has no concurrency limit now.`,
      () => api.workQueues.read(queue.id),
    );
  },
});

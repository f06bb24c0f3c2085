/** `sluice work-queue set-concurrency-limit` */
import { defineCommand } from "../../framework/command.ts";
import { argument, option, parseText } from "../../framework/parameters.ts";
import { wholeNumber } from "../../framework/values.ts";
import { readQueue } from "../../records/pools.ts";

export const command = defineCommand({
  parameters: {
    name: argument("NAME", "Name or id of the queue", parseText),
    limit: argument("LIMIT", "Runs at the same time at most", wholeNumber()),
    pool: option("-p, --pool <name>", "Its work pool", parseText, { completes: "pools" }),
  },
  examples: ["sluice work-queue set-concurrency-limit default 2 --pool ml-pool"],
  async run({ name, limit, pool }, cli) {
    const api = await cli.api();
    const queue = await readQueue(api, name, pool);
    await api.workQueues.update(queue.id, { concurrency_limit: limit });
    await cli.showDone(
      `The work queue ${queue.name} of ${queue.work_pool_name} runs at most ${limit} at the same time.`,
      () => api.workQueues.read(queue.id),
    );
  },
});

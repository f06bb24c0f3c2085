/** `sluice work-queue ls` */
import { rephrase } from "../../api.ts";
import { defineCommand } from "../../framework/command.ts";
import { readAll } from "../../framework/list.ts";
import { option, parseText } from "../../framework/parameters.ts";
import { explainMissingPool, queueColumns } from "../../records/pools.ts";

export const command = defineCommand({
  parameters: {
    pool: option("-p, --pool <name>", "Only of this work pool", parseText, { completes: "pools" }),
  },
  examples: ["sluice work-queue ls", "sluice work-queue ls --pool ml-pool"],
  async run({ pool }, cli) {
    const api = await cli.api();
    const reading = readAll((page) => api.workQueues.list(page, { pool }));
    const queues = await (pool === undefined
      ? reading
      : rephrase(reading, 404, () => explainMissingPool(api, pool)));
    queues.sort((a, b) => a.work_pool_name.localeCompare(b.work_pool_name) || a.priority - b.priority);
    await cli.showTable(
      queues,
      queueColumns(cli.system.now()),
      "No work queues yet; each work pool has one.",
    );
  },
});

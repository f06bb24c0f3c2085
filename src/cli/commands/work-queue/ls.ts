/** `sluice work-queue ls` */
import { rephrase } from "../../api.ts";
import { defineCommand } from "../../framework/command.ts";
import { readAll } from "../../framework/list.ts";
import { flag, option, parseText } from "../../framework/parameters.ts";
import { choosePool, explainMissingPool, POOL_PARAMETERS, queueColumns } from "../../records/pools.ts";

export const command = defineCommand({
  parameters: {
    ...POOL_PARAMETERS,
    match: option("-m, --match <text>", "Only queues whose name begins so", parseText),
    verbose: flag("-v, --verbose", "With their ids"),
  },
  examples: ["sluice work-queue ls", "sluice work-queue ls --pool ml-pool"],
  async run({ match, verbose, ...given }, cli) {
    const pool = choosePool(given);
    const api = await cli.api();
    const reading = readAll((page) => api.workQueues.list(page, { pool }));
    const all = await (pool === undefined
      ? reading
      : rephrase(reading, 404, () => explainMissingPool(api, pool)));
    const queues = all.filter(({ name }) => name.startsWith(match ?? ""));
    queues.sort((a, b) => a.work_pool_name.localeCompare(b.work_pool_name) || a.priority - b.priority);
    const columns = queueColumns(cli.system.now());
    await cli.showTable(
      queues,
      verbose ? [...columns, { title: "Id", value: ({ id }) => id }] : columns,
      "No work queues yet; each work pool has one.",
    );
  },
});

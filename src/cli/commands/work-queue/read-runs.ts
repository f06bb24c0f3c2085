/** `sluice work-queue read-runs` */
import { defineCommand } from "../../framework/command.ts";
import { argument, option, parseText } from "../../framework/parameters.ts";
import { readQueue } from "../../records/pools.ts";
import { readFlowNames, runColumns } from "../../records/runs.ts";

export const command = defineCommand({
  parameters: {
    name: argument("NAME", "Name or id of the queue", parseText),
    pool: option("-p, --pool <name>", "Its work pool", parseText, { completes: "pools" }),
  },
  examples: ["sluice work-queue read-runs default --pool ml-pool"],
  async run({ name, pool }, cli) {
    const api = await cli.api();
    const queue = await readQueue(api, name, pool);
    const runs = await api.workQueues.runs(queue.id);
    const flows = cli.isJson ? new Map<string, string>() : await readFlowNames(api, runs);
    await cli.showTable(runs, runColumns(flows, cli.system.now()), `No runs wait in ${queue.name}.`);
  },
});

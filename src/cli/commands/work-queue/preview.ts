/** `sluice work-queue preview` */
import { defineCommand } from "../../framework/command.ts";
import { argument, option, parseText } from "../../framework/parameters.ts";
import { wholeNumber } from "../../framework/values.ts";
import { readQueue } from "../../records/pools.ts";
import { readFlowNames, runColumns } from "../../records/runs.ts";

export const command = defineCommand({
  description: "Shows the runs that workers will be given, soonest first. Nothing is reserved by looking.",
  parameters: {
    name: argument("NAME", "Name or id of the queue", parseText),
    pool: option("-p, --pool <name>", "Its work pool", parseText, { completes: "pools" }),
    hours: option(
      "-h, --hours <n>",
      "Only runs due within this many hours",
      wholeNumber({ min: 1, max: 8760 }),
    ),
  },
  examples: ["sluice work-queue preview default --pool ml-pool"],
  async run({ name, pool, hours }, cli) {
    const api = await cli.api();
    const now = cli.system.now();
    const queue = await readQueue(api, name, pool);
    const scheduled = await api.workPools.preview(queue.work_pool_name, {
      work_queue_names: [queue.name],
      ...(hours !== undefined && { scheduled_before: new Date(now + hours * 3_600_000).toISOString() }),
    });
    const runs = scheduled.map(({ flow_run }) => flow_run);
    const flows = cli.isJson ? new Map<string, string>() : await readFlowNames(api, runs);
    await cli.showTable(runs, runColumns(flows, now), `Nothing is scheduled in ${queue.name}.`);
  },
});

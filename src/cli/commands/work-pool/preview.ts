/** `sluice work-pool preview` */
import { defineCommand } from "../../framework/command.ts";
import { argument, option, parseText } from "../../framework/parameters.ts";
import { wholeNumber } from "../../framework/values.ts";
import { orMissingPool } from "../../records/pools.ts";
import { readFlowNames, runColumns } from "../../records/runs.ts";

export const command = defineCommand({
  description: "Shows the runs that workers will be given, soonest first. Nothing is reserved by looking.",
  parameters: {
    name: argument("NAME", "Name of the pool", parseText, { completes: "pools" }),
    hours: option(
      "-h, --hours <n>",
      "Only runs due within this many hours",
      wholeNumber({ min: 1, max: 8760 }),
    ),
    limit: option("--limit <n>", "At most this many", wholeNumber({ min: 1, max: 200 })),
  },
  examples: ["sluice work-pool preview ml-pool", "sluice work-pool preview ml-pool --hours 12"],
  async run({ name, hours, limit }, cli) {
    const api = await cli.api();
    const now = cli.system.now();
    const scheduled = await orMissingPool(
      api,
      name,
      api.workPools.preview(name, {
        ...(hours !== undefined && { scheduled_before: new Date(now + hours * 3_600_000).toISOString() }),
        ...(limit !== undefined && { limit }),
      }),
    );
    const runs = scheduled.map(({ flow_run }) => flow_run);
    const flows = cli.isJson ? new Map<string, string>() : await readFlowNames(api, runs);
    await cli.showTable(runs, runColumns(flows, now), `Nothing is scheduled in ${name}.`);
  },
});

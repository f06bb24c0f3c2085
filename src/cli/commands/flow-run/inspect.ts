/** `sluice flow-run inspect` */
import { find } from "../../api.ts";
import { defineCommand } from "../../framework/command.ts";
import { argument, parseText } from "../../framework/parameters.ts";
import { RUN_LEASE_COLUMNS } from "../../records/limits.ts";
import { describeRun, readRun, RUN_HELP } from "../../records/runs.ts";

export const command = defineCommand({
  parameters: { run: argument("RUN", RUN_HELP, parseText) },
  examples: ["sluice flow-run inspect 01993a5c-7b1e-7777-8000-0123456789ab -o json"],
  async run({ run: ref }, cli) {
    const api = await cli.api();
    const run = await readRun(api, ref);
    const [flow, held = []] = cli.isJson
      ? []
      : await Promise.all([find(api.flows.read(run.flow_id)), find(api.flowRuns.leases(run.id))]);
    await cli.showDetails(run, () => describeRun(run, flow?.name, cli.system.now()));
    if (held.length === 0) return;
    cli.print("\nSlots held");
    await cli.showTable(held, RUN_LEASE_COLUMNS, "");
  },
});

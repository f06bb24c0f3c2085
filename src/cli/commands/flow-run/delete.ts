/** `sluice flow-run delete` */
import { defineCommand } from "../../framework/command.ts";
import { argument, parseText } from "../../framework/parameters.ts";
import { orMissingRun, readRun, RUN_HELP } from "../../records/runs.ts";

export const command = defineCommand({
  parameters: { run: argument("RUN", RUN_HELP, parseText) },
  examples: ["sluice flow-run delete 01993a5c-7b1e-7777-8000-0123456789ab --yes"],
  async run({ run: ref }, cli) {
    const api = await cli.api();
    const run = await readRun(api, ref);
    await cli.confirm(`Delete the flow run ${run.name} (${run.state_name ?? "new"})?`);
    await orMissingRun(run.id, api.flowRuns.delete(run.id));
    await cli.showDone(`Deleted the flow run ${run.name}.`, async () => run);
  },
});

/** `sluice flow-run delete` */
import { defineCommand } from "../../framework/command.ts";
import { argument } from "../../framework/parameters.ts";
import { parseIdText } from "../../framework/values.ts";
import { orMissingRun, readRun } from "../../records/runs.ts";

export const command = defineCommand({
  parameters: { id: argument("RUN_ID", "Id of the flow run", parseIdText) },
  examples: ["sluice flow-run delete 01993a5c-7b1e-7777-8000-0123456789ab --yes"],
  async run({ id }, cli) {
    const api = await cli.api();
    const run = await readRun(api, id);
    await cli.confirm(`Delete the flow run ${run.name} (${run.state_name ?? "new"})?`);
    await orMissingRun(id, api.flowRuns.delete(id));
    await cli.showDone(`Deleted the flow run ${run.name}.`, async () => run);
  },
});

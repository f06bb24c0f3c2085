/** `sluice flow-run inspect` */
import { find } from "../../api.ts";
import { defineCommand } from "../../framework/command.ts";
import { argument } from "../../framework/parameters.ts";
import { parseIdText } from "../../framework/values.ts";
import { describeRun, readRun } from "../../records/runs.ts";

export const command = defineCommand({
  parameters: { id: argument("RUN_ID", "Id of the flow run", parseIdText) },
  examples: ["sluice flow-run inspect 01993a5c-7b1e-7777-8000-0123456789ab -o json"],
  async run({ id }, cli) {
    const api = await cli.api();
    const run = await readRun(api, id);
    const flow = cli.isJson ? undefined : await find(api.flows.read(run.flow_id));
    await cli.showDetails(run, () => describeRun(run, flow?.name, cli.system.now()));
  },
});

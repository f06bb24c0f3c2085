/** `sluice task-run inspect` */
import { defineCommand } from "../../framework/command.ts";
import { argument } from "../../framework/parameters.ts";
import { parseIdText } from "../../framework/values.ts";
import { describeTaskRun, readTaskRun } from "../../records/task-runs.ts";

export const command = defineCommand({
  parameters: { id: argument("ID", "Id of the task run", parseIdText) },
  examples: ["sluice task-run inspect 01993a5c-7b1e-7777-8000-0123456789ab -o json"],
  async run({ id }, cli) {
    const run = await readTaskRun(await cli.api(), id);
    await cli.showDetails(run, () => describeTaskRun(run, cli.system.now()));
  },
});

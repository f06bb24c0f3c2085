/** `sluice task-run logs` */
import { defineCommand } from "../../framework/command.ts";
import { argument } from "../../framework/parameters.ts";
import { parseIdText } from "../../framework/values.ts";
import { LOG_PARAMETERS, showLogs } from "../../records/logs.ts";
import { readTaskRun } from "../../records/task-runs.ts";

export const command = defineCommand({
  parameters: { id: argument("ID", "Id of the task run", parseIdText), ...LOG_PARAMETERS },
  examples: ["sluice task-run logs 01993a5c-7b1e-7777-8000-0123456789ab --tail -n 100"],
  async run({ id, ...wanted }, cli) {
    const api = await cli.api();
    const { flow_run_id } = await readTaskRun(api, id);
    const runs = flow_run_id === null ? {} : { flow_run_id: { any_: [flow_run_id] } };
    await showLogs(cli, { ...runs, task_run_id: { any_: [id] } }, wanted);
  },
});

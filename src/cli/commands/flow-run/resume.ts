/** `sluice flow-run resume` */
import { defineCommand } from "../../framework/command.ts";
import { CommandError } from "../../framework/errors.ts";
import { argument, parseText } from "../../framework/parameters.ts";
import { explainRefusedState } from "../../records/refusal.ts";
import { orMissingRun, readRun, RUN_HELP } from "../../records/runs.ts";

export const command = defineCommand({
  description: "A run that is paused goes on; one that was suspended is given to a worker again.",
  parameters: { run: argument("RUN", RUN_HELP, parseText) },
  examples: ["sluice flow-run resume 01993a5c-7b1e-7777-8000-0123456789ab"],
  async run({ run }, cli) {
    const api = await cli.api();
    const { id, name } = await readRun(api, run);
    const result = await orMissingRun(id, api.flowRuns.resume(id));
    if (result.status !== "ACCEPT")
      throw new CommandError(`The flow run was not resumed: ${explainRefusedState(result)}`);
    await cli.showDone(`The flow run ${name} goes on.`, () => api.flowRuns.read(id));
  },
});

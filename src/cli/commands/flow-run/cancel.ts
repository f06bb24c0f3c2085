/** `sluice flow-run cancel` */
import { defineCommand } from "../../framework/command.ts";
import { CommandError } from "../../framework/errors.ts";
import { argument, parseText } from "../../framework/parameters.ts";
import { orMissingRun, readRun, RUN_HELP } from "../../records/runs.ts";
import { explainRefusedState } from "../../records/refusal.ts";

export const command = defineCommand({
  description: "What runs is stopped by its worker (TERM, and KILL after a grace); what waits ends at once.",
  parameters: { run: argument("RUN", RUN_HELP, parseText) },
  examples: ["sluice flow-run cancel 01993a5c-7b1e-7777-8000-0123456789ab"],
  async run({ run }, cli) {
    const api = await cli.api();
    const { id } = await readRun(api, run);
    const result = await orMissingRun(id, api.flowRuns.cancel(id));
    if (result.status !== "ACCEPT")
      throw new CommandError(`The flow run was not cancelled: ${explainRefusedState(result)}`);
    await cli.showDone(
      result.state?.type === "CANCELLED" ? "The flow run is cancelled." : "The flow run is being cancelled.",
      () => api.flowRuns.read(id),
    );
  },
});

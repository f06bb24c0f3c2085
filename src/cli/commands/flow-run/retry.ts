/** `sluice flow-run retry` */
import { defineCommand } from "../../framework/command.ts";
import { CommandError } from "../../framework/errors.ts";
import { argument, flag, parseText } from "../../framework/parameters.ts";
import { explainRefusedState } from "../../records/refusal.ts";
import { hasEnded, orMissingRun, readRun, RUN_HELP } from "../../records/runs.ts";
import { watchRun } from "../../records/watch.ts";

export const command = defineCommand({
  description: "Schedules a run that has ended once more, now.",
  parameters: {
    run: argument("RUN", RUN_HELP, parseText),
    watch: flag("--watch", "Stay until it has ended; exit code 1 if it fails"),
  },
  examples: ["sluice flow-run retry 01993a5c-7b1e-7777-8000-0123456789ab --watch"],
  async run({ run: ref, watch }, cli) {
    const api = await cli.api();
    const run = await readRun(api, ref);
    const { id } = run;
    if (!hasEnded(run.state_type))
      throw new CommandError(
        `The flow run ${run.name} is ${run.state_name ?? "new"}; only one that has ended can be retried.`,
      );
    const result = await orMissingRun(
      id,
      api.flowRuns.setState(id, {
        type: "SCHEDULED",
        name: "AwaitingRetry",
        message: "Retried from the command line",
        state_details: { scheduled_time: new Date(cli.system.now()).toISOString() },
      }),
    );
    if (result.status !== "ACCEPT")
      throw new CommandError(`The flow run was not scheduled again: ${explainRefusedState(result)}`);
    if (watch) return watchRun(cli, id);
    await cli.showDone(`The flow run ${run.name} is scheduled again.`, () => api.flowRuns.read(id));
  },
});

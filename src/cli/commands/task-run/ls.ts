/** `sluice task-run ls` */
import { defineCommand } from "../../framework/command.ts";
import { readSome } from "../../framework/list.ts";
import { option, parseText, repeatedOption } from "../../framework/parameters.ts";
import { wholeNumber } from "../../framework/values.ts";
import { readRun, RUN_HELP } from "../../records/runs.ts";
import { parseStateType } from "../../records/states.ts";
import { taskRunColumns } from "../../records/task-runs.ts";

export const command = defineCommand({
  description: "The latest expected start comes first. Without a flow run, those of the last days.",
  parameters: {
    run: option("-r, --flow-run <run>", RUN_HELP, parseText),
    names: repeatedOption("--task-run-name <name>", "Only task runs of this name", parseText),
    states: repeatedOption("--state <name>", "Only task runs in this state, by name", parseText),
    stateTypes: repeatedOption(
      "--state-type <type>",
      "Only task runs in a state of this type",
      parseStateType,
    ),
    limit: option("--limit <n>", "At most this many (default 15)", wholeNumber({ min: 1, max: 10_000 })),
  },
  examples: [
    "sluice task-run ls --flow-run 01993a5c-7b1e-7777-8000-0123456789ab",
    "sluice task-run ls --state-type FAILED --limit 50",
  ],
  async run({ run, names, states, stateTypes, limit }, cli) {
    const api = await cli.api();
    const flowRun = run === undefined ? undefined : await readRun(api, run);
    const state = {
      ...(states.length > 0 && { name: { any_: states } }),
      ...(stateTypes.length > 0 && { type: { any_: stateTypes } }),
    };
    const filter = {
      ...(names.length > 0 && { name: { any_: names } }),
      ...(Object.keys(state).length > 0 && { state }),
    };
    const runs = await readSome(
      cli,
      (page) =>
        api.taskRuns.list({
          task_runs: filter,
          ...(flowRun !== undefined && { flow_runs: { id: { any_: [flowRun.id] } } }),
          sort: "EXPECTED_START_TIME_DESC",
          ...page,
        }),
      { limit, usual: 15 },
    );
    await cli.showTable(runs, taskRunColumns(cli.system.now()), "No task runs match.");
  },
});

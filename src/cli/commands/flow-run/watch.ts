/** `sluice flow-run watch` */
import { defineCommand } from "../../framework/command.ts";
import { argument, option } from "../../framework/parameters.ts";
import { parseIdText, parseSeconds } from "../../framework/values.ts";
import { readRun } from "../../records/runs.ts";
import { watchRun } from "../../records/watch.ts";

export const command = defineCommand({
  description:
    "Shows states and logs as they come, until the run has ended. Exit code 1 unless it completed.",
  parameters: {
    id: argument("RUN_ID", "Id of the flow run", parseIdText),
    timeout: option("--timeout <time>", "Give up after this long", parseSeconds),
  },
  examples: ["sluice flow-run watch 01993a5c-7b1e-7777-8000-0123456789ab --timeout 10m"],
  async run({ id, timeout }, cli) {
    await readRun(await cli.api(), id);
    return watchRun(cli, id, timeout);
  },
});

/** `sluice flow-run watch` */
import { defineCommand } from "../../framework/command.ts";
import { argument, option, parseText } from "../../framework/parameters.ts";
import { parseSeconds } from "../../framework/values.ts";
import { readRun, RUN_HELP } from "../../records/runs.ts";
import { watchRun } from "../../records/watch.ts";

export const command = defineCommand({
  description:
    "Shows states and logs as they come, until the run has ended. Exit code 1 unless it completed.",
  parameters: {
    run: argument("RUN", RUN_HELP, parseText),
    timeout: option("--timeout <time>", "Give up after this long", parseSeconds),
  },
  examples: ["sluice flow-run watch 01993a5c-7b1e-7777-8000-0123456789ab --timeout 10m"],
  async run({ run, timeout }, cli) {
    const { id } = await readRun(await cli.api(), run);
    return watchRun(cli, id, timeout);
  },
});

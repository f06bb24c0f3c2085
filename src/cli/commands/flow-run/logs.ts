/** `sluice flow-run logs` */
import type { Log } from "../../../contract/wire/logs.ts";
import { defineCommand } from "../../framework/command.ts";
import { UsageError } from "../../framework/errors.ts";
import { argument, flag, parseText } from "../../framework/parameters.ts";
import { formatLog, LOG_COUNT_DEFAULT, LOG_PARAMETERS, readWanted, showLogs } from "../../records/logs.ts";
import { readRun, RUN_HELP } from "../../records/runs.ts";
import { followRun, noteSilence } from "../../records/watch.ts";

export const command = defineCommand({
  parameters: {
    run: argument("RUN", RUN_HELP, parseText),
    ...LOG_PARAMETERS,
    follow: flag("-f, --follow", "Go on with new lines until the run has ended"),
  },
  examples: [
    "sluice flow-run logs 01993a5c-7b1e-7777-8000-0123456789ab",
    "sluice flow-run logs 01993a5c-7b1e-7777-8000-0123456789ab --tail -n 100",
    "sluice flow-run logs 01993a5c-7b1e-7777-8000-0123456789ab --follow",
  ],
  async run({ run, follow, ...given }, cli) {
    const { head, tail, count, reverse } = readWanted(given);
    if (follow && (head || reverse)) throw new UsageError("--follow goes with neither --head nor --reverse.");
    const api = await cli.api();
    const { id } = await readRun(api, run);
    if (follow) {
      // One JSON object a line: a stream has no end that a list could wait for.
      const write = async (log: Log): Promise<void> =>
        cli.print(cli.isJson ? JSON.stringify(log) : await formatLog(log, cli.screen));
      await followRun(api, id, {
        onLog: write,
        onState: () => undefined,
        onSilence: (reason) => noteSilence(cli, reason),
        last: tail ? (count ?? LOG_COUNT_DEFAULT) : undefined,
      });
      return;
    }
    await showLogs(cli, { flow_run_id: { any_: [id] } }, given);
  },
});

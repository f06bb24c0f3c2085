/** `sluice flow-run logs` */
import type { Log } from "../../../contract/wire/logs.ts";
import { defineCommand } from "../../framework/command.ts";
import { UsageError } from "../../framework/errors.ts";
import { argument, flag, option } from "../../framework/parameters.ts";
import { parseIdText, wholeNumber } from "../../framework/values.ts";
import { formatLog, readLogs } from "../../records/logs.ts";
import { readRun } from "../../records/runs.ts";
import { followRun } from "../../records/watch.ts";

const COUNT_DEFAULT = 20;

export const command = defineCommand({
  parameters: {
    id: argument("RUN_ID", "Id of the flow run", parseIdText),
    head: flag("--head", "Only the first lines"),
    tail: flag("-t, --tail", "Only the last lines"),
    count: option(
      "-n, --num-logs <n>",
      `How many lines for --head or --tail (default ${COUNT_DEFAULT})`,
      wholeNumber({ min: 1, max: 10_000 }),
    ),
    reverse: flag("-r, --reverse", "The latest first"),
    follow: flag("-f, --follow", "Go on with new lines until the run has ended"),
  },
  examples: [
    "sluice flow-run logs 01993a5c-7b1e-7777-8000-0123456789ab",
    "sluice flow-run logs 01993a5c-7b1e-7777-8000-0123456789ab --tail -n 100",
    "sluice flow-run logs 01993a5c-7b1e-7777-8000-0123456789ab --follow",
  ],
  async run({ id, head, tail, count, reverse, follow }, cli) {
    if (head && tail) throw new UsageError("--head and --tail exclude each other.");
    if (count !== undefined && !head && !tail) tail = true;
    if (follow && (head || reverse)) throw new UsageError("--follow goes with neither --head nor --reverse.");
    const api = await cli.api();
    await readRun(api, id);
    if (follow) {
      // One JSON object a line: a stream has no end that a list could wait for.
      const write = async (log: Log): Promise<void> =>
        cli.print(cli.isJson ? JSON.stringify(log) : await formatLog(log, cli.screen));
      await followRun(api, id, {
        onLog: write,
        onState: () => undefined,
        last: tail ? (count ?? COUNT_DEFAULT) : undefined,
      });
      return;
    }
    const limit = head || tail ? (count ?? COUNT_DEFAULT) : undefined;
    const isLatestFirst = tail || (reverse && !head);
    const logs = await readLogs(api, id, { isLatestFirst, ...(limit !== undefined && { limit }) });
    if (isLatestFirst !== reverse) logs.reverse();
    if (cli.isJson) {
      cli.print(JSON.stringify(logs, null, 2));
      return;
    }
    for (const log of logs) cli.print(await formatLog(log, cli.screen));
  },
});

/** `sluice gcl waiters` */
import { defineCommand } from "../../framework/command.ts";
import { argument, option, parseText } from "../../framework/parameters.ts";
import { wholeNumber } from "../../framework/values.ts";
import { orMissingLimit, waiterColumns } from "../../records/limits.ts";

export const command = defineCommand({
  parameters: {
    name: argument("NAME", "Name or id of the limit", parseText, { completes: "limits" }),
    limit: option("--limit <n>", "At most this many (default 100)", wholeNumber({ min: 1, max: 200 })),
    offset: option("--offset <n>", "Leave out this many first", wholeNumber({ max: 10_000 })),
  },
  examples: ["sluice gcl waiters gpu:gpu-1", "sluice gcl waiters gpu:gpu-1 --limit 5"],
  async run({ name, limit, offset }, cli) {
    const api = await cli.api();
    const waiters = await orMissingLimit(
      api,
      name,
      api.limits.waiters(name, { limit: limit ?? 100, offset: offset ?? 0 }),
    );
    await cli.showTable(waiters, waiterColumns(cli.system.now()), `Nobody waits for ${name}.`);
  },
});

/** `sluice audit ls` */
import { defineCommand } from "../../framework/command.ts";
import { option, parseText } from "../../framework/parameters.ts";
import { parseInstantText, wholeNumber } from "../../framework/values.ts";
import { auditColumns, readAudit } from "../../records/audit.ts";

const LIMIT_DEFAULT = 50;

export const command = defineCommand({
  description: "What people did to limits, pools, queues, workers, runs and the catalog, the latest first.",
  parameters: {
    act: option("--act <act>", "Only acts that begin so, such as limit. or flow_run.cancel", parseText),
    target: option("--target <name>", "Only on what has this id, or this in its name", parseText),
    actor: option("--actor <text>", "Only by who has this in their name", parseText),
    since: option("--since <time>", "Only from then on", parseInstantText),
    limit: option(
      "--limit <n>",
      `At most this many (default ${LIMIT_DEFAULT})`,
      wholeNumber({ min: 1, max: 10_000 }),
    ),
  },
  examples: [
    "sluice audit ls",
    "sluice audit ls --act limit. --target gpu:gpu-1",
    'sluice audit ls --since "2030-01-31 08:00" --limit 500 -o json',
  ],
  async run({ act, target, actor, since, limit }, cli) {
    const api = await cli.api();
    const wanted = limit ?? LIMIT_DEFAULT;
    const found = await readAudit(
      api,
      { act, target, actor, since },
      limit === undefined ? wanted + 1 : wanted,
    );
    if (found.length > wanted) cli.note(`Only ${wanted} are shown; --limit shows more.`);
    await cli.showTable(found.slice(0, wanted), auditColumns(cli.system.now()), "No acts match.");
  },
});

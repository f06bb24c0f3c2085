/** `sluice work-queue create` */
import { rephrase } from "../../api.ts";
import { defineCommand } from "../../framework/command.ts";
import { argument, flag, option, parseText } from "../../framework/parameters.ts";
import { parseName, wholeNumber } from "../../framework/values.ts";
import { explainMissingPool } from "../../records/pools.ts";

export const command = defineCommand({
  parameters: {
    name: argument("NAME", "Name of the queue", parseName),
    pool: option("-p, --pool <name>", "Its work pool", parseText, { completes: "pools" }),
    limit: option("-l, --limit <n>", "Runs at the same time at most", wholeNumber()),
    priority: option("-q, --priority <n>", "1 goes first", wholeNumber({ min: 1 })),
    description: option("--description <text>", "What the queue is for", parseText),
    paused: flag("--paused", "Give out no runs until it is resumed"),
  },
  examples: ["sluice work-queue create urgent --pool ml-pool --priority 1 --limit 2"],
  async run({ name, pool, limit, priority, description, paused }, cli) {
    const api = await cli.api();
    const creating = api.workQueues.create(
      {
        name,
        is_paused: paused,
        ...(limit !== undefined && { concurrency_limit: limit }),
        ...(priority !== undefined && { priority }),
        ...(description !== undefined && { description }),
      },
      { pool },
    );
    const created = await rephrase(
      pool === undefined ? creating : rephrase(creating, 404, () => explainMissingPool(api, pool)),
      409,
      () =>
        `A work queue named ${name} exists already${pool === undefined ? "" : ` in ${pool}`}; \`sluice work-queue ls\` shows it.`,
    );
    await cli.show(
      created,
      () => `Created the work queue ${name} in ${created.work_pool_name} with priority ${created.priority}.`,
    );
  },
});

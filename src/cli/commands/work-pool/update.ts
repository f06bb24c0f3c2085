/** `sluice work-pool update` */
import { defineCommand } from "../../framework/command.ts";
import { UsageError } from "../../framework/errors.ts";
import { readJsonFile } from "../../framework/files.ts";
import { argument, choiceOption, option, parseText } from "../../framework/parameters.ts";
import { wholeNumber } from "../../framework/values.ts";
import { LOST_RUNS, orMissingPool } from "../../records/pools.ts";

export const command = defineCommand({
  parameters: {
    name: argument("NAME", "Name of the pool", parseText, { completes: "pools" }),
    template: option("--base-job-template <file>", "JSON file with what its runs may configure", parseText),
    description: option("--description <text>", "What the pool is for", parseText),
    concurrency: option("--concurrency-limit <n>", "Runs at the same time at most", wholeNumber()),
    lostRuns: choiceOption("--lost-runs <policy>", "What becomes of a lost worker's runs", LOST_RUNS),
  },
  examples: ["sluice work-pool update ml-pool --concurrency-limit 8"],
  async run({ name, template, description, concurrency, lostRuns }, cli) {
    const changes = {
      ...(template !== undefined && { base_job_template: await readJsonFile(template) }),
      ...(description !== undefined && { description }),
      ...(concurrency !== undefined && { concurrency_limit: concurrency }),
      ...(lostRuns !== undefined && { lost_run_policy: lostRuns }),
    };
    if (Object.keys(changes).length === 0)
      throw new UsageError(
        "sluice work-pool update wants something to change; see `sluice work-pool update --help`.",
      );
    const api = await cli.api();
    await orMissingPool(api, name, api.workPools.update(name, changes));
    await cli.showDone(`Updated the work pool ${name}.`, () => api.workPools.read(name));
  },
});

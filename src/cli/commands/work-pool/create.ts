/** `sluice work-pool create` */
import { writeCommand } from "../../../contract/commands.ts";
import { isStatus } from "../../../client/index.ts";
import { locateProfiles, updateProfile } from "../../config/profiles.ts";
import { defineCommand } from "../../framework/command.ts";
import { CommandError } from "../../framework/errors.ts";
import { readJsonFile } from "../../framework/files.ts";
import { argument, choiceOption, flag, option, parseText } from "../../framework/parameters.ts";
import { parseName, wholeNumber } from "../../framework/values.ts";
import { LOST_RUNS } from "../../records/pools.ts";

export const command = defineCommand({
  parameters: {
    name: argument("NAME", "Name of the pool", parseName),
    type: option("-t, --type <type>", "What workers do with its runs (default process)", parseText),
    description: option("--description <text>", "What the pool is for", parseText),
    template: option("--base-job-template <file>", "JSON file with what its runs may configure", parseText),
    concurrency: option("--concurrency-limit <n>", "Runs at the same time at most", wholeNumber()),
    lostRuns: choiceOption("--lost-runs <policy>", "What becomes of a lost worker's runs", LOST_RUNS),
    paused: flag("--paused", "Give out no runs until it is resumed"),
    setAsDefault: flag("--set-as-default", "Use it for deployments that name no pool (kept in the profile)"),
    overwrite: flag("--overwrite", "Change the pool if there is one of this name"),
  },
  examples: [
    "sluice work-pool create ml-pool --type process",
    "sluice work-pool create ml-pool --type process --concurrency-limit 8 --paused",
  ],
  async run(
    { name, type, description, template, concurrency, lostRuns, paused, setAsDefault, overwrite },
    cli,
  ) {
    const settings = {
      ...(description !== undefined && { description }),
      ...(template !== undefined && { base_job_template: await readJsonFile(template) }),
      ...(concurrency !== undefined && { concurrency_limit: concurrency }),
      ...(lostRuns !== undefined && { lost_run_policy: lostRuns }),
      ...(paused && { is_paused: true }),
    };
    const api = await cli.api();
    try {
      const pool = await api.workPools.create({ name, type: type ?? "process", ...settings });
      await cli.show(pool, () =>
        pool.type === "process"
          ? `Created the work pool ${name} of type process; start a worker with \`${writeCommand("worker", "start", "--pool", name)}\`.`
          : `Created the work pool ${name} of type ${pool.type}; its runs wait for Prefect's worker of this type, \`prefect worker start --pool ${name}\`: Sluice's own serve pools of type process.`,
      );
    } catch (error) {
      if (!isStatus(error, 409)) throw error;
      if (!overwrite)
        throw new CommandError(
          `A work pool named ${name} exists already; use --overwrite, or \`${writeCommand("work-pool", "update", name)}\`.`,
        );
      await api.workPools.update(name, settings);
      await cli.showDone(`Updated the work pool ${name}.`, () => api.workPools.read(name));
    }
    if (!setAsDefault) return;
    const profile = await updateProfile(
      locateProfiles(cli.env),
      ({ active }) => cli.common.profile ?? active,
      { SLUICE_DEFAULT_WORK_POOL_NAME: name },
    );
    cli.note(`Deployments that name no pool go to ${name} now (profile ${profile}).`);
  },
});

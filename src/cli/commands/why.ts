/** `sluice why` */
import { sayPlace } from "../../contract/places.ts";
import { defineCommand } from "../framework/command.ts";
import { argument, parseText } from "../framework/parameters.ts";
import { formatDuration } from "../output/time.ts";
import { orMissingRun, readRun, RUN_HELP } from "../records/runs.ts";

export const command = defineCommand({
  description:
    "Says in one sentence what a run waits for (its time, a worker, or a limit), where it stands in line, and what would help.",
  parameters: { run: argument("RUN", RUN_HELP, parseText) },
  examples: ["sluice why 01993a5c-7b1e-7777-8000-0123456789ab"],
  async run({ run }, cli) {
    const api = await cli.api();
    const answer = await orMissingRun(run, api.flowRuns.explain((await readRun(api, run)).id));
    await cli.show(answer, () => {
      const place = sayPlace(answer);
      const more = [
        ...(place === undefined ? [] : [`place ${place}`]),
        ...(answer.estimated_seconds === null
          ? []
          : [`about ${formatDuration(answer.estimated_seconds)} to go`]),
      ];
      const sentence = answer.detail.replace(/\.$/, "");
      const help = answer.help === null ? "" : `\nThis would help: ${answer.help}`;
      return `${sentence}${more.length === 0 ? "" : ` (${more.join(", ")})`}. [${answer.reason}]${help}`;
    });
  },
});

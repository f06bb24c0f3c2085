/** `sluice gcl history` */
import { HISTORY_LEASES_MAX, HISTORY_SECONDS } from "../../../contract/bounds.ts";
import { defineCommand } from "../../framework/command.ts";
import { argument, option, parseText } from "../../framework/parameters.ts";
import { wholeNumber } from "../../framework/values.ts";
import { formatDuration } from "../../output/time.ts";
import { historyColumns, orMissingLimit } from "../../records/limits.ts";

export const command = defineCommand({
  parameters: {
    name: argument("NAME", "Name or id of the limit", parseText, { completes: "limits" }),
    seconds: option(
      "--seconds <n>",
      `How far back (default ${HISTORY_SECONDS}, and no further)`,
      wholeNumber({ min: 1, max: HISTORY_SECONDS }),
    ),
    limit: option(
      "--limit <n>",
      "At most this many, the latest (default 100)",
      wholeNumber({ min: 1, max: HISTORY_LEASES_MAX }),
    ),
  },
  examples: ["sluice gcl history gpu:gpu-1", "sluice gcl history gpu:gpu-1 --seconds 60 -o json"],
  async run({ name, seconds, limit }, cli) {
    const api = await cli.api();
    const asked = { seconds: seconds ?? HISTORY_SECONDS, limit: limit ?? 100 };
    const history = await orMissingLimit(api, name, api.limits.history(name, asked));
    if (cli.isJson) {
      await cli.show(history, () => "");
      return;
    }
    const now = Date.parse(history.now);
    const known_seconds = (now - Date.parse(history.known_since)) / 1000;
    const nobody = `Nobody has held a slot of ${name} in the last ${formatDuration(asked.seconds)}.`;
    await cli.showTable(history.leases, historyColumns(now), nobody);
    if (known_seconds < asked.seconds - 1)
      cli.note(
        `It is known for the last ${formatDuration(known_seconds)}; before there may have been others.`,
      );
  },
});

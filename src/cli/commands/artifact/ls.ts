/** `sluice artifact ls` */
import { defineCommand } from "../../framework/command.ts";
import { readAll } from "../../framework/list.ts";
import { flag, option } from "../../framework/parameters.ts";
import { wholeNumber } from "../../framework/values.ts";
import { artifactColumns } from "../../records/artifacts.ts";

const LIMIT_DEFAULT = 100;
const EMPTY = "No artifacts yet; flows make them, with Prefect's `create_markdown_artifact` for example.";

export const command = defineCommand({
  description: "The latest artifact of each key.",
  parameters: {
    limit: option(
      "--limit <n>",
      `At most this many (default ${LIMIT_DEFAULT})`,
      wholeNumber({ min: 1, max: 10_000 }),
    ),
    all: flag("-a, --all", "All artifacts, not only the latest of each key"),
  },
  examples: ["sluice artifact ls", "sluice artifact ls --all --limit 500 -o json"],
  async run({ limit = LIMIT_DEFAULT, all }, cli) {
    const api = await cli.api();
    const now = cli.system.now();
    if (all) {
      const sort = "CREATED_DESC";
      const artifacts = await readAll((page) => api.artifacts.list({ sort, ...page }), { limit });
      return cli.showTable(
        artifacts,
        artifactColumns(now, ({ id }) => id),
        EMPTY,
      );
    }
    const sort = "KEY_ASC";
    const latest = await readAll((page) => api.artifacts.listLatest({ sort, ...page }), { limit });
    await cli.showTable(
      latest,
      artifactColumns(now, ({ latest_id }) => latest_id),
      EMPTY,
    );
  },
});

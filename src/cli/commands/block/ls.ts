/** `sluice block ls` */
import { defineCommand } from "../../framework/command.ts";
import { readAll } from "../../framework/list.ts";
import { option } from "../../framework/parameters.ts";
import { wholeNumber } from "../../framework/values.ts";
import { shortenId } from "../../output/ids.ts";
import { formatRelative } from "../../output/time.ts";
import { nameOfBlock } from "../../records/blocks.ts";

export const command = defineCommand({
  parameters: {
    limit: option("--limit <n>", "At most this many", wholeNumber({ min: 1, max: 10_000 })),
  },
  examples: ["sluice block ls", "sluice block ls -o json"],
  async run({ limit }, cli) {
    const api = await cli.api();
    const blocks = await readAll(
      (page) => api.blocks.list({ sort: "BLOCK_TYPE_AND_NAME_ASC", ...page }),
      limit === undefined ? {} : { limit },
    );
    const now = cli.system.now();
    await cli.showTable(
      blocks,
      [
        { title: "Block", value: nameOfBlock },
        { title: "Type", value: ({ block_type_name }) => block_type_name, rank: 2 },
        { title: "Updated", value: ({ updated }) => formatRelative(updated, now), rank: 1 },
        { title: "Id", value: ({ id }) => id, short: ({ id }) => shortenId(id), rank: 3 },
      ],
      "No blocks yet; create one with `sluice block create TYPE/NAME FIELD=VALUE`.",
    );
  },
});

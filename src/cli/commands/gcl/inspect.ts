/** `sluice gcl inspect` */
import { defineCommand } from "../../framework/command.ts";
import { writeJsonFile } from "../../framework/files.ts";
import { argument, option, parseText } from "../../framework/parameters.ts";
import { describeLimit, readLimit } from "../../records/limits.ts";

export const command = defineCommand({
  parameters: {
    name: argument("NAME", "Name or id of the limit", parseText, { completes: "limits" }),
    file: option("-f, --file <file>", "Write the record to this file, as JSON", parseText),
  },
  examples: ["sluice gcl inspect gpu:gpu-1", "sluice gcl inspect gpu:gpu-1 -o json"],
  async run({ name, file }, cli) {
    const limit = await readLimit(await cli.api(), name);
    if (file !== undefined) {
      await writeJsonFile(file, limit);
      await cli.show({ file }, () => `Wrote the concurrency limit ${limit.name} to ${file}.`);
      return;
    }
    await cli.showDetails(limit, () => describeLimit(limit, cli.system.now()));
  },
});

/** `sluice artifact delete` */
import { defineCommand } from "../../framework/command.ts";
import { UsageError } from "../../framework/errors.ts";
import { option, optionalArgument, parseText } from "../../framework/parameters.ts";
import { parseIdText } from "../../framework/values.ts";
import { readArtifact, readArtifactsOf } from "../../records/artifacts.ts";

export const command = defineCommand({
  description: "Deletes one artifact by its id, or all artifacts of a key.",
  parameters: {
    key: optionalArgument("KEY", "Key of the artifacts", parseText, { completes: "artifacts" }),
    id: option("--id <id>", "Id of one artifact, instead of the key", parseIdText),
  },
  examples: [
    "sluice artifact delete report",
    "sluice artifact delete --id 01993a5c-7b1e-7777-8000-0123456789ab",
  ],
  async run({ key, id }, cli) {
    if ((key === undefined) === (id === undefined))
      throw new UsageError("Name the artifact, by KEY or by --id.");
    const api = await cli.api();
    const artifacts =
      id === undefined ? await readArtifactsOf(api, key ?? "") : [await readArtifact(api, id)];
    const what = id === undefined ? `the artifacts of ${key} (${artifacts.length})` : `the artifact ${id}`;
    await cli.confirm(`Delete ${what}?`);
    // The oldest first: the latest stays the latest until it goes itself.
    for (const artifact of artifacts.toReversed()) await api.artifacts.delete(artifact.id);
    await cli.showDone(`Deleted ${what}.`, async () => artifacts);
  },
});

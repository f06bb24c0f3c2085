/** `sluice artifact inspect` */
import { defineCommand } from "../../framework/command.ts";
import { argument, option, parseText } from "../../framework/parameters.ts";
import { isId, wholeNumber } from "../../framework/values.ts";
import { describeArtifact, readArtifact, readArtifactsOf } from "../../records/artifacts.ts";

const LIMIT_DEFAULT = 10;

export const command = defineCommand({
  description: "Shows the artifacts of a key, the latest first.",
  parameters: {
    key: argument("KEY", "Key of the artifacts, or the id of one", parseText, { completes: "artifacts" }),
    limit: option(
      "--limit <n>",
      `At most this many (default ${LIMIT_DEFAULT})`,
      wholeNumber({ min: 1, max: 10_000 }),
    ),
  },
  examples: ["sluice artifact inspect report", "sluice artifact inspect report --limit 1 -o json"],
  async run({ key, limit = LIMIT_DEFAULT }, cli) {
    const api = await cli.api();
    const artifacts = isId(key) ? [await readArtifact(api, key)] : await readArtifactsOf(api, key, limit);
    const now = cli.system.now();
    await cli.show(artifacts, async () => {
      const { formatDetails } = await import("../../output/table.ts");
      const texts = artifacts.map((artifact) => {
        const details = formatDetails(describeArtifact(artifact, now), cli.screen).trimEnd();
        const { data } = artifact;
        return `${details}\n\n${typeof data === "string" ? data : JSON.stringify(data, null, 2)}`;
      });
      return texts.join("\n\n");
    });
  },
});

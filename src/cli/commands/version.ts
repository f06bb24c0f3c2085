/** `sluice version`: makes no call. */
import { defineCommand } from "../framework/command.ts";
import { readVersion } from "../version.ts";

export const command = defineCommand({
  parameters: {},
  examples: ["sluice version", "sluice version -o json"],
  async run(_values, cli) {
    const record = {
      version: readVersion(),
      node: process.versions.node,
      platform: `${process.platform}-${process.arch}`,
    };
    await cli.show(record, () => `sluice ${record.version} (Node ${record.node}, ${record.platform})`);
  },
});

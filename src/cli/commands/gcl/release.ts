/** `sluice gcl release` */
import { rephrase } from "../../api.ts";
import { defineCommand } from "../../framework/command.ts";
import { argument } from "../../framework/parameters.ts";
import { parseIdText } from "../../framework/values.ts";

export const command = defineCommand({
  description:
    "Ends one lease by force, whoever holds it. Its holder is not stopped: it learns at its next renewal, after half its lease at most, that the slot is lost.",
  parameters: { lease: argument("LEASE_ID", "Id of the lease, from `sluice gcl holders NAME`", parseIdText) },
  examples: ["sluice gcl release 0199f3a1-62c4-8251-80a3-5b1f0c2d9e47"],
  async run({ lease }, cli) {
    const api = await cli.api();
    await cli.confirm(`End the lease ${lease}? Its holder may still be using the slot.`);
    await rephrase(
      api.limits.forceRelease(lease),
      404,
      () => `No lease ${lease}; \`sluice gcl holders NAME\` shows those there are.`,
    );
    await cli.showDone(`Released the lease ${lease}.`, async () => ({ lease_id: lease }));
  },
});

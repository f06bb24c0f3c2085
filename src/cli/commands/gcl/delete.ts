/** `sluice gcl delete` */
import { writeCommand } from "../../../contract/commands.ts";
import { rephrase } from "../../api.ts";
import { defineCommand } from "../../framework/command.ts";
import { argument, flag, parseText } from "../../framework/parameters.ts";
import { orMissingLimit, readLimit } from "../../records/limits.ts";

export const command = defineCommand({
  description:
    "Those who hold slots keep them until they end. A limit with waiters is deleted only with --force, because a missing limit lets everybody through.",
  parameters: {
    name: argument("NAME", "Name or id of the limit", parseText, { completes: "limits" }),
    force: flag("--force", "Delete it although somebody waits for it"),
  },
  examples: ["sluice gcl delete gpu:gpu-1", "sluice gcl delete gpu:gpu-1 --force --yes"],
  async run({ name, force }, cli) {
    const api = await cli.api();
    const limit = await readLimit(api, name);
    await cli.confirm(
      `Delete the concurrency limit ${name} (${limit.active_slots === 1 ? "1 slot" : `${limit.active_slots} slots`} in use)?`,
    );
    await rephrase(
      orMissingLimit(api, name, api.limits.delete(name, { force })),
      409,
      ({ message }) =>
        `${message} Delete it all the same with \`${writeCommand("gcl", "delete", name, "--force")}\`.`,
    );
    await cli.showDone(`Deleted the concurrency limit ${name}.`, async () => limit);
  },
});

/** `sluice variable inspect` */
import { defineCommand } from "../../framework/command.ts";
import { argument, parseText } from "../../framework/parameters.ts";
import { formatRelative } from "../../output/time.ts";
import { orMissingVariable } from "../../records/variables.ts";

export const command = defineCommand({
  parameters: { name: argument("NAME", "Name of the variable", parseText) },
  examples: ["sluice variable inspect model"],
  async run({ name }, cli) {
    const api = await cli.api();
    const variable = await orMissingVariable(api, name, api.variables.read(name));
    const now = cli.system.now();
    await cli.showDetails(variable, () => [
      ["Name", variable.name],
      ["Value", JSON.stringify(variable.value)],
      ["Tags", variable.tags.join(", ")],
      ["Created", formatRelative(variable.created, now)],
      ["Updated", formatRelative(variable.updated, now)],
      ["Id", variable.id],
    ]);
  },
});

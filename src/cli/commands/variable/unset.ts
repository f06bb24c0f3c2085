/** `sluice variable unset` */
import { defineCommand } from "../../framework/command.ts";
import { argument, parseText } from "../../framework/parameters.ts";
import { orMissingVariable } from "../../records/variables.ts";

export const command = defineCommand({
  parameters: { name: argument("NAME", "Name of the variable", parseText) },
  examples: ["sluice variable unset model"],
  async run({ name }, cli) {
    const api = await cli.api();
    const variable = await orMissingVariable(api, name, api.variables.read(name));
    await cli.confirm(`Delete the variable ${name}?`);
    await orMissingVariable(api, name, api.variables.delete(name));
    await cli.showDone(`Deleted the variable ${name}.`, async () => variable);
  },
});

/** `sluice variable get` */
import { defineCommand } from "../../framework/command.ts";
import { argument, parseText } from "../../framework/parameters.ts";
import { orMissingVariable } from "../../records/variables.ts";

export const command = defineCommand({
  parameters: { name: argument("NAME", "Name of the variable", parseText) },
  examples: ["sluice variable get model"],
  async run({ name }, cli) {
    const api = await cli.api();
    const variable = await orMissingVariable(api, name, api.variables.read(name));
    await cli.show(variable, () =>
      typeof variable.value === "string" ? variable.value : JSON.stringify(variable.value),
    );
  },
});

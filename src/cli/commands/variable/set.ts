/** `sluice variable set` */
import { find, rephrase } from "../../api.ts";
import { defineCommand } from "../../framework/command.ts";
import { argument, flag, parseText, repeatedOption } from "../../framework/parameters.ts";
import { parseJsonOrText, parseName } from "../../framework/values.ts";

export const command = defineCommand({
  parameters: {
    name: argument("NAME", "Name of the variable", parseName),
    value: argument("VALUE", "Its value: JSON, or else text", parseJsonOrText),
    overwrite: flag("--overwrite", "Replace the value if there is one"),
    tags: repeatedOption("--tag <tag>", "Tag of the variable", parseText),
  },
  examples: [
    "sluice variable set model resnet-50",
    `sluice variable set thresholds '{"low": 0.2}' --overwrite`,
  ],
  async run({ name, value, overwrite, tags }, cli) {
    const api = await cli.api();
    if (overwrite && (await find(api.variables.read(name))) !== undefined) {
      await api.variables.update(name, { value, ...(tags.length > 0 && { tags }) });
      await cli.showDone(`Set the variable ${name}.`, () => api.variables.read(name));
      return;
    }
    const variable = await rephrase(
      api.variables.create({ name, value, tags }),
      409,
      () => `A variable named ${name} exists already; use --overwrite to replace its value.`,
    );
    await cli.show(variable, () => `Set the variable ${name}.`);
  },
});

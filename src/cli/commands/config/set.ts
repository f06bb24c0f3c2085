/** `sluice config set` */
import { locateProfiles, SETTING_NAMES, SETTINGS, updateProfile } from "../../config/profiles.ts";
import { defineCommand } from "../../framework/command.ts";
import { restArguments, ValueFault } from "../../framework/parameters.ts";
import { UsageError } from "../../framework/errors.ts";
import { parseApiUrl, parseKeyText } from "../../framework/values.ts";
import { parseSettingName } from "./settings.ts";

export const command = defineCommand({
  description: "Writes settings into the profile in use. The environment wins over profiles.",
  parameters: {
    settings: restArguments(
      "NAME=VALUE",
      `A setting and its value; the settings are ${SETTING_NAMES.join(", ")}`,
      (text) => {
        const { key, value } = parseKeyText(text);
        const name = parseSettingName(key);
        if (value === "") throw new ValueFault("a value (`sluice config unset` takes one away)");
        return { name, value: name === "SLUICE_API_URL" ? parseApiUrl(value) : value };
      },
      { completes: "assignments", allowsOptions: true },
    ),
  },
  examples: ["sluice config set SLUICE_API_URL=http://gpu-head:4200/api"],
  async run({ settings }, cli) {
    if (settings.length === 0) throw new UsageError("sluice config set wants NAME=VALUE.");
    const profile = await updateProfile(
      locateProfiles(cli.env),
      ({ active }) => cli.common.profile ?? active,
      Object.fromEntries(settings.map(({ name, value }) => [name, value])),
    );
    for (const { name } of settings) {
      const shadow = [name, SETTINGS[name].prefect].find((other) => (cli.env[other] ?? "") !== "");
      if (shadow !== undefined) cli.note(`${shadow} is set in the environment and wins over the profile.`);
    }
    await cli.show({ profile, settings: settings.map(({ name }) => name) }, () =>
      settings.map(({ name }) => `Set ${name} in the profile ${profile}.`).join("\n"),
    );
  },
});

/** `sluice profile inspect` */
import { locateProfiles, readProfiles, SETTING_NAMES, SETTINGS } from "../../config/profiles.ts";
import { defineCommand } from "../../framework/command.ts";
import { flag, optionalArgument, parseText } from "../../framework/parameters.ts";
import { requireProfile } from "./require-profile.ts";

export const command = defineCommand({
  description: "Shows what the profile itself holds; `sluice config view` shows what is in force.",
  parameters: {
    name: optionalArgument("NAME", "Name of the profile (default the one in use)", parseText, {
      completes: "profiles",
    }),
    showSecrets: flag("--show-secrets", "Show keys in full"),
  },
  examples: ["sluice profile inspect", "sluice profile inspect cluster -o json"],
  async run({ name, showSecrets }, cli) {
    const file = await readProfiles(locateProfiles(cli.env));
    const profile = requireProfile(file, name ?? cli.common.profile ?? file.active);
    const settings = SETTING_NAMES.flatMap((setting) => {
      const value = profile?.[setting];
      if (value === undefined) return [];
      return [{ name: setting, value: SETTINGS[setting].isSecret && !showSecrets ? "********" : value }];
    });
    await cli.showTable(
      settings,
      [
        { title: "Setting", value: (setting) => setting.name },
        { title: "Value", value: ({ value }) => value },
      ],
      "The profile is empty; fill it with `sluice config set NAME=VALUE`.",
    );
  },
});

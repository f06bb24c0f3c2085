/** `sluice config view` */
import { resolveSettings } from "../../config/connection.ts";
import { locateProfiles, readProfiles, SETTING_NAMES, SETTINGS } from "../../config/profiles.ts";
import { defineCommand } from "../../framework/command.ts";
import { flag } from "../../framework/parameters.ts";

export const command = defineCommand({
  description: "Shows the settings in force and where each comes from.",
  parameters: {
    showSecrets: flag("--show-secrets", "Show keys in full"),
    showDefaults: flag("--show-defaults", "Show settings that nobody has set, too"),
  },
  examples: ["sluice config view", "sluice config view --show-secrets -o json"],
  async run({ showSecrets, showDefaults }, cli) {
    const path = locateProfiles(cli.env);
    const { active } = await readProfiles(path);
    const resolved = await resolveSettings(cli.env, cli.common);
    const settings = resolved.map(({ name, value, source }) => ({
      name,
      value: SETTINGS[name].isSecret && !showSecrets ? "********" : value,
      source,
    }));
    const isSet = (name: string): boolean => resolved.some((setting) => setting.name === name);
    if (showDefaults)
      for (const name of SETTING_NAMES)
        if (!isSet(name)) settings.push({ name, value: "", source: "default" });
    const profile = cli.common.profile ?? active;
    if (!cli.isJson) cli.print(`Profile ${profile} of ${path}`);
    await cli.show({ profile, profiles_path: path, settings }, async () => {
      const { formatTable } = await import("../../output/table.ts");
      return formatTable(
        [
          { title: "Setting", value: ({ name }) => name },
          { title: "Value", value: ({ value }) => value },
          { title: "From", value: ({ source }) => source },
        ],
        settings,
        cli.screen,
      );
    });
  },
});

/** `sluice config view` */
import { resolveSettings } from "../../config/connection.ts";
import { locateProfiles, readProfiles, SETTINGS } from "../../config/profiles.ts";
import { defineCommand } from "../../framework/command.ts";
import { flag } from "../../framework/parameters.ts";

export const command = defineCommand({
  description: "Shows the settings in force and where each comes from.",
  parameters: { showSecrets: flag("--show-secrets", "Show keys in full") },
  examples: ["sluice config view", "sluice config view --show-secrets -o json"],
  async run({ showSecrets }, cli) {
    const path = locateProfiles(cli.env);
    const { active } = await readProfiles(path);
    const resolved = await resolveSettings(cli.env, cli.common);
    const settings = resolved.map(({ name, value, source }) => ({
      name,
      value: SETTINGS[name].isSecret && !showSecrets ? "********" : value,
      source,
    }));
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

/** `sluice config unset` */
import { locateProfiles, readProfiles, writeProfiles, type SettingName } from "../../config/profiles.ts";
import { defineCommand } from "../../framework/command.ts";
import { CommandError, UsageError } from "../../framework/errors.ts";
import { restArguments } from "../../framework/parameters.ts";
import { parseSettingName } from "./settings.ts";

export const command = defineCommand({
  parameters: {
    names: restArguments("NAME", "Setting to take out of the profile in use", parseSettingName, {
      completes: "settings",
      allowsOptions: true,
    }),
  },
  examples: ["sluice config unset SLUICE_API_URL"],
  async run({ names }, cli) {
    if (names.length === 0) throw new UsageError("sluice config unset wants the NAME of a setting.");
    const path = locateProfiles(cli.env);
    const file = await readProfiles(path);
    const profile = cli.common.profile ?? file.active;
    const settings = Object.entries(file.profiles[profile] ?? {});
    const missing = names.find((name) => !settings.some(([key]) => key === name));
    if (missing !== undefined)
      throw new CommandError(
        `The profile ${profile} has no ${missing}; \`sluice profile inspect\` shows what it has.`,
      );
    file.profiles[profile] = Object.fromEntries(
      settings.filter(([key]) => !names.includes(key as SettingName)),
    );
    await writeProfiles(path, file);
    await cli.show({ profile, settings: names }, () =>
      names.map((name) => `Took ${name} out of the profile ${profile}.`).join("\n"),
    );
  },
});

/** `sluice profile rename` */
import { locateProfiles, readProfiles, writeProfiles } from "../../config/profiles.ts";
import { defineCommand } from "../../framework/command.ts";
import { CommandError } from "../../framework/errors.ts";
import { argument, parseText } from "../../framework/parameters.ts";
import { parseName } from "../../framework/values.ts";
import { requireProfile } from "./require-profile.ts";

export const command = defineCommand({
  parameters: {
    name: argument("NAME", "Name of the profile", parseText, { completes: "profiles" }),
    newName: argument("NEW_NAME", "Its name from now on", parseName),
  },
  examples: ["sluice profile rename cluster site-a"],
  async run({ name, newName }, cli) {
    const path = locateProfiles(cli.env);
    const file = await readProfiles(path);
    requireProfile(file, name);
    if (file.profiles[newName] !== undefined)
      throw new CommandError(
        `A profile named ${newName} exists already; delete it first or choose another name.`,
      );
    file.profiles = Object.fromEntries(
      Object.entries(file.profiles).map(([key, settings]) => [key === name ? newName : key, settings]),
    );
    if (file.active === name) file.active = newName;
    await writeProfiles(path, file);
    await cli.show({ name: newName }, () => `The profile ${name} is called ${newName} now.`);
  },
});

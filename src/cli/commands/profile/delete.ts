/** `sluice profile delete` */
import { locateProfiles, readProfiles, writeProfiles } from "../../config/profiles.ts";
import { defineCommand } from "../../framework/command.ts";
import { CommandError } from "../../framework/errors.ts";
import { argument, parseText } from "../../framework/parameters.ts";
import { requireProfile } from "./require-profile.ts";

export const command = defineCommand({
  parameters: { name: argument("NAME", "Name of the profile", parseText, { completes: "profiles" }) },
  examples: ["sluice profile delete test"],
  async run({ name }, cli) {
    const path = locateProfiles(cli.env);
    const file = await readProfiles(path);
    requireProfile(file, name);
    if (file.active === name)
      throw new CommandError(
        `The profile ${name} is in use; use another one first (\`sluice profile use\`).`,
      );
    await cli.confirm(`Delete the profile ${name}?`);
    file.profiles = Object.fromEntries(Object.entries(file.profiles).filter(([key]) => key !== name));
    await writeProfiles(path, file);
    await cli.show({ name }, () => `Deleted the profile ${name}.`);
  },
});

/** `sluice profile use` */
import { locateProfiles, readProfiles, writeProfiles } from "../../config/profiles.ts";
import { defineCommand } from "../../framework/command.ts";
import { argument, parseText } from "../../framework/parameters.ts";
import { requireProfile } from "./require-profile.ts";

export const command = defineCommand({
  parameters: { name: argument("NAME", "Profile to use from now on", parseText, { completes: "profiles" }) },
  examples: ["sluice profile use cluster"],
  async run({ name }, cli) {
    const path = locateProfiles(cli.env);
    const file = await readProfiles(path);
    requireProfile(file, name);
    file.active = name;
    await writeProfiles(path, file);
    await cli.show({ active: name }, () => `The profile ${name} is in use now.`);
  },
});

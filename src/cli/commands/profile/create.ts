/** `sluice profile create` */
import { writeCommand } from "../../../contract/commands.ts";
import { locateProfiles, readProfiles, writeProfiles } from "../../config/profiles.ts";
import { defineCommand } from "../../framework/command.ts";
import { CommandError } from "../../framework/errors.ts";
import { argument, option, parseText } from "../../framework/parameters.ts";
import { parseName } from "../../framework/values.ts";

export const command = defineCommand({
  parameters: {
    name: argument("NAME", "Name of the profile", parseName),
    from: option("--from <name>", "Copy the settings of this profile", parseText, { completes: "profiles" }),
  },
  examples: ["sluice profile create cluster", "sluice profile create test --from cluster"],
  async run({ name, from }, cli) {
    const path = locateProfiles(cli.env);
    const file = await readProfiles(path);
    if (file.profiles[name] !== undefined)
      throw new CommandError(
        `A profile named ${name} exists already; use it with \`${writeCommand("profile", "use", name)}\`.`,
      );
    const source = from === undefined ? {} : file.profiles[from];
    if (source === undefined)
      throw new CommandError(`No profile named ${from ?? ""}; \`sluice profile ls\` shows those there are.`);
    file.profiles[name] = { ...source };
    await writeProfiles(path, file);
    await cli.show(
      { name, ...source },
      () =>
        `Created the profile ${name}; use it with \`${writeCommand("profile", "use", name)}\`, fill it with \`sluice config set\`.`,
    );
  },
});

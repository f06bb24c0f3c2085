/** What the `profile` commands share. */
import { writeCommand } from "../../../contract/commands.ts";
import type { ProfileFile } from "../../config/profiles.ts";
import { CommandError } from "../../framework/errors.ts";
import { findNearest } from "../../framework/suggest.ts";

/** Gives the settings of a profile; a missing one is explained. */
export function requireProfile(file: ProfileFile, name: string): ProfileFile["profiles"][string] {
  const found = file.profiles[name];
  if (found !== undefined) return found;
  const nearest = findNearest(name, Object.keys(file.profiles));
  throw new CommandError(
    nearest === undefined
      ? `No profile named ${name}; create it with \`${writeCommand("profile", "create", name)}\`.`
      : `No profile named ${name}; did you mean ${nearest}?`,
  );
}

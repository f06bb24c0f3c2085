/** What the `config` commands share. */
import { SETTING_NAMES, SETTINGS, type SettingName } from "../../config/profiles.ts";
import { ValueFault } from "../../framework/parameters.ts";
import { findNearest } from "../../framework/suggest.ts";

/** Reads the name of a setting; Prefect's names of the same settings do too. */
export function parseSettingName(text: string): SettingName {
  const wanted = text.toUpperCase();
  const found = SETTING_NAMES.find((name) => name === wanted || SETTINGS[name].prefect === wanted);
  if (found !== undefined) return found;
  const nearest = findNearest(wanted, SETTING_NAMES);
  throw new ValueFault(
    nearest === undefined ? `one of ${SETTING_NAMES.join(", ")}` : `a setting (did you mean ${nearest}?)`,
  );
}

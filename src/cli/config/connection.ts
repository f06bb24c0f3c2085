/** Finds the server: an option, the environment, a profile, or the default port, in this order. */
import { writeCommand } from "../../contract/commands.ts";
import { authorize, DEFAULT_API_URL } from "../../client/settings.ts";
import { CommandError, UsageError } from "../framework/errors.ts";
import { ValueFault } from "../framework/parameters.ts";
import { findNearest } from "../framework/suggest.ts";
import { parseApiUrl } from "../framework/values.ts";
import { locateProfiles, readProfiles, SETTING_NAMES, SETTINGS, type SettingName } from "./profiles.ts";

export interface Connection {
  apiUrl: string;
  /** Where the address was found, for people. */
  source: string;
  /** Value of the `Authorization` header. */
  authorization: string | undefined;
  /** The key and the `user:password` themselves, for those who hand them on. */
  apiKey: string | undefined;
  authString: string | undefined;
}

export interface Setting {
  name: SettingName;
  value: string;
  source: string;
}

type Env = Readonly<Record<string, string | undefined>>;
interface Choice {
  apiUrl?: string;
  profile?: string;
}

/** All settings in force, with where each comes from; the first place that has one wins. */
export async function resolveSettings(env: Env, choice: Choice = {}): Promise<Setting[]> {
  const path = locateProfiles(env);
  const file = await readProfiles(path);
  const wanted = choice.profile ?? (env["SLUICE_PROFILE"] || undefined);
  const name = wanted ?? file.active;
  const profile = file.profiles[name];
  if (profile === undefined && wanted !== undefined) {
    const nearest = findNearest(name, Object.keys(file.profiles));
    throw new CommandError(
      `No profile named ${name}; ${nearest === undefined ? `create it with \`${writeCommand("profile", "create", name)}\`.` : `did you mean ${nearest}?`}`,
    );
  }
  const found: Setting[] = [];
  for (const setting of SETTING_NAMES) {
    const { prefect } = SETTINGS[setting];
    if (setting === "SLUICE_API_URL" && choice.apiUrl !== undefined)
      found.push({ name: setting, value: choice.apiUrl, source: "--api-url" });
    // A profile that was asked for by name says more than the environment.
    else if (wanted !== undefined && profile?.[setting] !== undefined)
      found.push({ name: setting, value: profile[setting], source: `profile ${name}` });
    else if (isSet(env[setting])) found.push({ name: setting, value: env[setting], source: setting });
    else if (isSet(env[prefect])) found.push({ name: setting, value: env[prefect], source: prefect });
    else if (profile?.[setting] !== undefined)
      found.push({ name: setting, value: profile[setting], source: `profile ${name}` });
    else if (setting === "SLUICE_API_URL")
      found.push({ name: setting, value: DEFAULT_API_URL, source: "default" });
  }
  return found;
}

/** Where the server is and how to be let in. */
export async function findConnection(env: Env, choice: Choice = {}): Promise<Connection> {
  const settings = await resolveSettings(env, choice);
  const url = settings.find(({ name }) => name === "SLUICE_API_URL");
  const key = settings.find(({ name }) => name === "SLUICE_API_KEY");
  const basic = settings.find(({ name }) => name === "SLUICE_API_AUTH_STRING");
  const source = url?.source ?? "default";
  for (const secret of [key, basic])
    if (secret !== undefined && !/^[\t\x20-\x7e]*$/.test(secret.value))
      throw new UsageError(`${secret.source} holds characters that no key has, such as the end of a line.`);
  let apiUrl: string;
  try {
    apiUrl = parseApiUrl(url?.value ?? DEFAULT_API_URL);
  } catch (error) {
    if (error instanceof ValueFault)
      throw new UsageError(`${source} wants ${error.message}, but is "${url?.value ?? ""}".`);
    throw error;
  }
  const credentials = { apiKey: key?.value, authString: basic?.value };
  return { apiUrl, source, authorization: authorize(credentials), ...credentials };
}

function isSet(value: string | undefined): value is string {
  return value !== undefined && value !== "";
}

/** The profile file: named sets of settings in the user's folder, and which one is in use. */
import { readFile, rename, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { makeFolders } from "../../client/folders.ts";
import { CommandError } from "../framework/errors.ts";

/** Settings that a profile may hold, each with what it means and the name Prefect has for it. */
export const SETTINGS = {
  SLUICE_API_URL: { summary: "Address of the API", prefect: "PREFECT_API_URL", isSecret: false },
  SLUICE_API_KEY: { summary: "Key, sent as Bearer", prefect: "PREFECT_API_KEY", isSecret: true },
  SLUICE_API_AUTH_STRING: {
    summary: "user:password, sent as Basic",
    prefect: "PREFECT_API_AUTH_STRING",
    isSecret: true,
  },
  SLUICE_DEFAULT_WORK_POOL_NAME: {
    summary: "Work pool of deployments that name none",
    prefect: "PREFECT_DEFAULT_WORK_POOL_NAME",
    isSecret: false,
  },
} as const;
export type SettingName = keyof typeof SETTINGS;
export const SETTING_NAMES = Object.keys(SETTINGS) as SettingName[];

export interface ProfileFile {
  active: string;
  profiles: Record<string, Partial<Record<SettingName, string>>>;
}

/** Where the file lies: `SLUICE_PROFILES_PATH`, else `~/.sluice/profiles.json`. */
export function locateProfiles(env: Readonly<Record<string, string | undefined>>): string {
  const given = env["SLUICE_PROFILES_PATH"];
  if (given !== undefined && given !== "") return given;
  const home = env["SLUICE_HOME"];
  return join(home === undefined || home === "" ? join(homedir(), ".sluice") : home, "profiles.json");
}

/** Reads the file; a missing one holds one empty profile. */
export async function readProfiles(path: string): Promise<ProfileFile> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT")
      return { active: "default", profiles: { default: {} } };
    throw new CommandError(
      `The profile file ${path} cannot be read (${error instanceof Error ? error.message : String(error)}); set SLUICE_HOME or SLUICE_PROFILES_PATH to another place.`,
    );
  }
  try {
    return checkProfiles(JSON.parse(text) as unknown);
  } catch (error) {
    throw new CommandError(
      `The profile file ${path} is damaged (${error instanceof Error ? error.message : String(error)}); mend it or delete it.`,
    );
  }
}

/** Writes the file in one step, readable by its owner only: it may hold keys. */
export async function writeProfiles(path: string, file: ProfileFile): Promise<void> {
  const beside = `${path}.${process.pid}`;
  try {
    makeFolders(dirname(path), 0o700);
    await writeFile(beside, `${JSON.stringify(file, null, 2)}\n`, { mode: 0o600 });
    await rename(beside, path);
  } catch (error) {
    throw new CommandError(
      `The profile file ${path} cannot be written (${(error as Error).message}); set SLUICE_HOME or SLUICE_PROFILES_PATH to a place that can be.`,
    );
  }
}

/** Writes settings into one profile, made if it is missing. */
export async function updateProfile(
  path: string,
  choose: (file: ProfileFile) => string,
  settings: Partial<Record<SettingName, string>>,
): Promise<string> {
  const file = await readProfiles(path);
  const name = choose(file);
  file.profiles[name] = { ...file.profiles[name], ...settings };
  await writeProfiles(path, file);
  return name;
}

function checkProfiles(value: unknown): ProfileFile {
  const { active, profiles } = (value ?? {}) as Partial<ProfileFile>;
  if (typeof active !== "string" || typeof profiles !== "object" || profiles === null)
    throw new Error("it must hold `active` and `profiles`");
  for (const [name, settings] of Object.entries(profiles)) {
    if (typeof settings !== "object" || settings === null) throw new Error(`profile ${name} is no object`);
    for (const [key, setting] of Object.entries(settings))
      if (typeof setting !== "string") throw new Error(`${key} of profile ${name} is no text`);
  }
  return { active, profiles };
}

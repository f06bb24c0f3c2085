/** The key under which secrets in blocks are kept: the operator's, or one that is made once and lies in the data folder. */
import { randomBytes } from "node:crypto";
import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { ServerError } from "./errors.ts";

const FILE = "secrets.key";
const KEY_BYTES = 32;

export interface SecretsKeys {
  SLUICE_SECRETS_KEY: string;
  /** Keys that are only read with, separated by commas. */
  SLUICE_SECRETS_OLD_KEYS: string;
}

/**
 * The keys that the Worker gets. A key that was made here stays readable when the operator gives one of their own.
 * @throws {ServerError} when the file cannot be read or written.
 */
export function readSecretsKeys(
  dataDir: string,
  given: { secretsKey: string | undefined; secretsOldKeys: string | undefined },
): SecretsKeys {
  const path = join(dataDir, FILE);
  try {
    const made = readKey(path);
    const key = given.secretsKey ?? made ?? makeKey(path);
    const old = [given.secretsOldKeys, made].filter((text) => text !== undefined && text !== key);
    return { SLUICE_SECRETS_KEY: key, SLUICE_SECRETS_OLD_KEYS: old.join(",") };
  } catch (error) {
    throw new ServerError(
      `The key for secrets ${path} cannot be used (${(error as Error).message}); give one in SLUICE_SECRETS_KEY.`,
    );
  }
}

function readKey(path: string): string | undefined {
  try {
    const key = readFileSync(path, "utf8").trim();
    return key === "" ? undefined : key;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Makes a key; it is on the disk before anything is sealed with it. */
function makeKey(path: string): string {
  const key = randomBytes(KEY_BYTES).toString("base64");
  const file = openSync(path, "w", 0o600);
  try {
    writeSync(file, `${key}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  return key;
}

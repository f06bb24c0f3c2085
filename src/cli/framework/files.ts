/** Files that a command line names. */
import { appendFile, readFile, writeFile } from "node:fs/promises";
import type { Readable } from "node:stream";
import type { JsonObject } from "../../contract/wire/common.ts";
import { CommandError } from "./errors.ts";

/** Reads a file; a missing one is told in one sentence. */
export async function readTextFile(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") throw new CommandError(`There is no file ${path}.`);
    throw new CommandError(`The file ${path} cannot be read: ${message}.`);
  }
}

/** Reads a file that must hold a JSON object. */
export async function readJsonFile(path: string): Promise<JsonObject> {
  const text = await readTextFile(path);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new CommandError(
      `The file ${path} is not JSON: ${error instanceof Error ? error.message : String(error)}.`,
    );
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new CommandError(`The file ${path} must hold a JSON object.`);
  return value as JsonObject;
}

/** Reads a stream to its end. */
export async function readStream(stream: Readable): Promise<string> {
  const { text } = await import("node:stream/consumers");
  return text(stream);
}

/** Writes a value as JSON. */
export async function writeJsonFile(path: string, value: unknown): Promise<void> {
  await orUnwritable(path, writeFile(path, `${JSON.stringify(value, null, 2)}\n`));
}

/** Adds a line to a file, which need not be there yet. */
export async function appendLine(path: string, line: string): Promise<void> {
  await orUnwritable(path, appendFile(path, `${line}\n`));
}

async function orUnwritable(path: string, writing: Promise<void>): Promise<void> {
  try {
    await writing;
  } catch (error) {
    throw new CommandError(`The file ${path} cannot be written: ${(error as Error).message}.`);
  }
}

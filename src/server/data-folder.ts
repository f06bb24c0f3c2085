/** The data folder: who may use it, who uses it now, and what a crash left running in it. */
import { chmodSync, readdirSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { makeFolders } from "../client/folders.ts";
import { ServerError } from "./errors.ts";
import { killLeftovers } from "./leftovers.ts";
import {
  readServerRecord,
  removeServerRecord,
  writeServerRecord,
  type ServerRecord,
} from "./server-record.ts";
import { writeUi, type UiFiles } from "./ui-bundle.ts";

export interface DataFolder {
  readonly path: string;
  /** workerd's configuration; its path on a command line marks a process as one of this folder. */
  readonly configPath: string;
  readonly objectsPath: string;
  /** No object has ever kept anything in it. */
  readonly isNew: boolean;
  readonly logPath: string;
  /** Where the dashboard's files lie. */
  readonly uiPath: string;
  /** Puts workerd's configuration, the Worker and the dashboard in place. */
  install(config: string, script: Uint8Array, ui: UiFiles): void;
  /** Tells other processes where this server is. */
  announce(record: ServerRecord): void;
  /** Lets the next server in. */
  close(): void;
}

/**
 * Takes the folder for this process, which alone may use it from then on: two workerd on one folder would each serve
 * their own live copy of the same object. The lock is an open transaction, which the kernel ends with the process.
 * Then ends what a server that died without its keeper may have left running here.
 */
export async function openDataFolder(given: string): Promise<DataFolder> {
  const path = makeFolder(given);
  const objectsPath = join(path, "objects");
  const runPath = join(path, "run");
  const uiPath = join(runPath, "ui");
  const lock = lockFolder(path);
  const configPath = join(runPath, "workerd.capnp");
  try {
    await killLeftovers(["serve", configPath]);
  } catch (error) {
    lock.close();
    throw error;
  }
  return {
    path,
    configPath,
    objectsPath,
    isNew: readdirSync(objectsPath).length === 0,
    logPath: join(path, "server.log"),
    uiPath,
    install(config, script, ui) {
      writeFileSync(join(runPath, "worker.js"), script);
      writeFileSync(configPath, config);
      writeUi(ui, uiPath);
    },
    announce: (record) => writeServerRecord(path, record),
    close() {
      removeServerRecord(path);
      lock.close();
    },
  };
}

/** Makes the folder and gives the one true path of it, so that a process that runs in it is found by any other name. */
function makeFolder(given: string): string {
  try {
    makeFolders(join(given, "objects"));
    makeFolders(join(given, "run"));
    // Parameters, logs and results are the user's own affair.
    chmodSync(given, 0o700);
    return realpathSync(given);
  } catch (error) {
    throw new ServerError(
      `The data folder ${given} cannot be used (${(error as Error).message}); choose another with --data-dir.`,
    );
  }
}

function lockFolder(path: string): DatabaseSync {
  const { DatabaseSync } = loadSqlite();
  const file = join(path, "lock.sqlite");
  let lock: DatabaseSync | undefined;
  try {
    lock = new DatabaseSync(file);
    lock.exec("BEGIN EXCLUSIVE");
    return lock;
  } catch (error) {
    lock?.close();
    const { message } = error as Error;
    if (/not a database|malformed/.test(message))
      throw new ServerError(
        `The lock ${file} cannot be used (${message}); make sure that no server runs on this folder, delete that file, and start again.`,
      );
    // A full disk, above all: to delete the lock would free nothing.
    if (!/locked/.test(message))
      throw new ServerError(`The data folder ${path} cannot be used (${file}: ${message}).`);
    const record = readServerRecord(path);
    const who = record === undefined ? "which is starting" : `with pid ${record.pid} at ${record.url}`;
    throw new ServerError(
      `Another sluice server, ${who}, uses the data folder ${path}; stop that one or give this one its own with --data-dir.`,
    );
  }
}

/** Node's SQLite without the notice that it is experimental, which Node prints when it is loaded before 24.15. */
function loadSqlite(): typeof import("node:sqlite") {
  const emitWarning = process.emitWarning.bind(process);
  process.emitWarning = () => {};
  try {
    return process.getBuiltinModule("node:sqlite");
  } finally {
    process.emitWarning = emitWarning;
  }
}

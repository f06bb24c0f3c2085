/** The embedded server: one machine, one command, one folder. */
import { createRequire } from "node:module";
import { openDataFolder, type DataFolder } from "./data-folder.ts";
import { ServerError } from "./errors.ts";
import { openLogFile } from "./log.ts";
import { checkOptions, listAllowedHosts, urlOf, type CheckedOptions, type ServerOptions } from "./options.ts";
import { readSecretsKeys } from "./secrets-key.ts";
import { superviseWorkerd } from "./supervisor.ts";
import { loadUi } from "./ui-bundle.ts";
import { loadWorker } from "./worker-bundle.ts";
import { formatWorkerdConfig } from "./workerd-config.ts";

export { ServerError } from "./errors.ts";
export type { ServerOptions } from "./options.ts";

export interface RunningServer {
  readonly url: string;
  readonly port: number;
  readonly dataDir: string;
  /** Settles when the server has ended: with the reason if it ended by itself, without one after `stop`. */
  readonly ended: Promise<ServerError | undefined>;
  /** Stops workerd, briefly letting it finish what it does, and frees port and folder. Everything told is on disk. */
  stop(): Promise<void>;
}

/**
 * Starts the server and resolves once it answers.
 * @throws {ServerError} when it cannot: the folder or port is in use, a key is missing, workerd does not start.
 */
export async function startServer(options: ServerOptions = {}): Promise<RunningServer> {
  if (process.platform === "win32") {
    throw new ServerError(
      "The embedded server needs Linux or macOS: on Windows there is no way to hand a listening socket to workerd; run it in WSL, or deploy to Cloudflare.",
    );
  }
  const checked = checkOptions(options);
  const folder = await openDataFolder(checked.dataDir);
  try {
    return await serve(checked, folder);
  } catch (error) {
    folder.close();
    const { code, path, message } = error as NodeJS.ErrnoException;
    if (code !== "ENOSPC" && path?.startsWith(folder.path) !== true) throw error;
    throw new ServerError(`The data folder ${folder.path} cannot be used (${message}).`);
  }
}

async function serve(options: CheckedOptions, folder: DataFolder): Promise<RunningServer> {
  const [worker, ui] = await Promise.all([loadWorker(), loadUi()]);
  folder.install(formatWorkerdConfig(worker.manifest, options.apiKey !== undefined), worker.script, ui);
  const secretsKeys = readSecretsKeys(folder.path, options);
  const log = openLogFile(folder.logPath);
  const supervisor = await superviseWorkerd({
    host: options.host,
    port: options.port,
    command: (socketFd) => [
      findWorkerd(),
      "serve",
      folder.configPath,
      `--directory-path=objects=${folder.objectsPath}`,
      `--directory-path=ui=${folder.uiPath}`,
      `--socket-fd=http=${socketFd}`,
    ],
    isNew: folder.isNew,
    env: (port) => ({ ...environmentOf(options, port), ...secretsKeys }),
    onOutput: (chunk) => {
      log.write(chunk);
      options.onOutput(chunk);
    },
  }).catch((error: unknown) => {
    log.close();
    throw error;
  });
  const url = urlOf(options.host, supervisor.port);
  try {
    folder.announce({ pid: process.pid, url, started_at: new Date().toISOString() });
  } catch (error) {
    // The disk may be full by now; a server that nobody is told of must not run on.
    await supervisor.stop();
    log.close();
    throw error;
  }
  const ended = supervisor.ended.then((reason) => {
    log.close();
    folder.close();
    return reason;
  });
  return {
    url,
    port: supervisor.port,
    dataDir: folder.path,
    ended,
    stop: async () => {
      await supervisor.stop();
      await ended;
    },
  };
}

/** The pinned binary itself, not the script in front of it, whose death would not be workerd's. */
function findWorkerd(): string {
  try {
    return (createRequire(import.meta.url)("workerd") as { default: string }).default;
  } catch (error) {
    throw new ServerError(`workerd cannot run here: ${(error as Error).message.trim()}`);
  }
}

/** Everything that the Worker learns from outside; nothing else of this process's environment reaches it. */
function environmentOf(options: CheckedOptions, port: number): Record<string, string> {
  const allowed = listAllowedHosts({ host: options.host, port }, options.allowedHosts);
  return {
    PATH: process.env["PATH"] ?? "",
    // Without a key the door is open, which checkOptions allows on loopback only.
    ...(options.apiKey === undefined ? { SLUICE_OPEN: "true" } : { SLUICE_API_KEY: options.apiKey }),
    ...(allowed !== undefined && { SLUICE_ALLOWED_HOSTS: allowed.join(",") }),
    ...(options.retentionDays !== undefined && { SLUICE_RETENTION_DAYS: String(options.retentionDays) }),
    ...(options.moveAfterSeconds !== undefined && {
      SLUICE_MOVE_AFTER_SECONDS: String(options.moveAfterSeconds),
    }),
  };
}

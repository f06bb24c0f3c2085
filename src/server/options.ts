/** What a server is started with, checked before anything is touched. */
import { homedir, hostname, networkInterfaces } from "node:os";
import { isIP } from "node:net";
import { resolve } from "node:path";
import { ServerError } from "./errors.ts";

/** The port that clients try when nobody tells them one; Prefect's. */
const DEFAULT_PORT = 4200;

export interface ServerOptions {
  /** Address or name to listen on; loopback unless told otherwise. */
  host?: string;
  /** 0 takes any free port. */
  port?: number;
  /** Where everything durable lies. */
  dataDir?: string;
  /** Every call must carry it; wanted as soon as other machines can reach the server. */
  apiKey?: string;
  /** What secrets in blocks are kept under; one lies in the data folder where none is given. */
  secretsKey?: string;
  /** Earlier keys, separated by commas, with which secrets are still read. */
  secretsOldKeys?: string;
  /** Further `Host` values that are answered, with or without a port; `*` answers all. */
  allowedHosts?: readonly string[];
  /** For how long logs are kept; 30 unless told otherwise. */
  retentionDays?: number;
  /** A finished run moves to its day's journal so long after its last write; an hour unless told otherwise. */
  moveAfterSeconds?: number;
  /** Gets what workerd and the Worker say, as well as the log file. */
  onOutput?: (chunk: Uint8Array) => void;
}

export interface CheckedOptions {
  host: string;
  port: number;
  dataDir: string;
  apiKey: string | undefined;
  secretsKey: string | undefined;
  secretsOldKeys: string | undefined;
  allowedHosts: readonly string[];
  retentionDays: number | undefined;
  moveAfterSeconds: number | undefined;
  onOutput: (chunk: Uint8Array) => void;
}

/** Where the data lies unless told otherwise: `$SLUICE_HOME/data`, else `~/.sluice/data`. */
export function defaultDataDir(env: Readonly<Record<string, string | undefined>> = process.env): string {
  const home = env["SLUICE_HOME"];
  return resolve(home === undefined || home === "" ? resolve(homedir(), ".sluice") : home, "data");
}

/** Fills in the defaults and refuses what would be open to others without a key. */
export function checkOptions(options: ServerOptions): CheckedOptions {
  const { host = "127.0.0.1", port = DEFAULT_PORT, apiKey, allowedHosts = [] } = options;
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new ServerError(`${port} is no port; give --port a number from 0 to 65535.`);
  }
  const key = apiKey === "" ? undefined : apiKey;
  if (!isLoopback(host) && key === undefined) {
    throw new ServerError(
      `Other machines can reach ${host}, so it is served only with a key: set SLUICE_API_KEY to a long random text, here and for every client.`,
    );
  }
  // Headers carry nothing else the same way in every client.
  if (key !== undefined && (key.trim() !== key || !/^[\x20-\x7e]*$/.test(key))) {
    throw new ServerError(
      "SLUICE_API_KEY holds characters that no client can send, or a blank at an end; use ASCII letters, digits and signs.",
    );
  }
  const { retentionDays, moveAfterSeconds } = options;
  if (retentionDays !== undefined && !(retentionDays > 0)) {
    throw new ServerError(
      "Logs are kept for a number of days greater than 0; set SLUICE_RETENTION_DAYS to one.",
    );
  }
  if (moveAfterSeconds !== undefined && !(moveAfterSeconds >= 0)) {
    throw new ServerError(
      "Finished runs move after a number of seconds, 0 or more; set SLUICE_MOVE_AFTER_SECONDS to one.",
    );
  }
  return {
    retentionDays,
    moveAfterSeconds,
    host,
    port,
    dataDir: resolve(options.dataDir ?? defaultDataDir()),
    apiKey: key,
    secretsKey: options.secretsKey || undefined,
    secretsOldKeys: options.secretsOldKeys || undefined,
    allowedHosts,
    onOutput: options.onOutput ?? (() => {}),
  };
}

/** Whether only this machine can reach `host`. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

/** The URL to ask for a server that listens on `host`; one that listens everywhere is asked on loopback. */
export function urlOf(host: string, port: number): string {
  const asked = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
  return `http://${formatHost(asked)}:${port}`;
}

/**
 * The values of `Host` that are answered: the names of this machine on which the server listens, and what the
 * operator adds. `undefined` answers all.
 */
export function listAllowedHosts({ host, port }: { host: string; port: number }, more: readonly string[]) {
  if (more.includes("*")) return undefined;
  const names = new Set(["127.0.0.1", "localhost", "[::1]", formatHost(host)]);
  if (!isLoopback(host)) {
    names.add(hostname());
    if (host === "0.0.0.0" || host === "::") {
      for (const { address } of Object.values(networkInterfaces()).flatMap((list) => list ?? [])) {
        names.add(formatHost(address));
      }
    }
  }
  const allowed = new Set([...names, ...more].map((name) => `${name}:${port}`.toLowerCase()));
  // A client leaves out the port that its scheme implies, and a proxy in front has a port of its own.
  for (const name of port === 80 ? [...names, ...more] : more) allowed.add(name.toLowerCase());
  return [...allowed];
}

function formatHost(host: string): string {
  return isIP(host) === 6 ? `[${host}]` : host;
}

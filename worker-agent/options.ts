/** What an agent is started with, and the defaults. */
import { homedir, hostname } from "node:os";
import { join } from "node:path";
import { authorize, completeApiUrl } from "../src/client/settings.ts";

export interface AgentOptions {
  /** Base URL of the API, as in `PREFECT_API_URL`: `http://127.0.0.1:4200/api`. */
  apiUrl: string;
  /** Sent as `Authorization: Bearer`, as Prefect does with `PREFECT_API_KEY`. */
  apiKey?: string | undefined;
  /** `user:password`, sent as `Authorization: Basic`; wins over `apiKey`, as in Prefect. */
  authString?: string | undefined;
  pool: string;
  /** The worker's name, unique in its pool; default: the value of `WORKER_ID`, else the host's name. */
  name?: string | undefined;
  /** Names of the queues to serve; empty or omitted: all. */
  workQueues?: readonly string[] | undefined;
  /** Runs at the same time at most; null or omitted: as many as the pool gives. */
  limit?: number | null | undefined;
  /** Claim once what is due now, run it to the end, and leave. */
  isRunOnce?: boolean | undefined;
  /** Make the pool when it does not exist, as Prefect's worker does (default true). */
  canCreatePool?: boolean | undefined;
  /** Type of a pool that the agent makes (default `process`). */
  poolType?: string | undefined;
  /** What the agent advertises about its host. */
  labels?: Readonly<Record<string, string>> | undefined;
  /** Where the agent keeps what must outlive it; default `$SLUICE_HOME/worker/<pool>/<name>`, `SLUICE_HOME` being `~/.sluice`. */
  stateDir?: string | undefined;
  /** The environment that children inherit; default: the agent's own. */
  env?: NodeJS.ProcessEnv | undefined;
  /** Length of a session; the server gives up on a silent agent after it (default 60, at least 10). */
  sessionSeconds?: number | undefined;
  /** Seconds between polls without a healthy socket, ± 30 % (default 10). */
  pollSeconds?: number | undefined;
  /** From TERM to KILL when a run is cancelled or the agent is stopped (default 30). */
  graceSeconds?: number | undefined;
  /** After SIGTERM running runs get this long to end by themselves; null: as long as they need (default 600). */
  drainSeconds?: number | null | undefined;
  /** Output beyond this is not sent, only counted (default 32 MiB per run). */
  logBytesMax?: number | undefined;
  /** Serve `GET /health` on this port of the loopback address (0: any free one). */
  healthcheckPort?: number | undefined;
  /** Version that the worker advertises. */
  version?: string | undefined;
  /** Write log lines as JSON objects. */
  isJsonLog?: boolean | undefined;
  /** Where log lines go; default: standard error. */
  writeLog?: ((line: string) => void) | undefined;
}

/** Options with every default filled in. */
export interface Settings {
  apiUrl: string;
  authorization: string | undefined;
  apiKey: string | undefined;
  authString: string | undefined;
  pool: string;
  name: string;
  workQueues: string[];
  limit: number | null;
  isRunOnce: boolean;
  canCreatePool: boolean;
  poolType: string;
  labels: Record<string, string>;
  stateDir: string;
  env: NodeJS.ProcessEnv;
  sessionSeconds: number;
  pollSeconds: number;
  graceMs: number;
  drainMs: number | null;
  logBytesMax: number;
  healthcheckPort: number | undefined;
  version: string | null;
}

/** Fills in the defaults. */
export function resolveSettings(options: AgentOptions): Settings {
  const env = options.env ?? process.env;
  const name = options.name ?? (env["WORKER_ID"] || hostname());
  return {
    apiUrl: completeApiUrl(options.apiUrl),
    authorization: authorize(options),
    apiKey: options.apiKey,
    authString: options.authString,
    pool: options.pool,
    name,
    workQueues: [...(options.workQueues ?? [])],
    limit: options.limit ?? null,
    isRunOnce: options.isRunOnce ?? false,
    canCreatePool: options.canCreatePool ?? true,
    poolType: options.poolType ?? "process",
    labels: { ...options.labels },
    stateDir: options.stateDir ?? defaultStateDir(options, name, env),
    env,
    sessionSeconds: Math.max(10, options.sessionSeconds ?? 60),
    pollSeconds: options.pollSeconds ?? 10,
    graceMs: (options.graceSeconds ?? 30) * 1000,
    drainMs: options.drainSeconds === null ? null : (options.drainSeconds ?? 600) * 1000,
    logBytesMax: options.logBytesMax ?? 32 * 1024 * 1024,
    healthcheckPort: options.healthcheckPort,
    version: options.version ?? null,
  };
}

/** One folder per server, pool and name: what one server gave is never reported to another. */
function defaultStateDir({ apiUrl, pool }: AgentOptions, name: string, env: NodeJS.ProcessEnv): string {
  const server = URL.canParse(apiUrl) ? new URL(apiUrl).host : apiUrl;
  const home = env["SLUICE_HOME"] || join(homedir(), ".sluice");
  return join(home, "worker", fileName(server), fileName(pool), fileName(name));
}

/** Writes a name of a server, pool or worker as the name of one folder. */
function fileName(name: string): string {
  return encodeURIComponent(name).replace(/^\.+$/, (dots) => dots.replaceAll(".", "%2E"));
}

/** Where the server is and who asks, from the environment. Prefect's variables work too, so that one setting serves both. */

/** Where a server listens when nobody says otherwise. */
export const DEFAULT_API_URL = "http://127.0.0.1:4200/api";

export type Environment = Readonly<Record<string, string | undefined>>;

/** Reads the base URL of the API: `SLUICE_API_URL`, `PREFECT_API_URL`, else {@link DEFAULT_API_URL}. */
export function resolveApiUrl(env: Environment): string {
  return completeApiUrl(read(env, "SLUICE_API_URL") ?? read(env, "PREFECT_API_URL") ?? DEFAULT_API_URL);
}

/**
 * Reads the value of the `Authorization` header: `SLUICE_API_KEY` and `PREFECT_API_KEY` go out as Bearer,
 * `SLUICE_API_AUTH_STRING` and `PREFECT_API_AUTH_STRING` (`user:password`) as Basic. Undefined when none is set.
 */
export function resolveAuthorization(env: Environment): string | undefined {
  const authString = read(env, "SLUICE_API_AUTH_STRING") ?? read(env, "PREFECT_API_AUTH_STRING");
  return authorize({ apiKey: resolveApiKey(env), authString });
}

/** Reads the API key, if one is set: `SLUICE_API_KEY`, `PREFECT_API_KEY`. */
export function resolveApiKey(env: Environment): string | undefined {
  return read(env, "SLUICE_API_KEY") ?? read(env, "PREFECT_API_KEY");
}

/** What a caller has to be let in with. */
export interface Credentials {
  apiKey?: string | undefined;
  /** `user:password` */
  authString?: string | undefined;
}

/** Writes the value of the `Authorization` header; as with Prefect's clients, the auth string wins (source: wire §2.2). */
export function authorize({ apiKey, authString }: Credentials): string | undefined {
  if (authString) return `Basic ${Buffer.from(authString).toString("base64")}`;
  return apiKey ? `Bearer ${apiKey}` : undefined;
}

/** Takes the slashes off the end of a base URL, so that paths can be appended; a bare host gets `/api`, where a server has it. */
export function completeApiUrl(url: string): string {
  const isBare = URL.canParse(url) && new URL(url).pathname === "/";
  return url.replace(/\/+$/, "") + (isBare ? "/api" : "");
}

/** Tells whether the environment names a server, rather than leaving it at the default. */
export function namesServer(env: Environment): boolean {
  return (read(env, "SLUICE_API_URL") ?? read(env, "PREFECT_API_URL")) !== undefined;
}

/** An empty variable counts as unset. */
export function read(env: Environment, name: string): string | undefined {
  const value = env[name]?.trim();
  return value === undefined || value === "" ? undefined : value;
}

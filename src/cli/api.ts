/** The server as commands see it: the typed client, and its failures as sentences that name the setting to change. */
import { hostname, userInfo } from "node:os";
import { ERRORS } from "../contract/errors.ts";
import { createClient, isStatus, SluiceApiError, type Client } from "../client/index.ts";
import type { Connection } from "./config/connection.ts";
import { CommandError } from "./framework/errors.ts";

/** Makes the client for one command. */
export function connect(connection: Connection, env: Readonly<Record<string, string | undefined>>): Client {
  return createClient({
    apiUrl: connection.apiUrl,
    // A command answers a person: one refusal to connect is told at once, a busy server is asked a few times.
    retries: 3,
    headers: {
      "user-agent": nameCaller(),
      ...readCustomHeaders(env["PREFECT_CLIENT_CUSTOM_HEADERS"]),
      ...(connection.authorization !== undefined && { authorization: connection.authorization }),
    },
  });
}

/** `sluice-cli alice@head`: the audit list shows who did what by the name that a client has for itself. */
function nameCaller(): string {
  let user = "";
  try {
    user = userInfo().username;
  } catch {
    // Nobody of that number is known here, as in some containers.
  }
  return `sluice-cli ${user}@${hostname()}`.replaceAll(/[^\x20-\x7e]/g, "?").slice(0, 200);
}

/** Reads something that may be missing: undefined for 404. */
export async function find<Value>(promise: Promise<Value>): Promise<Value | undefined> {
  try {
    return await promise;
  } catch (error) {
    if (isStatus(error, 404)) return undefined;
    throw error;
  }
}

/** Rephrases refusals with one status; every other failure passes. */
export async function rephrase<Value>(
  promise: Promise<Value>,
  status: number,
  write: (error: SluiceApiError) => string | Promise<string>,
): Promise<Value> {
  try {
    return await promise;
  } catch (error) {
    if (isStatus(error, status)) throw new CommandError(await write(error));
    throw error;
  }
}

/** One sentence for a failed call, with what to do next; undefined for other errors. */
export function explainApiError(error: unknown, connection: Connection): string | undefined {
  if (!(error instanceof SluiceApiError)) return undefined;
  const { apiUrl, source, authorization } = connection;
  const place = source === "default" ? apiUrl : `${apiUrl} (from ${source})`;
  if (error.code === "unreachable") {
    const isUnknownHost = /ENOTFOUND|EAI_AGAIN/.test(error.message);
    return isUnknownHost
      ? `The host of ${place} is not known; check the address.`
      : `Nothing answers at ${place}; start it with \`sluice server start\` or set SLUICE_API_URL.`;
  }
  if (error.status === 401)
    return authorization === undefined
      ? `The server at ${place} wants a key; set SLUICE_API_KEY to the one it was given.`
      : `The server at ${place} does not accept this key; check SLUICE_API_KEY and SLUICE_API_AUTH_STRING.`;
  if (/ERR_SSL|EPROTO/.test(error.message))
    return `The server at ${place} speaks no TLS; write http:// instead of https://.`;
  if (error.code === "bad_answer" || (error.status >= 500 && error.status !== 503))
    return `What answers at ${place} is no Sluice (${error.message.replace(/\.$/, "")}); check SLUICE_API_URL.`;
  if (error.message.startsWith(ERRORS.unavailable.detail))
    return `The server at ${place} cannot do this now; should it stay so, its log says why.`;
  return error.message;
}

function readCustomHeaders(text: string | undefined): Record<string, string> {
  if (text === undefined || text === "") return {};
  try {
    const value = JSON.parse(text) as Record<string, unknown>;
    return Object.fromEntries(Object.entries(value).map(([key, header]) => [key, String(header)]));
  } catch {
    throw new CommandError("PREFECT_CLIENT_CUSTOM_HEADERS must be a JSON object of headers.");
  }
}

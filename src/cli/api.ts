/** The server as commands see it: JSON in, JSON out, failures as sentences. */
import type { Connection } from "./config/connection.ts";
import { CommandError } from "./framework/errors.ts";

/** The server said no. `detail` is its own text. */
export class ApiFailure extends CommandError {
  readonly status: number;
  readonly detail: string;
  constructor(status: number, detail: string) {
    super(detail);
    this.status = status;
    this.detail = detail;
  }
}

export interface AskOptions {
  body?: unknown;
  query?: Record<string, string | number | boolean | undefined>;
  signal?: AbortSignal;
  timeoutSeconds?: number;
}

/** Refusals that are worth asking again for, as Prefect's clients do (source: wire §2.5). */
const RETRYABLE: ReadonlySet<number> = new Set([408, 429, 502, 503]);
const ATTEMPTS_MAX = 4;
const TIMEOUT_SECONDS = 60;

/** Writes a path with its parts quoted: `` path`/work_pools/${name}` ``. */
export function path(strings: TemplateStringsArray, ...parts: string[]): string {
  return String.raw({ raw: strings.raw }, ...parts.map((part) => encodeURIComponent(part)));
}

export class Api {
  readonly connection: Connection;
  readonly #customHeaders: Record<string, string>;

  constructor(connection: Connection, env: Readonly<Record<string, string | undefined>>) {
    this.connection = connection;
    this.#customHeaders = readCustomHeaders(env["PREFECT_CLIENT_CUSTOM_HEADERS"]);
  }

  get<Value>(path: string, options: AskOptions = {}): Promise<Value> {
    return this.#ask("GET", path, options);
  }

  post<Value>(path: string, body: unknown = {}, options: AskOptions = {}): Promise<Value> {
    return this.#ask("POST", path, { ...options, body });
  }

  async patch(path: string, body: unknown): Promise<void> {
    await this.#ask("PATCH", path, { body });
  }

  async delete(path: string, options: AskOptions = {}): Promise<void> {
    await this.#ask("DELETE", path, options);
  }

  /** Reads something that may be missing: undefined for 404. */
  async find<Value>(path: string): Promise<Value | undefined> {
    try {
      return await this.get<Value>(path);
    } catch (error) {
      if (error instanceof ApiFailure && error.status === 404) return undefined;
      throw error;
    }
  }

  async #ask<Value>(method: string, path: string, options: AskOptions): Promise<Value> {
    const url = new URL(this.connection.apiUrl + path);
    for (const [key, value] of Object.entries(options.query ?? {}))
      if (value !== undefined) url.searchParams.set(key, String(value));
    const headers: Record<string, string> = { Accept: "application/json", "User-Agent": "sluice-cli" };
    Object.assign(headers, this.#customHeaders);
    if (this.connection.authorization !== undefined) headers["Authorization"] = this.connection.authorization;
    if (options.body !== undefined) headers["Content-Type"] = "application/json";
    for (let attempt = 1; ; attempt += 1) {
      const response = await this.#send(url, {
        method,
        headers,
        signal: AbortSignal.any([
          AbortSignal.timeout((options.timeoutSeconds ?? TIMEOUT_SECONDS) * 1000),
          ...(options.signal === undefined ? [] : [options.signal]),
        ]),
        ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
      });
      if (response.ok) return (await readBody(response)) as Value;
      const detail = explainBody(await readBody(response).catch(() => undefined));
      const isConfigured = response.status !== 503 || !detail.includes("wrangler secret put");
      if (RETRYABLE.has(response.status) && isConfigured && attempt < ATTEMPTS_MAX) {
        await pause(readRetryAfterMs(response, attempt), options.signal);
        continue;
      }
      throw this.#explain(response.status, detail);
    }
  }

  async #send(url: URL, init: RequestInit): Promise<Response> {
    try {
      return await fetch(url, init);
    } catch (error) {
      if (error instanceof Error && error.name === "AbortError") throw error;
      const { apiUrl, source } = this.connection;
      const from = source === "default" ? "" : ` (from ${source})`;
      if (error instanceof Error && error.name === "TimeoutError")
        throw new CommandError(`${apiUrl}${from} did not answer within the time allowed; try again.`);
      const code = findCode(error);
      if (code === "ENOTFOUND" || code === "EAI_AGAIN")
        throw new CommandError(`The host of ${apiUrl}${from} is not known; check the address.`);
      const advice = "start it with `sluice server start` or set SLUICE_API_URL";
      if (code === "ECONNREFUSED") throw new CommandError(`Nothing answers at ${apiUrl}${from}; ${advice}.`);
      throw new CommandError(`${apiUrl}${from} cannot be reached (${code}); ${advice}.`);
    }
  }

  #explain(status: number, detail: string): ApiFailure {
    const { apiUrl, source } = this.connection;
    if (status === 401) {
      const advice =
        this.connection.authorization === undefined
          ? "it wants a key: set SLUICE_API_KEY"
          : "it does not accept the key in SLUICE_API_KEY or SLUICE_API_AUTH_STRING";
      return new ApiFailure(status, `${apiUrl} refused the call; ${advice}.`);
    }
    if (detail === "")
      return new ApiFailure(
        status,
        `${apiUrl}${source === "default" ? "" : ` (from ${source})`} answered ${status} and no reason; is it the API of a Sluice server?`,
      );
    return new ApiFailure(status, detail);
  }
}

/** Rephrases a refusal of one status; every other failure passes. */
export async function rephrase<Value>(
  promise: Promise<Value>,
  status: number,
  write: (failure: ApiFailure) => string | Promise<string>,
): Promise<Value> {
  try {
    return await promise;
  } catch (error) {
    if (error instanceof ApiFailure && error.status === status)
      throw new ApiFailure(status, await write(error));
    throw error;
  }
}

async function readBody(response: Response): Promise<unknown> {
  const text = await response.text();
  if (text === "") return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** One sentence out of the error shapes of the API (source: wire §2.8). */
export function explainBody(body: unknown): string {
  if (typeof body !== "object" || body === null) return "";
  const { detail, exception_message: message, exception_detail: faults } = body as Record<string, unknown>;
  const list = Array.isArray(faults) ? faults : Array.isArray(detail) ? detail : undefined;
  if (list !== undefined && list.length > 0) return endSentence(list.map(explainFault).join("; "));
  if (typeof detail === "string") return endSentence(detail);
  return typeof message === "string" ? endSentence(message) : "";
}

function explainFault(fault: unknown): string {
  const { loc, msg } = (fault ?? {}) as { loc?: unknown; msg?: unknown };
  const place = (Array.isArray(loc) ? loc : []).filter((part) => part !== "body").join(".");
  const text = typeof msg === "string" ? msg : "invalid";
  return place === "" ? text : `${place}: ${text}`;
}

function endSentence(text: string): string {
  return /[.!?]$/.test(text) || text === "" ? text : `${text}.`;
}

function readRetryAfterMs(response: Response, attempt: number): number {
  const seconds = Number(response.headers.get("retry-after") ?? Number.NaN);
  const fallback = 0.25 * 2 ** attempt;
  return Math.min(Number.isFinite(seconds) ? seconds : fallback, 30) * 1000;
}

/** Waits; ends early, by throwing the reason, when the signal aborts. */
export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  const { setTimeout } = await import("node:timers/promises");
  await setTimeout(ms, undefined, signal === undefined ? {} : { signal });
}

function findCode(error: unknown): string {
  for (let current = error; current instanceof Error; current = current.cause) {
    const { code } = current as NodeJS.ErrnoException;
    if (code !== undefined) return code;
    if (current instanceof AggregateError) return findCode(current.errors[0]);
  }
  return error instanceof Error ? error.message : String(error);
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

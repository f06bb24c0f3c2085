/**
 * The connection to one API: kept-alive, with a deadline on every call, and patient where being patient is safe.
 * What a call means is for the resources beside this file to say.
 */
import { Agent, type Dispatcher } from "undici";
import { RUN_IDENTITY_HEADER } from "../contract/headers.ts";
import { backoffMs, pause } from "./backoff.ts";
import { describeRefusal, describeTransportFailure, SluiceApiError } from "./errors.ts";
import {
  authorize,
  completeApiUrl,
  read,
  resolveApiUrl,
  resolveAuthorization,
  type Environment,
} from "./settings.ts";

export interface HttpOptions {
  /** Base URL; a bare host gets `/api`. Default: the environment's, see {@link resolveApiUrl}. */
  apiUrl?: string | undefined;
  /** Sent as Bearer. Default: the environment's auth string, else its key; see {@link resolveAuthorization}. */
  apiKey?: string | undefined;
  /** Sent with every call. */
  headers?: Readonly<Record<string, string>> | undefined;
  /** How long one call may take, when it does not say so itself. */
  timeoutSeconds?: number | undefined;
  /** How many times a call that may be repeated is repeated. */
  retries?: number | undefined;
  /** Where the defaults and the run's identity come from (default: the process's environment). */
  env?: Environment | undefined;
}

export interface CallOptions {
  /** Appended to the path; undefined values are left out. */
  query?: Readonly<Record<string, string | number | boolean | undefined>> | undefined;
  /** Sent as JSON. */
  body?: unknown;
  headers?: Readonly<Record<string, string>> | undefined;
  /**
   * Whether sending this twice is the same as sending it once. Default: every method but POST. A POST is, when it only
   * reads or carries a request id, an idempotency key or an attempt id.
   */
  isRepeatable?: boolean | undefined;
  /** How long this call may take, all of it, repetitions not counted. */
  timeoutSeconds?: number | undefined;
  retries?: number | undefined;
  signal?: AbortSignal | undefined;
}

export interface HttpAnswer {
  status: number;
  headers: Dispatcher.ResponseData["headers"];
  /** The body as it came. */
  text: string;
}

/** What is kept for a connection beside its requests. */
export interface Shared {
  /** Ends once the calls in progress have ended. */
  close(): Promise<void>;
  /** Ends at once. */
  destroy(): void;
}

/** For calls that work is lost without: together these repetitions last for about a minute and a half. */
export const PATIENT_RETRIES = 30;

const TIMEOUT_SECONDS = 30;
const RETRIES = 5;
/** A run outlives a restart of the server that made it: about 40 s of trying. */
const RETRIES_IN_RUN = 12;
const FIRST_DELAY_MS = 100;
const DELAY_MS_MAX = 5000;
/** A server that wants to be left alone for longer than this is not waited for. */
const RETRY_AFTER_SECONDS_MAX = 60;
const KEEP_ALIVE_MS = 25_000;
/** The statuses that Prefect's clients repeat too (source: wire §2.5). */
const RETRIED_STATUSES: ReadonlySet<number> = new Set([408, 429, 502, 503]);

/** Calls one API over HTTP. Cheap to keep, and it does not keep a process alive. */
export class Http {
  readonly apiUrl: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #timeoutSeconds: number;
  readonly #retries: number;
  readonly #agent = new Agent({
    keepAliveTimeout: KEEP_ALIVE_MS,
    pipelining: 1,
    connect: { timeout: 5000 },
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  readonly #shared = new Map<unknown, Shared>();
  /** A refused connection is worth repeating only where somebody has answered before; a run's server has made it. */
  #hasAnswered: boolean;

  constructor(options: HttpOptions = {}) {
    const env = options.env ?? process.env;
    this.apiUrl = completeApiUrl(options.apiUrl ?? resolveApiUrl(env));
    if (!URL.canParse(this.apiUrl))
      throw new TypeError(
        `"${this.apiUrl}" is no URL; the API's address looks like http://127.0.0.1:4200/api.`,
      );
    const authorization =
      options.apiKey === undefined ? resolveAuthorization(env) : authorize({ apiKey: options.apiKey });
    const run = read(env, "SLUICE_RUN");
    this.#hasAnswered = run !== undefined;
    this.#headers = {
      accept: "application/json",
      "user-agent": "sluice-client",
      ...(authorization !== undefined && { authorization }),
      ...(run !== undefined && { [RUN_IDENTITY_HEADER.toLowerCase()]: run }),
      ...lowerKeys(options.headers ?? {}),
    };
    this.#timeoutSeconds = options.timeoutSeconds ?? TIMEOUT_SECONDS;
    this.#retries = options.retries ?? (run === undefined ? RETRIES : RETRIES_IN_RUN);
  }

  /** The headers that go out with every call, the authorization among them: for sockets, which are opened elsewhere. */
  get headers(): Readonly<Record<string, string>> {
    return this.#headers;
  }

  /** Opens connections for sockets of this API. */
  get dispatcher(): Dispatcher {
    return this.#agent;
  }

  /** The one of its kind that all share who use this connection; it is made for the first, and closed with it. */
  share<Kind extends Shared>(kind: new (http: Http) => Kind): Kind {
    const shared = (this.#shared.get(kind) as Kind | undefined) ?? new kind(this);
    this.#shared.set(kind, shared);
    return shared;
  }

  /** The address of a socket of this API. */
  socketUrl(path: string): string {
    return this.apiUrl.replace(/^http/, "ws") + path;
  }

  get<Answer>(path: string, options: CallOptions = {}): Promise<Answer> {
    return this.call("GET", path, options);
  }

  post<Answer>(path: string, body: unknown, options: CallOptions = {}): Promise<Answer> {
    return this.call("POST", path, { ...options, body });
  }

  /** A POST that changes nothing, so it may be repeated. */
  query<Answer>(path: string, body: unknown, options: CallOptions = {}): Promise<Answer> {
    return this.call("POST", path, { isRepeatable: true, ...options, body });
  }

  patch<Answer>(path: string, body: unknown, options: CallOptions = {}): Promise<Answer> {
    return this.call("PATCH", path, { ...options, body });
  }

  delete<Answer>(path: string, options: CallOptions = {}): Promise<Answer> {
    return this.call("DELETE", path, options);
  }

  /** Makes one call and reads its JSON answer, undefined where it has none. Throws as {@link send} does. */
  async call<Answer>(method: Method, path: string, options: CallOptions = {}): Promise<Answer> {
    const { text, status } = await this.send(method, path, options);
    return parseAnswer<Answer>(text, status, this.apiUrl);
  }

  /**
   * Makes one call, and repeats it where that is safe and may help. Throws {@link SluiceApiError}, or the signal's
   * reason when it was aborted.
   */
  async send(method: Method, path: string, options: CallOptions = {}): Promise<HttpAnswer> {
    const isRepeatable = options.isRepeatable ?? method !== "POST";
    const retries = options.retries ?? this.#retries;
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await this.#attempt(method, path, options);
      } catch (error) {
        options.signal?.throwIfAborted();
        if (!(error instanceof SluiceApiError) || attempt >= retries) throw error;
        if (!isRepeatable && !this.#wasSurelyNotTaken(error)) throw error;
        const delayMs = this.#delayBefore(attempt, error);
        if (delayMs === undefined) throw error;
        await pause(delayMs, options.signal);
        options.signal?.throwIfAborted();
      }
    }
  }

  /** Closes the connections once the calls in progress have ended. */
  async close(): Promise<void> {
    await Promise.all([...this.#shared.values()].map((shared) => shared.close()));
    await this.#agent.close();
  }

  /** Closes the connections at once; calls in progress fail. */
  async destroy(): Promise<void> {
    for (const shared of this.#shared.values()) shared.destroy();
    await this.#agent.destroy();
  }

  async #attempt(method: Method, path: string, options: CallOptions): Promise<HttpAnswer> {
    const timeout = AbortSignal.timeout(Math.ceil((options.timeoutSeconds ?? this.#timeoutSeconds) * 1000));
    const signal = options.signal === undefined ? timeout : AbortSignal.any([options.signal, timeout]);
    let answer: Dispatcher.ResponseData;
    let text: string;
    try {
      answer = await this.#agent.request({
        ...splitUrl(this.apiUrl + path + writeQuery(options.query)),
        method,
        headers: {
          ...this.#headers,
          ...lowerKeys(options.headers ?? {}),
          ...(options.body !== undefined && { "content-type": "application/json" }),
        },
        body: options.body === undefined ? null : JSON.stringify(options.body),
        signal,
      });
      text = await answer.body.text();
    } catch (error) {
      options.signal?.throwIfAborted();
      throw describeTransportFailure(
        timeout.aborted ? Object.assign(new Error("deadline"), { code: "UND_ERR_HEADERS_TIMEOUT" }) : error,
        this.apiUrl,
      );
    }
    this.#hasAnswered = true;
    if (answer.statusCode >= 400) {
      throw describeRefusal(
        { status: answer.statusCode, text, retryAfterSeconds: readRetryAfter(answer.headers["retry-after"]) },
        { method, path, apiUrl: this.apiUrl },
      );
    }
    return { status: answer.statusCode, headers: answer.headers, text };
  }

  /** A connection that was refused, and an answer that says "not now", have changed nothing. */
  #wasSurelyNotTaken(error: SluiceApiError): boolean {
    return error.code === "unreachable" || error.status === 429;
  }

  /** Milliseconds to wait before the call is repeated; undefined when repeating it is no use. */
  #delayBefore(attempt: number, error: SluiceApiError): number | undefined {
    if (error.status === 0) {
      if (error.code === "unreachable" && !this.#hasAnswered) return undefined;
    } else if (!RETRIED_STATUSES.has(error.status) || error.code === "not_configured") return undefined;
    const { retryAfterSeconds = 0 } = error;
    if (retryAfterSeconds > RETRY_AFTER_SECONDS_MAX) return undefined;
    return backoffMs(attempt + 1, { baseMs: FIRST_DELAY_MS, maxMs: DELAY_MS_MAX, retryAfterSeconds });
  }
}

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** Writes one path segment; names may hold anything but a slash. */
export function segment(name: string): string {
  return encodeURIComponent(name);
}

function splitUrl(url: string): { origin: string; path: string } {
  const { origin, pathname, search } = new URL(url);
  return { origin, path: pathname + search };
}

function writeQuery(query: CallOptions["query"]): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {}))
    if (value !== undefined) search.append(name, String(value));
  return search.size === 0 ? "" : `?${search.toString()}`;
}

function lowerKeys(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

function readRetryAfter(header: string | string[] | undefined): number | undefined {
  const seconds = Number(Array.isArray(header) ? header[0] : (header ?? "none"));
  return Number.isFinite(seconds) && seconds >= 0 ? seconds : undefined;
}

function parseAnswer<Answer>(text: string, status: number, apiUrl: string): Answer {
  try {
    return (text === "" ? undefined : JSON.parse(text)) as Answer;
  } catch (error) {
    throw new SluiceApiError({
      status,
      code: "bad_answer",
      message: `What answers at ${apiUrl} is no Sluice server: its answer is not JSON.`,
      cause: error,
    });
  }
}

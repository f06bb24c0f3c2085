/** Calls of the control plane's API through undici: one pool of kept connections, bounded times, errors as two classes. */
import { Agent, request } from "undici";

const CONNECT_MS = 10_000;
const ANSWER_MS = 30_000;
const KEEP_ALIVE_MS = 25_000;
const CONNECTIONS = 16;

/** The server answered, and not with what was asked for. */
export class RefusedError extends Error {
  readonly status: number;
  readonly retryAfterMs: number | undefined;

  constructor(status: number, detail: string, retryAfterMs?: number) {
    super(detail);
    this.name = "RefusedError";
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }

  /** Whether the same call may succeed later without anybody changing anything. */
  get isRetryable(): boolean {
    return this.status === 408 || this.status === 429 || this.status >= 500;
  }
}

/** No answer came: refused, reset, timed out. What the call did on the server is unknown. */
export class UnreachableError extends Error {
  constructor(url: string, cause: unknown) {
    super(`no answer from ${url} (${describeCause(cause)})`, { cause });
    this.name = "UnreachableError";
  }
}

export interface CallOptions {
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
  timeoutMs?: number;
}

export interface Http {
  /** Calls a path of the API and returns the parsed JSON answer, null for an empty one. Throws the errors above. */
  call(method: "GET" | "POST" | "DELETE" | "PATCH", path: string, options?: CallOptions): Promise<unknown>;
  close(): Promise<void>;
}

/** Makes the caller for one API base URL. */
export function createHttp(apiUrl: string, authorization: string | undefined, userAgent: string): Http {
  const dispatcher = new Agent({
    connections: CONNECTIONS,
    connect: { timeout: CONNECT_MS },
    keepAliveTimeout: KEEP_ALIVE_MS,
    pipelining: 1,
  });
  return {
    async call(method, path, { body, headers = {}, signal, timeoutMs = ANSWER_MS } = {}) {
      let status: number;
      let text: string;
      let retryAfter: string | string[] | undefined;
      try {
        const answer = await request(`${apiUrl}${path}`, {
          method,
          dispatcher,
          headersTimeout: timeoutMs,
          bodyTimeout: timeoutMs,
          ...(signal === undefined ? {} : { signal }),
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
          headers: {
            "user-agent": userAgent,
            accept: "application/json",
            ...(body === undefined ? {} : { "content-type": "application/json" }),
            ...(authorization === undefined ? {} : { authorization }),
            ...headers,
          },
        });
        status = answer.statusCode;
        retryAfter = answer.headers["retry-after"];
        text = await answer.body.text();
      } catch (error) {
        throw new UnreachableError(apiUrl, error);
      }
      if (status < 400) return parseJson(text) ?? null;
      const seconds = Number(Array.isArray(retryAfter) ? retryAfter[0] : retryAfter);
      throw new RefusedError(
        status,
        readDetail(text, status),
        Number.isFinite(seconds) ? seconds * 1000 : undefined,
      );
    },
    close: () => dispatcher.destroy(),
  };
}

/** Names a fault of any kind in one sentence. */
export function describeError(error: unknown): string {
  if (error instanceof RefusedError) return `the server answered ${error.status}: ${error.message}`;
  return error instanceof Error ? error.message : String(error);
}

function describeCause(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  const code = "code" in cause && typeof cause.code === "string" ? cause.code : undefined;
  return code ?? (cause.message || cause.name);
}

function parseJson(text: string): unknown {
  if (text === "") return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** The server's own words, from any of Prefect's shapes of an error. */
function readDetail(text: string, status: number): string {
  const body = parseJson(text);
  if (typeof body === "object" && body !== null) {
    if ("detail" in body && typeof body.detail === "string") return body.detail;
    if ("exception_detail" in body && Array.isArray(body.exception_detail))
      return JSON.stringify(body.exception_detail).slice(0, 500);
    if ("exception_message" in body && typeof body.exception_message === "string")
      return body.exception_message;
  }
  return text.slice(0, 200) || `status ${status}`;
}

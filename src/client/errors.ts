/** What can go wrong between a client and the server, each as one plain sentence. */
import { ERRORS, TOO_MANY_SLOTS, type ValidationFault } from "../contract/errors.ts";

/** The server refused a call, or no answer came. `message` is a sentence for people. */
export class SluiceApiError extends Error {
  /** HTTP status; 0 when no answer came. */
  readonly status: number;
  /**
   * A code of the contract's registry as far as the status tells it, or why there is no answer: `unreachable`,
   * `interrupted`, `timed_out`, `bad_answer`.
   */
  readonly code: string | undefined;
  /** What the server said: a sentence, or the list of faults of a request that does not fit its schema. */
  readonly detail: string | ValidationFault[];
  /** Float seconds after which the same call may succeed, where the server says so. */
  readonly retryAfterSeconds: number | undefined;

  constructor(fields: {
    message: string;
    status: number;
    code?: string | undefined;
    detail?: string | ValidationFault[];
    retryAfterSeconds?: number | undefined;
    cause?: unknown;
  }) {
    super(fields.message, fields.cause === undefined ? undefined : { cause: fields.cause });
    this.name = "SluiceApiError";
    this.status = fields.status;
    this.code = fields.code;
    this.detail = fields.detail ?? fields.message;
    this.retryAfterSeconds = fields.retryAfterSeconds;
  }

  /** Whether the server has said no, and will say so again until somebody changes something. */
  get isFinal(): boolean {
    return this.status >= 400 && this.status < 500 && !PASSING_STATUSES.has(this.status);
  }
}

/** Tells whether an error is the server's refusal with that status. */
export function isStatus(error: unknown, status: number): error is SluiceApiError {
  return error instanceof SluiceApiError && error.status === status;
}

/** Says why no answer came; `error` is what undici or the socket threw. */
export function describeTransportFailure(error: unknown, apiUrl: string): SluiceApiError {
  const systemCode = codeOf(error);
  if (UNREACHABLE.has(systemCode)) {
    return new SluiceApiError({
      status: 0,
      code: "unreachable",
      message: `No Sluice server answers at ${apiUrl} (${systemCode}); start one with \`sluice server start\`, or set SLUICE_API_URL to where it runs.`,
      cause: error,
    });
  }
  if (TIMED_OUT.has(systemCode)) {
    return new SluiceApiError({
      status: 0,
      code: "timed_out",
      message: `The server at ${apiUrl} did not answer in time.`,
      cause: error,
    });
  }
  return new SluiceApiError({
    status: 0,
    code: "interrupted",
    message: `The connection to the server at ${apiUrl} broke before it answered (${systemCode || String(error)}).`,
    cause: error,
  });
}

/** Reads the server's refusal. `text` is the body as it came. */
export function describeRefusal(
  answer: { status: number; text: string; retryAfterSeconds: number | undefined },
  call: { method: string; path: string; apiUrl: string },
): SluiceApiError {
  const detail = readDetail(answer.text);
  return new SluiceApiError({
    status: answer.status,
    code: codeOfStatus(answer.status, detail),
    ...(detail !== undefined && { detail }),
    retryAfterSeconds: answer.retryAfterSeconds,
    message: writeSentence(answer.status, detail, call),
  });
}

/** Refusals that only say "not now". */
const PASSING_STATUSES: ReadonlySet<number> = new Set([408, 423, 429]);
const UNREACHABLE: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
]);
const TIMED_OUT: ReadonlySet<string> = new Set([
  "UND_ERR_HEADERS_TIMEOUT",
  "UND_ERR_BODY_TIMEOUT",
  "ETIMEDOUT",
]);

/** Reads the system's or undici's code off an error, also from inside an AggregateError of several addresses. */
function codeOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors[0]);
  if (typeof error !== "object" || error === null) return "";
  if ("code" in error && typeof error.code === "string") return error.code;
  return "cause" in error ? codeOf(error.cause) : "";
}

function readDetail(text: string): string | ValidationFault[] | undefined {
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body !== "object" || body === null) return undefined;
    if ("detail" in body && (typeof body.detail === "string" || isFaults(body.detail))) return body.detail;
    if ("exception_detail" in body && isFaults(body.exception_detail)) return body.exception_detail;
    if ("exception_message" in body && typeof body.exception_message === "string")
      return body.exception_message;
  } catch {
    // Not JSON: a proxy in between answered. Its page is no sentence, so the status alone is reported.
  }
  return undefined;
}

function isFaults(value: unknown): value is ValidationFault[] {
  return Array.isArray(value) && value.every((fault) => typeof fault === "object" && fault !== null);
}

function codeOfStatus(status: number, detail: string | ValidationFault[] | undefined): string | undefined {
  if (status === 503 && detail === ERRORS.not_configured.detail) return "not_configured";
  return Object.entries(ERRORS).find(([, kind]) => kind.status === status)?.[0];
}

function writeSentence(
  status: number,
  detail: string | ValidationFault[] | undefined,
  { method, path, apiUrl }: { method: string; path: string; apiUrl: string },
): string {
  if (status === 401)
    return `The server at ${apiUrl} wants an API key; set SLUICE_API_KEY to the one it was given.`;
  if (typeof detail === "object") {
    const faults = detail.map(({ loc, msg }) => `${loc?.slice(1).join(".") || "request"}: ${msg}`);
    return `The server does not accept the request: ${endSentence(faults.join("; "))}`;
  }
  if (status === 404 && (detail === undefined || detail === ERRORS.not_found.detail))
    return `The server at ${apiUrl} knows nothing of ${path}; check that the address is a Sluice's and ends in /api.`;
  if (detail === undefined) return `The server answered ${method} ${path} with status ${status}.`;
  return explainDetail(detail);
}

/** The server's detail as a sentence, with the next step where Prefect's own words name none. */
export function explainDetail(detail: string): string {
  if (detail === TOO_MANY_SLOTS)
    return `More slots are asked for than the limit has (\`sluice gcl ls\` shows it); ask for fewer, or raise it with \`sluice gcl update NAME --limit N\`.`;
  return endSentence(detail);
}

function endSentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

/** The one registry of errors: what each code means on the wire and whether trying again can help. */

interface ErrorKind {
  /** HTTP status. Internal trouble is 503, never 500: Prefect's clients retry the former and die of the latter. */
  status: 400 | 401 | 403 | 404 | 409 | 410 | 413 | 415 | 422 | 423 | 429 | 503;
  is_retryable: boolean;
  /** What the answer says when the place that refuses has nothing more exact to say. */
  detail: string;
}

export const ERRORS = {
  bad_request: { status: 400, is_retryable: false, detail: "The request cannot be read." },
  unauthorized: { status: 401, is_retryable: false, detail: "Unauthorized" },
  forbidden: { status: 403, is_retryable: false, detail: "This is not allowed." },
  not_found: { status: 404, is_retryable: false, detail: "Not Found" },
  conflict: { status: 409, is_retryable: false, detail: "This conflicts with what exists." },
  gone: { status: 410, is_retryable: false, detail: "This has ended and cannot be used any more." },
  body_too_large: { status: 413, is_retryable: false, detail: "The request body is too large." },
  invalid: { status: 422, is_retryable: false, detail: "Invalid request received." },
  locked: { status: 423, is_retryable: true, detail: "Locked" },
  overloaded: {
    status: 429,
    is_retryable: true,
    detail: "Too many requests are waiting here; try again later.",
  },
  unavailable: { status: 503, is_retryable: true, detail: "Service Unavailable" },
  not_configured: {
    status: 503,
    is_retryable: false,
    detail: "This Sluice has no API key yet; set one with `wrangler secret put SLUICE_API_KEY`.",
  },
} as const satisfies Record<string, ErrorKind>;
export type ErrorCode = keyof typeof ERRORS;

/** What Prefect's server says when a name is taken or something that is referred to is missing (source: wire §2.8). */
export const INTEGRITY_CONFLICT =
  "Data integrity conflict. This usually means a unique or foreign key constraint was violated. See server logs for details.";

/** What Prefect's server says of an acquire that can never be granted, and its clients look for (source: wire §3.10). */
export const TOO_MANY_SLOTS = "Slots requested is greater than the limit";

/** One fault in a request body, query or path, in the form that Prefect's clients print. */
export interface ValidationFault {
  type: string;
  loc: (string | number)[];
  msg: string;
  /** What was sent there, where it may be sent back. */
  input?: unknown;
  /** The bound that was passed. */
  ctx?: Record<string, unknown>;
}

/** A refusal as a value: it crosses RPC, exceptions do not. */
export interface Refusal {
  code: ErrorCode;
  detail: string;
  /** Present for `invalid` when single fields are at fault. */
  faults?: ValidationFault[];
  /** What was sent, as far as it may be sent back. */
  request_body?: unknown;
  /** Float seconds after which the same call may succeed. */
  retry_after_seconds?: number;
}

export type Result<Value> = { ok: true; value: Value } | { ok: false; error: Refusal };

/** Makes the result of a call that did what was asked. */
export function accept<Value>(value: Value): Result<Value> {
  return { ok: true, value };
}

/** Makes the result of a call that was refused and changed nothing. */
export function refuse(
  code: ErrorCode,
  detail?: string,
  more: Pick<Refusal, "faults" | "request_body" | "retry_after_seconds"> = {},
): { ok: false; error: Refusal } {
  return { ok: false, error: { code, detail: detail ?? ERRORS[code].detail, ...more } };
}

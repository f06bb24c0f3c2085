/** Calls of the public API, as a script would make them. */
import { NOW_HEADER } from "../../contract/headers.ts";
import { serverClock } from "./server-clock.ts";

const KEY = "sluice.key";

/** One thing that is wrong with what was sent, and where: `["body", "name"]`. */
export interface Fault {
  loc: (string | number)[];
  msg: string;
}

/** A call that was refused, or that nobody answered (`status` 0). */
export class ApiError extends Error {
  readonly status: number;
  /** What is wrong with single fields, where the server says so. */
  readonly faults: readonly Fault[];
  constructor(status: number, message: string, faults: readonly Fault[] = []) {
    super(message);
    this.status = status;
    this.faults = faults;
  }
}

export interface Request {
  method: "GET" | "POST" | "PATCH" | "PUT" | "DELETE";
  /** Below `/api`. */
  path: string;
  body?: unknown;
}

export interface Answer {
  value: unknown;
  /** The objects that had a say in the answer, `<kind>/<key>`: when one of them changes, so may the answer. */
  objects: string[];
}

/** The key that this browser was given; it never leaves in a URL. */
export function readKey(): string | null {
  return localStorage.getItem(KEY);
}

export function keepKey(key: string): void {
  localStorage.setItem(KEY, key);
}

export function forgetKey(): void {
  localStorage.removeItem(KEY);
}

function authorize(): Record<string, string> {
  const key = readKey();
  if (key === null) return {};
  // As `PREFECT_API_AUTH_STRING` is sent; in this form a key may have any characters.
  return { Authorization: `Basic ${btoa(String.fromCharCode(...new TextEncoder().encode(key)))}` };
}

/**
 * Makes a call. With `watchSeconds` the objects that it asks tell of their changes for so long, see `live.ts`.
 * @throws {ApiError} when it is refused, or nobody answers.
 */
export async function send(request: Request, watchSeconds?: number): Promise<Answer> {
  const response = await call(request, watchSeconds);
  const objects = response.headers.get("Sluice-Objects");
  return {
    value: parse(await response.text()),
    objects: objects === null || objects === "" ? [] : objects.split(","),
  };
}

/**
 * Reads what is no JSON.
 * @throws {ApiError} when it is refused, or nobody answers.
 */
export async function sendForText(path: string): Promise<string> {
  const response = await call({ method: "GET", path });
  return response.text();
}

async function call({ method, path, body }: Request, watchSeconds?: number): Promise<Response> {
  let response: Response;
  const askedAt = performance.now();
  try {
    response = await fetch(`/api${path}`, {
      method,
      headers: {
        ...authorize(),
        ...(body !== undefined && { "Content-Type": "application/json" }),
        ...(watchSeconds !== undefined && { "Sluice-Watch": String(watchSeconds) }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  } catch {
    throw new ApiError(0, "The server does not answer.");
  }
  const now = response.headers.get(NOW_HEADER);
  if (now !== null) serverClock.note(Number(now), Date.now(), performance.now() - askedAt);
  if (response.ok) return response;
  const value = parse(await response.text());
  const { exception_detail: faults = [] } = (value ?? {}) as { exception_detail?: Fault[] };
  throw new ApiError(response.status, describeRefusal(value, response), faults);
}

function parse(text: string): unknown {
  try {
    return text === "" ? null : JSON.parse(text);
  } catch {
    return null;
  }
}

function describeRefusal(value: unknown, response: Response): string {
  const { detail, exception_message, exception_detail } = (value ?? {}) as {
    detail?: unknown;
    exception_message?: unknown;
    exception_detail?: Fault[];
  };
  const [fault] = exception_detail ?? [];
  if (fault !== undefined) return `${fault.loc.slice(1).join(".")}: ${fault.msg}`;
  for (const text of [detail, exception_message]) if (typeof text === "string") return text;
  return `The server refused this (${response.status} ${response.statusText}).`;
}

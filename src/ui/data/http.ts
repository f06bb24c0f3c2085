/** Calls of the public API, as a script would make them. */
import { NOW_HEADER } from "../../contract/headers.ts";
import { serverClock } from "./server-clock.ts";

const KEY = "sluice.key";
/** Of what is silent for so long, before its answer or in it, no more comes; one that is slow goes on. */
const SILENT_MS = 30_000;
const CUT_OFF = "The answer of the server was cut off.";

/** One thing that is wrong with what was sent, and where: `["body", "name"]`. */
export interface Fault {
  loc: (string | number)[];
  msg: string;
}

/** A call that was refused, or that nobody answered in full (`status` 0). */
export class ApiError extends Error {
  readonly status: number;
  /** What is wrong with single fields, where the server says so. */
  readonly faults: readonly Fault[];
  constructor(status: number, message: string, faults: readonly Fault[] = []) {
    super(message);
    this.status = status;
    this.faults = faults;
  }

  /** The same call may be answered the next time. */
  get isPassing(): boolean {
    return this.status === 0 || this.status >= 500 || this.status === 429;
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
  try {
    return localStorage.getItem(KEY);
  } catch {
    // A browser that keeps nothing for this page has no key.
    return null;
  }
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

interface Asking {
  /** The objects that it asks tell of their changes for so long, see `live.ts`. */
  watchSeconds?: number;
  /** Gives it up. */
  signal?: AbortSignal;
}

/**
 * Makes a call.
 * @throws {ApiError} when it is refused, or not answered in full.
 */
export async function send(request: Request, asking?: Asking): Promise<Answer> {
  const { headers, text } = await call(request, asking);
  const value = parse(text);
  // Some proxies end what they could not read to its end as if that were all.
  if (value === undefined) throw new ApiError(0, CUT_OFF);
  const objects = headers.get("Sluice-Objects");
  return { value, objects: objects === null || objects === "" ? [] : objects.split(",") };
}

/**
 * Reads what is no JSON.
 * @throws {ApiError} when it is refused, or not answered in full.
 */
export async function sendForText(path: string): Promise<string> {
  return (await call({ method: "GET", path })).text;
}

interface Heard {
  headers: Headers;
  text: string;
}

async function call({ method, path, body }: Request, { watchSeconds, signal }: Asking = {}): Promise<Heard> {
  const silence = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const wait = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => silence.abort(), SILENT_MS);
  };
  const askedAt = performance.now();
  let response: Response | undefined;
  let text = "";
  try {
    wait();
    response = await fetch(`/api${path}`, {
      method,
      headers: {
        ...authorize(),
        ...(body !== undefined && { "Content-Type": "application/json" }),
        ...(watchSeconds !== undefined && { "Sluice-Watch": String(watchSeconds) }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.any([silence.signal, ...(signal === undefined ? [] : [signal])]),
    });
    const now = response.headers.get(NOW_HEADER);
    if (now !== null) serverClock.note(Number(now), Date.now(), performance.now() - askedAt);
    wait();
    await response.body?.pipeThrough(new TextDecoderStream()).pipeTo(
      new WritableStream({
        write(part) {
          wait();
          text += part;
        },
      }),
    );
  } catch {
    throw new ApiError(0, response === undefined ? "The server does not answer." : CUT_OFF);
  } finally {
    clearTimeout(timer);
  }
  if (response.ok) return { headers: response.headers, text };
  const value = parse(text);
  const { exception_detail: faults = [] } = (value ?? {}) as { exception_detail?: Fault[] };
  throw new ApiError(response.status, describeRefusal(value, response), faults);
}

/** Undefined where it is no JSON. */
function parse(text: string): unknown {
  try {
    return text === "" ? null : JSON.parse(text);
  } catch {
    return undefined;
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

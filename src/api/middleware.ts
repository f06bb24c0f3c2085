/** What happens to every request before its route: host guard, key, size, and how refusals go out. */
import type { ErrorHandler, NotFoundHandler } from "hono";
import { bodyLimit } from "hono/body-limit";
import { HTTPException } from "hono/http-exception";
import { BODY_BYTES_MAX, LOG_BODY_BYTES_MAX } from "../contract/bounds.ts";
import { ERRORS, refuse, type Refusal } from "../contract/errors.ts";
import { ApiError, factory, type ApiContext, type Bindings, type Env } from "./context.ts";

/** What probes may read without a key. */
export const OPEN_PATHS: ReadonlySet<string> = new Set(["/api/health", "/api/ready"]);
/** Sockets whose first frame may carry the key instead of the upgrade; what accepts them sees to that. */
export const AUTH_FRAME_PATHS: ReadonlySet<string> = new Set();

/**
 * Refuses requests that a browser was tricked into: an unknown `Host` (DNS rebinding) or a foreign `Origin`. Only the
 * embedded server sets the list; on the edge the platform routes by host.
 */
export const guardHost = factory.createMiddleware(async (c, next) => {
  const allowed = c.env.SLUICE_ALLOWED_HOSTS?.split(",");
  if (allowed !== undefined) {
    const host = c.req.header("host") ?? "";
    if (!allowed.includes(host.toLowerCase()))
      return answerRefusal(
        c,
        refuse(
          "forbidden",
          `The host ${host} is not served here; if it is this server's, start it with --allowed-host ${host}.`,
        ).error,
      );
    const origin = c.req.header("origin");
    if (origin !== undefined && !allowed.includes(origin.replace(/^https?:\/\//, "").toLowerCase())) {
      return answerRefusal(
        c,
        refuse("forbidden", `Requests from the origin ${origin} are not served here.`).error,
      );
    }
  }
  await next();
});

/** Lets in who has the key; `/health` and `/ready` are open to probes. */
export const authenticate = factory.createMiddleware(async (c, next) => {
  const path = c.req.path.replace(/\/$/, "");
  if (!OPEN_PATHS.has(path)) {
    const verdict = await judgeAuthorization(c.env, c.req.header("authorization"));
    if (verdict === "not_configured") return answerRefusal(c, refuse("not_configured").error);
    const isSocket = c.req.header("upgrade")?.toLowerCase() === "websocket";
    if (verdict === "refused" && !(isSocket && AUTH_FRAME_PATHS.has(path)))
      return answerRefusal(c, refuse("unauthorized").error);
  }
  c.set("workspace", "default");
  c.set("actor", c.req.header("user-agent")?.slice(0, 200) ?? "unknown");
  await next();
});

/** Bearer as `PREFECT_API_KEY` sends it, Basic as `PREFECT_API_AUTH_STRING` does. */
export async function judgeAuthorization(
  env: Bindings,
  header: string | undefined,
): Promise<"accepted" | "refused" | "not_configured"> {
  const key = env.SLUICE_API_KEY;
  if (key === undefined || key === "") return env.SLUICE_OPEN === "true" ? "accepted" : "not_configured";
  const [scheme = "", credentials = ""] = header?.split(/\s+/, 2) ?? [];
  if (/^bearer$/i.test(scheme)) return (await isSameSecret(credentials, key)) ? "accepted" : "refused";
  if (/^basic$/i.test(scheme))
    return (await isSameSecret(credentials, encodeBase64(key))) ? "accepted" : "refused";
  return "refused";
}

/** Judges the token of a socket's auth frame. */
export async function judgeToken(
  env: Bindings,
  token: string | null | undefined,
): Promise<"accepted" | "refused" | "not_configured"> {
  return judgeAuthorization(env, token === null || token === undefined ? undefined : `Bearer ${token}`);
}

/** Compares digests, so that neither content nor length shows in the time it takes. */
async function isSameSecret(given: string, wanted: string): Promise<boolean> {
  const encoder = new TextEncoder();
  const [left, right] = await Promise.all(
    [given, wanted].map((text) => crypto.subtle.digest("SHA-256", encoder.encode(text))),
  );
  return left !== undefined && right !== undefined && crypto.subtle.timingSafeEqual(left, right);
}

function encodeBase64(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}

/** Clients older than this speak another API (source: wire §2.3). */
const API_VERSION_MIN = [0, 8, 0] as const;

/** Refuses clients that say they speak an API that is too old, or nothing that is a version. */
export const checkApiVersion = factory.createMiddleware(async (c, next) => {
  const version = c.req.header("x-prefect-api-version");
  if (version !== undefined) {
    const match = /^(\d{1,6})\.(\d{1,6})\.(\d{1,6})$/.exec(version.trim());
    if (match === null)
      return answerRefusal(
        c,
        refuse("bad_request", `Invalid X-PREFECT-API-VERSION header: ${version}`).error,
      );
    const parts = match.slice(1).map(Number);
    const different = API_VERSION_MIN.findIndex((wanted, index) => parts[index] !== wanted);
    if (different !== -1 && (parts[different] ?? 0) < (API_VERSION_MIN[different] ?? 0))
      return answerRefusal(
        c,
        refuse(
          "bad_request",
          `The API version ${version} is too old; at least ${API_VERSION_MIN.join(".")} is needed.`,
        ).error,
      );
  }
  await next();
});

const limitBodyOfLogs = limitBody(LOG_BODY_BYTES_MAX);
const limitBodyOfOthers = limitBody(BODY_BYTES_MAX);
/** Refuses bodies that are too large for their route; batches of logs may be larger than anything else. */
export const limitBodies = factory.createMiddleware((c, next) =>
  /^\/api\/logs\/?$/.test(c.req.path) ? limitBodyOfLogs(c, next) : limitBodyOfOthers(c, next),
);

/** Refuses bodies over `bytesMax`, by their announced length or as they arrive. */
export function limitBody(bytesMax: number = BODY_BYTES_MAX) {
  return bodyLimit({
    maxSize: bytesMax,
    onError: (c) =>
      answerRefusal(
        c as ApiContext,
        refuse("body_too_large", `The request body may have at most ${bytesMax} bytes.`).error,
      ),
  });
}

/** Writes a refusal in the shape that Prefect's clients read (source: wire §2.8). */
export function answerRefusal(c: ApiContext, refusal: Refusal): Response {
  const { status } = ERRORS[refusal.code];
  if (refusal.retry_after_seconds !== undefined) c.header("Retry-After", String(refusal.retry_after_seconds));
  if (refusal.code === "unauthorized") {
    c.header("WWW-Authenticate", "Bearer");
    return c.json({ exception_message: refusal.detail, detail: refusal.detail }, status);
  }
  if (refusal.code === "unavailable") {
    if (refusal.retry_after_seconds === undefined) c.header("Retry-After", "1");
    return c.json({ exception_message: "Service Unavailable", detail: refusal.detail }, status);
  }
  if (refusal.faults !== undefined) {
    return c.json(
      { exception_message: refusal.detail, exception_detail: refusal.faults, detail: refusal.faults },
      status,
    );
  }
  return c.json({ detail: refusal.detail }, status);
}

/** The one place where exceptions become answers. */
export const answerError: ErrorHandler<Env> = (error, c) => {
  if (error instanceof ApiError) return answerRefusal(c, error.refusal);
  if (error instanceof HTTPException && error.status < 500)
    return c.json({ detail: error.message }, error.status);
  console.log(
    JSON.stringify({
      event: "request_failed",
      method: c.req.method,
      path: c.req.path,
      error: error.stack ?? String(error),
    }),
  );
  return answerRefusal(c, refuse("unavailable").error);
};

export const answerUnknownRoute: NotFoundHandler<Env> = (c) => c.json({ detail: "Not Found" }, 404);

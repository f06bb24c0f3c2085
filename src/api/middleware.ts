/** What happens to every request before its route: host guard, key, size, and how refusals go out. */
import type { ErrorHandler, MiddlewareHandler, NotFoundHandler } from "hono";
import { bodyLimit } from "hono/body-limit";
import { HTTPException } from "hono/http-exception";
import { BODY_BYTES_MAX, LOG_BODY_BYTES_MAX } from "../contract/bounds.ts";
import { ERRORS, refuse, type Refusal } from "../contract/errors.ts";
import { judgeAuthorization } from "../objects/shared/key.ts";
import { ApiError, factory, type ApiContext, type Env } from "./context.ts";

/** What probes may read without a key. */
const OPEN_PATHS: ReadonlySet<string> = new Set(["/api/health", "/api/ready"]);
/** Sockets whose first frame may carry the key instead of the upgrade; what accepts them sees to that. */
const AUTH_FRAME_PATHS: ReadonlySet<string> = new Set([
  "/api/events/in",
  "/api/events/out",
  "/api/changes",
  "/api/logs/out",
  "/api/task_runs/subscriptions/scheduled",
  "/api/work_pools/:name/workers/connect",
]);
const AUTH_FRAME_FORMS = [...AUTH_FRAME_PATHS].map(
  (path) => new RegExp(`^${path.replaceAll(/:[a-z]+/g, "[^/]+")}$`),
);
const LOGS_PATH = /^\/api\/logs\/?$/;

/** Refuses requests to hosts that are not served here. */
export const guardHost = factory.createMiddleware(async (c, next) => refuseHost(c) ?? next());

/** Lets in who has the key, speaks this API and sends no more than is taken. */
export const guardApi = factory.createMiddleware(async (c, next) => {
  const refused = (await refuseStranger(c)) ?? refuseVersion(c);
  if (refused !== undefined) return refused;
  c.set("workspace", "default");
  c.set("actor", c.req.header("user-agent")?.slice(0, 200) ?? "unknown");
  return (LOGS_PATH.test(c.req.path) ? limitBodyOfLogs : limitBodyOfOthers)(c, next);
});

/**
 * Refuses requests that a browser was tricked into: an unknown `Host` (DNS rebinding) or a foreign `Origin`. Only the
 * embedded server sets the list; on the edge the platform routes by host.
 */
function refuseHost(c: ApiContext): Response | undefined {
  const allowed = c.env.SLUICE_ALLOWED_HOSTS?.split(",");
  if (allowed === undefined) return undefined;
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
  return origin === undefined || allowed.includes(origin.replace(/^https?:\/\//, "").toLowerCase())
    ? undefined
    : answerRefusal(c, refuse("forbidden", `Requests from the origin ${origin} are not served here.`).error);
}

/** Refuses who has no key; `/health` and `/ready` are open to probes. */
async function refuseStranger(c: ApiContext): Promise<Response | undefined> {
  const path = c.req.path.replace(/\/$/, "");
  if (OPEN_PATHS.has(path)) return undefined;
  const verdict = await judgeAuthorization(c.env, c.req.header("authorization"));
  if (verdict === "accepted") return undefined;
  if (verdict === "not_configured") return answerRefusal(c, refuse("not_configured").error);
  const isSocket = c.req.header("upgrade")?.toLowerCase() === "websocket";
  const hasAuthFrame = isSocket && AUTH_FRAME_FORMS.some((form) => form.test(path));
  return hasAuthFrame ? undefined : answerRefusal(c, refuse("unauthorized").error);
}

/** Clients older than this speak another API (source: wire §2.3). */
const API_VERSION_MIN = [0, 8, 0] as const;

/** Refuses clients that say they speak an API that is too old, or nothing that is a version. */
function refuseVersion(c: ApiContext): Response | undefined {
  const version = c.req.header("x-prefect-api-version");
  if (version === undefined) return undefined;
  const match = /^(\d{1,6})\.(\d{1,6})\.(\d{1,6})$/.exec(version.trim());
  if (match === null)
    return answerRefusal(c, refuse("bad_request", `Invalid X-PREFECT-API-VERSION header: ${version}`).error);
  const parts = match.slice(1).map(Number);
  const different = API_VERSION_MIN.findIndex((wanted, index) => parts[index] !== wanted);
  if (different === -1 || (parts[different] ?? 0) >= (API_VERSION_MIN[different] ?? 0)) return undefined;
  return answerRefusal(
    c,
    refuse(
      "bad_request",
      `The API version ${version} is too old; at least ${API_VERSION_MIN.join(".")} is needed.`,
    ).error,
  );
}

/** Batches of logs may be larger than anything else. */
const limitBodyOfLogs = limitBody(LOG_BODY_BYTES_MAX);
const limitBodyOfOthers = limitBody(BODY_BYTES_MAX);

/** Refuses bodies over `bytesMax`, by their announced length, else as they arrive. */
function limitBody(bytesMax: number): MiddlewareHandler<Env> {
  const refuseBody = (c: ApiContext) =>
    answerRefusal(c, refuse("body_too_large", `The request body may have at most ${bytesMax} bytes.`).error);
  const limitStream = bodyLimit({ maxSize: bytesMax, onError: (c) => refuseBody(c as ApiContext) });
  return async (c, next) => {
    // A length that counts is taken at its word, because to look at the body costs as much as to route the request.
    const length = c.req.header("content-length");
    if (length === undefined || c.req.header("transfer-encoding") !== undefined) return limitStream(c, next);
    return Number(length) <= bytesMax ? next() : refuseBody(c);
  };
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
    const { detail, faults, request_body = null } = refusal;
    return c.json({ exception_message: detail, exception_detail: faults, request_body }, status);
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

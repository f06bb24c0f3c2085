/** The dashboard: static files, and one page for every path of it, so that a link opens in the right place. */
import { getMimeType } from "hono/utils/mime";
import { refuse } from "../contract/errors.ts";
import { factory } from "./context.ts";
import { answerRefusal } from "./middleware.ts";

const FILES = "/assets/";
/** The files of `/assets/` have their content in their names. */
const FOR_EVER = "public, max-age=31536000, immutable";
/** Nothing is loaded from elsewhere, and nothing written into the page is run or styles it. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** Answers what is not below `/api`: files as they are, the page for everything else. */
export const serveDashboard = factory.createHandlers(async (c) => {
  const isFile = c.req.path.startsWith(FILES);
  const path = isFile ? c.req.path : "/index.html";
  const found = await c.env.ASSETS?.fetch(new URL(path, c.req.url), { method: c.req.method });
  if (found?.ok !== true) {
    const detail = isFile ? undefined : "This server was built without its dashboard; the API is below /api.";
    return answerRefusal(c, refuse("not_found", detail).error);
  }
  return new Response(found.body, {
    headers: {
      "Content-Type": getMimeType(path) ?? "application/octet-stream",
      "Cache-Control": isFile ? FOR_EVER : "no-cache",
      "Content-Security-Policy": CONTENT_SECURITY_POLICY,
      "X-Content-Type-Options": "nosniff",
      "Referrer-Policy": "no-referrer",
    },
  });
});

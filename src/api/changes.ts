/**
 * What a dashboard needs to stay up to date without asking again and again. A read that carries `Sluice-Watch: SECONDS`
 * makes the objects that it asks tell of their changes for so long, and `Sluice-Objects` in its answer names them; on the
 * socket `/api/changes` the name of each that has changed arrives as `{type: "changed", objects: [NAME]}`. `Sluice-Now` is
 * the server's clock, by which whoever shows the answer tells how long ago something was.
 */
import { NOW_HEADER } from "../contract/headers.ts";
import { factory } from "./context.ts";

const WATCH_HEADER = "Sluice-Watch";
const OBJECTS_HEADER = "Sluice-Objects";
const WATCH_SECONDS_MAX = 300;
/** More would not fit into a header. */
const OBJECTS_MAX = 300;

export const tellObjects = factory.createMiddleware(async (c, next) => {
  const seconds = Number(c.req.header(WATCH_HEADER));
  if (!(seconds > 0)) return next();
  const objects = new Set<string>();
  c.set("watched", { seconds: Math.min(seconds, WATCH_SECONDS_MAX), objects });
  await next();
  c.header(NOW_HEADER, String(Date.now()));
  c.header(OBJECTS_HEADER, [...objects].slice(0, OBJECTS_MAX).join(","));
});

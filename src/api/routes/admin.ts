/** Health, version and the other routes that wake no object. */
import { factory } from "../context.ts";

/** Prefect's clients warn when the server is older than they are, so this is the newest release that is served. */
const PREFECT_VERSION = "3.8.8";
/** The version of the REST API, another thing than the package's (source: wire §1). */
const API_VERSION = "0.8.4";

export const admin = factory
  .createApp()
  .get("/health", (c) => c.json(true))
  .get("/ready", (c) => c.json({ message: "OK" }))
  .get("/hello", (c) => c.json("👋"))
  .get("/version", (c) => c.json(API_VERSION))
  .get("/admin/version", (c) => c.json(PREFECT_VERSION));

/** Where programs and people ask the same: who it is that asks. */
import { readRun } from "./acquire.ts";
import type { ApiContext } from "./context.ts";

/**
 * Whether a browser or our command line asks, and not from within a run. Prefect's command line calls itself what its SDK
 * does (source: its client's `User-Agent`), so whoever uses it is taken for a program.
 */
export function isPerson(c: ApiContext): boolean {
  return readRun(c) === null && /^(Mozilla\/|sluice-cli )/.test(c.get("actor"));
}

/** How to ask for the workers of a pool. */
import type { Request } from "./http.ts";

/** The first of a pool's workers, where `workers` is no filter. */
export function askForWorkers(pool: string, workers?: object): Request {
  return {
    method: "POST",
    path: `/work_pools/${encodeURIComponent(pool)}/workers/filter`,
    body: workers === undefined ? {} : { workers },
  };
}

/** The workers of pools. */
import type { Worker, WorkPool } from "../../contract/wire/work-pools.ts";
import type { Request } from "./http.ts";
import { useWholes, type Whole } from "./whole.ts";

/** Of each of these pools, in their order. */
export function useWorkersOf(pools: readonly Pick<WorkPool, "name">[]): Whole<Worker>[] {
  return useWholes<Worker>(pools.map(({ name }) => askForWorkers(name)));
}

/** The first of a pool's workers, where `workers` is no filter. */
export function askForWorkers(pool: string, workers?: object): Request {
  return {
    method: "POST",
    path: `/work_pools/${encodeURIComponent(pool)}/workers/filter`,
    body: workers === undefined ? {} : { workers },
  };
}

/** The workers of pools, all of them as far as a page can show them. */
import type { Worker, WorkPool } from "../../contract/wire/work-pools.ts";
import type { Request } from "./http.ts";
import type { Query } from "./query.ts";
import { useWhole } from "./whole.ts";

export interface Workers {
  /** Undefined until the first ones are known. */
  workers: Worker[] | undefined;
  /** All there are: there are no others, and none is still to come. */
  areAll: boolean;
  /** There are more than are read. */
  isCut: boolean;
  /** Why the first ones are not there. */
  first: Query<unknown>;
}

/** Of all these pools; those that are known so far. */
export function useWorkers(pools: readonly Pick<WorkPool, "name">[]): Workers & { workers: Worker[] } {
  const { lists, ...rest } = useWhole<Worker>(pools.map(({ name }) => askForWorkers(name)));
  return { workers: lists.flatMap((list) => list ?? []), ...rest };
}

export function usePoolWorkers(pool: string): Workers {
  const { lists, ...rest } = useWhole<Worker>([askForWorkers(pool)]);
  return { workers: lists[0], ...rest };
}

/** The first of a pool's workers, where `workers` is no filter. */
export function askForWorkers(pool: string, workers?: object): Request {
  return {
    method: "POST",
    path: `/work_pools/${encodeURIComponent(pool)}/workers/filter`,
    body: workers === undefined ? {} : { workers },
  };
}

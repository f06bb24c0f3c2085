/** The workers of all pools. */
import type { Worker, WorkPool } from "../../contract/wire/work-pools.ts";
import { useQueries } from "./query.ts";

export function useWorkers(pools: readonly WorkPool[]): Worker[] {
  const answers = useQueries<Worker[]>(
    pools.map(({ name }) => ({
      method: "POST",
      path: `/work_pools/${encodeURIComponent(name)}/workers/filter`,
      body: {},
    })),
  );
  return answers.flatMap(({ value }) => value ?? []);
}

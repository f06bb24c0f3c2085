/** Names of the flow runs that leases and waiters belong to. */
import { useQuery } from "./query.ts";

const AT_ONCE_MAX = 200;

export function useRunNames(ids: readonly string[]): ReadonlyMap<string, string> {
  const wanted = [...new Set(ids)].toSorted().slice(0, AT_ONCE_MAX);
  const { value = [] } = useQuery<{ id: string; name: string }[]>(
    wanted.length === 0
      ? null
      : {
          method: "POST",
          path: "/flow_runs/filter",
          body: { flow_runs: { id: { any_: wanted } }, limit: AT_ONCE_MAX },
        },
  );
  return new Map(value.map(({ id, name }) => [id, name] as const));
}

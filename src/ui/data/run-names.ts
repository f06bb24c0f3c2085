/** Names of the flow runs that leases and waiters belong to. */
import { useQuery } from "./query.ts";

const AT_ONCE_MAX = 200;
const KNOWN_MAX = 10_000;

/** A name is asked for once in the life of a page: hardly anybody renames a run. */
const known = new Map<string, string>();

export function useRunNames(ids: readonly string[]): ReadonlyMap<string, string> {
  if (known.size > KNOWN_MAX) known.clear();
  const missing = new Set(ids.filter((id) => !known.has(id)));
  // The ids of the youngest runs are the last in order.
  const wanted = [...missing].toSorted().slice(-AT_ONCE_MAX);
  const { value = [] } = useQuery<{ id: string; name: string }[]>(
    wanted.length === 0
      ? null
      : {
          method: "POST",
          path: "/flow_runs/filter",
          body: { flow_runs: { id: { any_: wanted } }, limit: AT_ONCE_MAX },
        },
  );
  for (const { id, name } of value) known.set(id, name);
  return known;
}

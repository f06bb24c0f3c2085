/** Names of flows, which other records know by their ids only. */
import type { Flow } from "../../contract/wire/deployments.ts";
import { useQuery } from "./query.ts";

const AT_ONCE_MAX = 200;

export function useFlowNames(ids: readonly string[]): ReadonlyMap<string, string> {
  const wanted = [...new Set(ids)].toSorted().slice(0, AT_ONCE_MAX);
  const { value = [] } = useQuery<Flow[]>(
    wanted.length === 0
      ? null
      : {
          method: "POST",
          path: "/flows/filter",
          body: { flows: { id: { any_: wanted } }, limit: AT_ONCE_MAX },
        },
  );
  return new Map(value.map(({ id, name }) => [id, name] as const));
}

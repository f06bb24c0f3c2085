/** Names of deployments, which runs know by their ids only. */
import type { Deployment } from "../../contract/wire/deployments.ts";
import { useQuery } from "./query.ts";

const AT_ONCE_MAX = 200;

export function useDeploymentNames(ids: readonly (string | null)[]): ReadonlyMap<string, string> {
  const wanted = [...new Set(ids)]
    .filter((id) => id !== null)
    .toSorted()
    .slice(0, AT_ONCE_MAX);
  const { value = [] } = useQuery<Deployment[]>(
    wanted.length === 0
      ? null
      : {
          method: "POST",
          path: "/deployments/filter",
          body: { deployments: { id: { any_: wanted } }, limit: AT_ONCE_MAX },
        },
  );
  return new Map(value.map(({ id, name }) => [id, name] as const));
}

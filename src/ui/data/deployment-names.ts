/** Names of deployments, which runs know by their ids only. */
import type { Deployment } from "../../contract/wire/deployments.ts";
import { useQueries } from "./query.ts";

const AT_ONCE_MAX = 200;

export function useDeploymentNames(ids: readonly (string | null)[]): ReadonlyMap<string, string> {
  const wanted = [...new Set(ids)].filter((id) => id !== null).toSorted();
  const pages = Array.from({ length: Math.ceil(wanted.length / AT_ONCE_MAX) }, (_, page) =>
    wanted.slice(page * AT_ONCE_MAX, (page + 1) * AT_ONCE_MAX),
  );
  const answers = useQueries<Deployment[]>(
    pages.map((any_) => ({
      method: "POST",
      path: "/deployments/filter",
      body: { deployments: { id: { any_ } }, limit: AT_ONCE_MAX },
    })),
  );
  return new Map(answers.flatMap(({ value = [] }) => value).map(({ id, name }) => [id, name] as const));
}

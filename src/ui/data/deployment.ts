/** The deployment of a run, which may be gone. */
import type { Deployment } from "../../contract/wire/deployments.ts";
import { NOTHING, useQuery, type Query } from "./query.ts";

/** Null where it is gone, which is no fault; nothing where the run has none. */
export function useDeployment(id: string | null): Query<Deployment | null> {
  const found = useQuery<Deployment[]>(
    id === null
      ? null
      : { method: "POST", path: "/deployments/filter", body: { deployments: { id: { any_: [id] } } } },
  );
  return found.value === undefined
    ? { ...NOTHING, error: found.error }
    : { ...found, value: found.value[0] ?? null };
}

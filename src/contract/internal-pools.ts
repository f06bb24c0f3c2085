/** Runs without a work pool live in a few internal pools, so that no single object has to take them all. */

const INTERNAL_POOLS = 4;
/** No user's pool can have such a name: a slash is forbidden there. */
const PREFIX = "/runs/";

/** The name of the pool object that keeps the runs of a flow or deployment: its own pool, or an internal shard of the flow. */
export function poolNameOfRun(workPoolName: string | null, flowId: string): string {
  if (workPoolName !== null) return workPoolName;
  let hash = 0;
  for (const character of flowId.toLowerCase())
    hash = (Math.imul(hash, 31) + (character.codePointAt(0) ?? 0)) >>> 0;
  return `${PREFIX}${hash % INTERNAL_POOLS}`;
}

/** The names of all internal pools. */
export const INTERNAL_POOL_NAMES: readonly string[] = Array.from(
  { length: INTERNAL_POOLS },
  (_, index) => `${PREFIX}${index}`,
);

/** Why a run does not get on: its pool knows what keeps it from running, the limits know what it waits for while it runs. */
import { addressOfKey, addressOfName, type AddressOf } from "../contract/envelope.ts";
import type { PoolOperations } from "../objects/pool/operations.ts";
import { call, isRefusal, orIfAbsent, type ApiContext } from "./context.ts";

type Explanation = Omit<PoolOperations["explain_run"]["answer"], "limit_keys">;

/** How far down a line the run is looked for. */
const WAITERS_MAX = 200;

/** Asks the pool, and where the run runs, the limits that it has asked for slots. */
export async function explainRun(
  c: ApiContext,
  address: AddressOf<"pool">,
  id: string,
): Promise<Explanation> {
  const { limit_keys, ...explanation } = await call(c, address, "explain_run", { id });
  if (explanation.reason === "deployment_full" && explanation.blocking !== null) {
    const position = await findPlace(c, explanation.blocking.name, id);
    return { ...explanation, position };
  }
  const found = await Promise.all(limit_keys.map((key) => findInLine(c, key, id)));
  return found.find((line) => line !== undefined) ?? explanation;
}

/** Where a run stands in the line of its deployment's limit, as far down as that is looked; null further down. */
async function findPlace(c: ApiContext, name: string, run_id: string): Promise<number | null> {
  const address = addressOfName(c.get("workspace"), "limit", name);
  const line = call(c, address, "list_waiters", { offset: 0, limit: WAITERS_MAX });
  const waiters = await orIfAbsent(line, []);
  return waiters.find(({ holder }) => holder?.id === run_id)?.position ?? null;
}

async function findInLine(c: ApiContext, key: string, run_id: string): Promise<Explanation | undefined> {
  const address = addressOfKey(c.get("workspace"), "limit", key);
  try {
    const waiters = await call(c, address, "list_waiters", { offset: 0, limit: WAITERS_MAX });
    const waiter = waiters.find(({ run }) => run?.flow_run_id === run_id);
    if (waiter === undefined) return undefined;
    const limit = await call(c, address, "read", {});
    const slots = waiter.slots === 1 ? "a slot" : `${waiter.slots} slots`;
    const taken = limit.active
      ? `${limit.active_slots} of ${limit.limit} are taken`
      : "the limit is disabled";
    return {
      reason: "limit",
      detail: `The run waits for ${slots} of the limit ${limit.name}: ${taken}.`,
      blocking: { kind: "limit", name: limit.name },
      position: waiter.position,
      estimated_seconds: null,
    };
  } catch (error) {
    // A limit that was deleted in the meantime holds nobody up.
    if (isRefusal(error, "not_found")) return undefined;
    throw error;
  }
}

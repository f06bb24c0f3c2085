/** Why a run does not get on: its pool knows what keeps it from running, the limits know what it waits for while it runs. */
import { addressOfKey, addressOfName, type AddressOf } from "../contract/envelope.ts";
import { writeCommand } from "../contract/commands.ts";
import type { RunExplanation } from "../contract/wire/explanations.ts";
import type { WaiterRecord } from "../contract/wire/limits.ts";
import { call, orIfAbsent, type ApiContext } from "./context.ts";

/** How far down a line the run is looked for. */
const WAITERS_MAX = 200;

/** Asks the pool, and where the run runs, the limits that it has asked for slots. */
export async function explainRun(
  c: ApiContext,
  address: AddressOf<"pool">,
  id: string,
): Promise<RunExplanation> {
  const { limit_keys, ...explanation } = await call(c, address, "explain_run", { id });
  if (explanation.reason === "deployment_full" && explanation.blocking !== null) {
    const limit = addressOfName(c.get("workspace"), "limit", explanation.blocking.name);
    const waiter = await findWaiter(c, limit, ({ holder }) => holder?.id === id);
    return { ...explanation, ...placeOf(waiter) };
  }
  const found = await Promise.all(limit_keys.map((key) => findInLine(c, key, id)));
  return found.find((line) => line !== undefined) ?? explanation;
}

async function findInLine(c: ApiContext, key: string, run_id: string): Promise<RunExplanation | undefined> {
  const address = addressOfKey(c.get("workspace"), "limit", key);
  const waiter = await findWaiter(c, address, ({ run }) => run?.flow_run_id === run_id);
  if (waiter === undefined) return undefined;
  // A limit that was deleted in the meantime holds nobody up.
  const limit = await orIfAbsent(call(c, address, "read", {}), undefined);
  if (limit === undefined) return undefined;
  const slots = waiter.slots === 1 ? "a slot" : `${waiter.slots} slots`;
  const taken = limit.active ? `${limit.active_slots} of ${limit.limit} are taken` : "the limit is disabled";
  return {
    reason: "limit",
    detail: `The run waits for ${slots} of the limit ${limit.name}: ${taken}.`,
    blocking: { kind: "limit", name: limit.name, work_pool_name: null },
    help: writeCommand(
      "gcl",
      ...(limit.active ? ["update", limit.name, "--limit", "N"] : ["enable", limit.name]),
    ),
    ...placeOf(waiter),
  };
}

/** Somebody in the line of a limit, as far down as that is looked. */
async function findWaiter(
  c: ApiContext,
  address: AddressOf<"limit">,
  isWanted: (waiter: WaiterRecord) => boolean,
): Promise<WaiterRecord | undefined> {
  const line = call(c, address, "list_waiters", { offset: 0, limit: WAITERS_MAX });
  return (await orIfAbsent(line, [])).find(isWanted);
}

const placeOf = (
  waiter: WaiterRecord | undefined,
): Pick<RunExplanation, "position" | "estimated_seconds"> => ({
  position: waiter?.position ?? null,
  estimated_seconds: waiter?.estimated_seconds ?? null,
});

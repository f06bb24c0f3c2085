/** Why a run does not get on: its pool knows what keeps it from running, the limits know what it waits for while it runs. */
import { addressOfKey, addressOfName, type AddressOf } from "../contract/envelope.ts";
import { writeCommand } from "../contract/commands.ts";
import type { RunExplanation } from "../contract/wire/explanations.ts";
import type { Limit, WaiterRecord } from "../contract/wire/limits.ts";
import { call, orIfAbsent, type ApiContext } from "./context.ts";

/** Asks the pool, and the limits that have a say in it: the deployment's, and where the run runs, those that it has asked for slots. */
export async function explainRun(
  c: ApiContext,
  address: AddressOf<"pool">,
  id: string,
): Promise<RunExplanation> {
  const { limit_keys, deployment_limit, ...explanation } = await call(c, address, "explain_run", { id });
  if (explanation.reason === "deployment_full" && explanation.blocking !== null) {
    const limit = addressOfName(c.get("workspace"), "limit", explanation.blocking.name);
    return { ...explanation, ...placeOf(await findWaiter(c, limit, id)) };
  }
  if (deployment_limit !== undefined) return (await explainDeployment(c, deployment_limit)) ?? explanation;
  const found = await Promise.all(limit_keys.map((key) => findInLine(c, key, id)));
  return found.find((line) => line !== undefined) ?? explanation;
}

/** What keeps any worker from getting a run whose deployment's limit has not been asked yet. */
async function explainDeployment(c: ApiContext, name: string): Promise<RunExplanation | undefined> {
  const address = addressOfName(c.get("workspace"), "limit", name);
  const limit = await orIfAbsent(call(c, address, "read", {}), undefined);
  if (limit === undefined || !limit.active || limit.active_slots < limit.limit) return undefined;
  return {
    reason: "deployment_full",
    detail: `The deployment's concurrency limit has no slot for this run yet: ${sayTaken(limit)}.`,
    blocking: { kind: "limit", name, work_pool_name: null },
    help: writeCommand("gcl", "update", name, "--limit", String(limit.limit + 1)),
    ...placeOf(null),
  };
}

async function findInLine(c: ApiContext, key: string, run_id: string): Promise<RunExplanation | undefined> {
  const address = addressOfKey(c.get("workspace"), "limit", key);
  const waiter = await findWaiter(c, address, run_id);
  if (waiter === null) return undefined;
  // A limit that was deleted in the meantime holds nobody up.
  const limit = await orIfAbsent(call(c, address, "read", {}), undefined);
  if (limit === undefined) return undefined;
  const slots = waiter.slots === 1 ? "a slot" : `${waiter.slots} slots`;
  const state = !limit.active
    ? "the limit is disabled"
    : waiter.reason === "behind_others"
      ? `${sayTaken(limit)}, and who comes before it wants more than is free`
      : sayTaken(limit);
  const enough = Math.max(limit.limit, limit.active_slots) + waiter.slots;
  return {
    reason: "limit",
    detail: `The run waits for ${slots} of the limit ${limit.name}: ${state}.`,
    blocking: { kind: "limit", name: limit.name, work_pool_name: null },
    help: writeCommand(
      "gcl",
      ...(limit.active ? ["update", limit.name, "--limit", String(enough)] : ["enable", limit.name]),
    ),
    ...placeOf(waiter),
  };
}

function sayTaken({ active_slots, limit }: Limit): string {
  return `${active_slots} of ${limit} are taken`;
}

/** How a run waits in the line of a limit; null where it does not. */
function findWaiter(
  c: ApiContext,
  address: AddressOf<"limit">,
  flow_run_id: string,
): Promise<WaiterRecord | null> {
  return orIfAbsent(call(c, address, "find_waiter", { flow_run_id }), null);
}

const placeOf = (waiter: WaiterRecord | null): Pick<RunExplanation, "position" | "estimated_seconds"> => ({
  position: waiter?.position ?? null,
  estimated_seconds: waiter?.estimated_seconds ?? null,
});

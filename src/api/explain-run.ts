/** Why a run does not get on: its pool knows what keeps it from running, the limits know what it waits for while it runs. */
import { addressOfKey, addressOfName, type AddressOf } from "../contract/envelope.ts";
import { writeCommand } from "../contract/commands.ts";
import type { RunExplanation } from "../contract/wire/explanations.ts";
import type { Limit } from "../contract/wire/limits.ts";
import type { FoundWaiter } from "../objects/limit/operations.ts";
import type { RunNeed } from "../objects/pool/operations.ts";
import { call, orIfAbsent, type ApiContext } from "./context.ts";

/** Asks the pool, and the limits that have a say in it: the deployment's, and where the run runs, those that it has asked for slots. */
export async function explainRun(
  c: ApiContext,
  address: AddressOf<"pool">,
  id: string,
): Promise<RunExplanation> {
  const answer = await call(c, address, "explain_run", { id });
  const { limit_keys, deployment_limit, deployment_before = 0, needs = [], ...explanation } = answer;
  if (explanation.reason === "deployment_full" && explanation.blocking !== null) {
    const line = await findLine(c, addressOfName(c.get("workspace"), "limit", explanation.blocking.name), id);
    if (line === undefined) return explanation;
    const full = explainDeployment(line, line.waiter?.least_limit);
    return sayNeeds(full, needs, (line.waiter?.position ?? 1) - 1);
  }
  if (deployment_limit !== undefined) {
    const line = await findLine(c, addressOfName(c.get("workspace"), "limit", deployment_limit), id);
    if (line?.limit.active !== true) return sayNeeds(explanation, needs);
    const { limit, active_slots, waiting } = line.limit;
    const least = leastBehindAll(line.limit) + deployment_before;
    if (explanation.reason === "workers_busy" && active_slots >= limit)
      return sayNeeds(explainDeployment(line, least), needs, waiting);
    return sayNeeds(explanation, [...needs, { reason: "deployment_full", spare: limit - least }]);
  }
  if (needs.length > 0) return sayNeeds(explanation, needs);
  const lines = await Promise.all(
    limit_keys.map((key) => findLine(c, addressOfKey(c.get("workspace"), "limit", key), id)),
  );
  const waiting = lines.flatMap((line) => (line?.waiter ? [explainWaiter(line.limit, line.waiter)] : []));
  // What is offered to it is not what keeps it.
  return waiting.find(({ help }) => help !== null) ?? waiting[0] ?? explanation;
}

const LIST = new Intl.ListFormat("en-GB");

const NEEDS = {
  pool_paused: "its work pool to be resumed",
  queue_paused: "its work queue to be resumed",
  pool_full: "a slot of its work pool",
  queue_full: "a slot of its work queue",
  deployment_full: "a slot of its deployment",
  workers_busy: "a worker with room for it",
  no_pool: "a process that serves its deployment",
} satisfies Record<RunNeed["reason"] | "deployment_full", string>;

interface Need {
  reason: keyof typeof NEEDS;
  spare: number;
}

/** Adds what the run still lacks once it has what it is told; `others` get on by that, too, and go first. */
function sayNeeds(explanation: RunExplanation, needs: readonly Need[], others = 0): RunExplanation {
  const told = explanation.reason === "no_worker" ? "workers_busy" : explanation.reason;
  const lacks = needs.filter(({ reason, spare }) => reason !== told && spare < others);
  if (lacks.length === 0) return explanation;
  const all = LIST.format(lacks.map(({ reason }) => NEEDS[reason]));
  return { ...explanation, detail: `${explanation.detail} It needs ${all}, too.` };
}

interface Line {
  limit: Limit;
  /** How the run waits there; null where it does not. */
  waiter: FoundWaiter | null;
}

/** A limit that was deleted holds nobody up. */
async function findLine(
  c: ApiContext,
  address: AddressOf<"limit">,
  flow_run_id: string,
): Promise<Line | undefined> {
  const waiter = orIfAbsent(call(c, address, "find_waiter", { flow_run_id }), null);
  const limit = await orIfAbsent(call(c, address, "read", {}), undefined);
  return limit && { limit, waiter: await waiter };
}

/** What keeps any worker from getting a run. */
function explainDeployment({ limit, waiter }: Line, least = leastBehindAll(limit)): RunExplanation {
  const taken = limit.limit === 0 ? "it is 0" : sayTaken(limit);
  return {
    reason: "deployment_full",
    detail: `The deployment's concurrency limit has no slot for this run yet: ${taken}.`,
    ...blockedBy(limit, least),
    ...placeOf(waiter),
  };
}

/** What is enough for somebody who comes now. */
const leastBehindAll = ({ active_slots, waiting }: Limit): number => active_slots + waiting + 1;

function explainWaiter(limit: Limit, waiter: FoundWaiter): RunExplanation {
  const slots = waiter.slots === 1 ? "a slot" : `${waiter.slots} slots`;
  const state =
    waiter.reason === "offered"
      ? "it is its turn, and it is about to take them"
      : waiter.reason === "behind_others"
        ? `${sayTaken(limit)}, and what is free is for those before it`
        : sayTaken(limit);
  const others = waiter.wants_others
    ? " It wants slots of other limits, too, and takes all of them at once."
    : "";
  const least = waiter.reason === "offered" ? undefined : waiter.least_limit;
  // Of a limit with names there are no more slots than names.
  const isShort = limit.slot_names !== null && least !== undefined && least > limit.slot_names.length;
  return {
    reason: "limit",
    detail:
      `The run waits for ${slots} of the limit ${limit.name}: ${state}.${others}` +
      (isShort ? ` To have ${least}, it needs more names of slots.` : ""),
    ...blockedBy(limit, isShort ? undefined : least),
    ...placeOf(waiter),
  };
}

/** `least`: what the limit must be for the run to get its slots while the present holders keep theirs. */
function blockedBy(limit: Limit, least: number | undefined): Pick<RunExplanation, "blocking" | "help"> {
  return {
    blocking: { kind: "limit", name: limit.name, work_pool_name: null },
    help:
      least === undefined || least <= limit.limit
        ? null
        : writeCommand("gcl", "update", limit.name, "--limit", String(least)),
  };
}

function sayTaken({ active_slots, limit }: Limit): string {
  return active_slots > limit
    ? `${active_slots} are taken, more than its ${limit}`
    : `${active_slots} of ${limit} are taken`;
}

const placeOf = (waiter: FoundWaiter | null): Pick<RunExplanation, "position" | "estimated_seconds"> => ({
  position: waiter?.position ?? null,
  estimated_seconds: waiter?.estimated_seconds ?? null,
});

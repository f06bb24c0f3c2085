/** Limits as the home page groups them: by machine where their names follow `{resource}:{worker}`. */
import type { LimitOverview } from "../../contract/wire/limits.ts";
import type { Worker } from "../../contract/wire/work-pools.ts";

export interface Machine {
  /** The worker's name; for the others a heading. */
  name: string;
  /** Undefined where no worker of that name is known. */
  worker: Worker | undefined;
  limits: LimitOverview[];
}

const FAMILIES: Record<string, string> = { deployment: "Deployments", tag: "Tags of task runs" };
const OTHERS = "Other limits";

/** Machines first, by name; then what belongs to none. */
export function groupByMachine(limits: readonly LimitOverview[], workers: readonly Worker[]): Machine[] {
  const byName = new Map(workers.map((worker) => [worker.name, worker] as const));
  const machines = new Map<string, Machine>();
  const families = new Map<string, Machine>();
  for (const limit of limits) {
    const [, resource = "", owner = ""] = /^([^:]+):(.+)$/.exec(limit.name) ?? [];
    const family = owner === "" ? OTHERS : FAMILIES[resource];
    const groups = family === undefined ? machines : families;
    const name = family ?? owner;
    const group = groups.get(name) ?? {
      name,
      worker: family === undefined ? byName.get(name) : undefined,
      limits: [],
    };
    group.limits.push(limit);
    groups.set(name, group);
  }
  const byOrder = (left: Machine, right: Machine): number =>
    left.name.localeCompare(right.name, undefined, { numeric: true });
  return [...[...machines.values()].toSorted(byOrder), ...[...families.values()].toSorted(byOrder)];
}

/** One slot of a limit, as a cell. */
export interface Cell {
  /** The lease that holds it. */
  lease: LimitOverview["holders"][number] | undefined;
  /** The device, where slots have names. */
  name: string | undefined;
  /** Beyond the limit, which was lowered: nobody gets it any more. */
  isOver: boolean;
}

/** Held slots first, in the order of their leases; named ones at their own place. */
export function listCells({ limit, slot_names, holders }: LimitOverview): Cell[] {
  if (slot_names !== null)
    return slot_names.map((name) => ({
      lease: holders.find((lease) => lease.slot_names?.includes(name)),
      name,
      isOver: false,
    }));
  const held = holders.flatMap((lease) => Array.from({ length: lease.slots }, () => lease));
  const count = Math.max(limit, held.length);
  return Array.from({ length: count }, (_, index) => ({
    lease: held[index],
    name: undefined,
    isOver: index >= limit,
  }));
}

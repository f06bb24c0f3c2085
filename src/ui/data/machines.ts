/** Limits of machines, whose names follow `{resource}:{worker}`, as the home page groups them. */
import type { LimitOverview } from "../../contract/wire/limits.ts";
import type { Worker } from "../../contract/wire/work-pools.ts";

export interface Machine {
  /** The worker's name. */
  name: string;
  /** Undefined where no worker of that name is known. */
  worker: Worker | undefined;
  limits: LimitOverview[];
}

/** Machines in the order in which their limits come, which is theirs. */
export function groupByMachine(limits: readonly LimitOverview[], workers: readonly Worker[]): Machine[] {
  const byName = new Map(workers.map((worker) => [worker.name, worker] as const));
  const machines = new Map<string, Machine>();
  for (const limit of limits) {
    const name = limit.name.slice(limit.name.indexOf(":") + 1);
    const machine = machines.get(name) ?? { name, worker: byName.get(name), limits: [] };
    machine.limits.push(limit);
    machines.set(name, machine);
  }
  return [...machines.values()];
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

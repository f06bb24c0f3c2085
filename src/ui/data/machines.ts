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
  /** Held beyond the slots that there are, as after a change of them: nobody gets it any more. */
  isOver: boolean;
  /** Nobody holds it, and as many slots as the limit has are held: it is given out when one of these ends. */
  isKept: boolean;
}

/** Held slots first, in the order of their leases; named ones at their own place, and what is held of no such name behind. */
export function listCells({ limit, slot_names, holders, active_slots }: LimitOverview): Cell[] {
  const held = holders.flatMap((lease) =>
    Array.from({ length: lease.slots }, (_, index) => ({ lease, name: lease.slot_names?.[index] })),
  );
  if (slot_names === null)
    return Array.from({ length: Math.max(limit, held.length) }, (_, index) => ({
      lease: held[index]?.lease,
      name: undefined,
      isOver: index >= limit,
      isKept: false,
    }));
  const leaseOf = new Map(held.map(({ lease, name }) => [name, lease] as const));
  const free = slot_names.filter((name) => !leaseOf.has(name));
  const kept = new Set(free.slice(Math.max(0, limit - active_slots)));
  return [
    ...slot_names.map((name) => ({
      lease: leaseOf.get(name),
      name,
      isOver: false,
      isKept: kept.has(name),
    })),
    ...held
      .filter(({ name }) => name === undefined || !slot_names.includes(name))
      .map((slot) => ({ ...slot, isOver: true, isKept: false })),
  ];
}

/** A person at the command line: resizes limits, takes leases away, deletes and re-creates. */
import { type Holdings, markOf } from "./holdings.ts";
import type { SimLimit } from "./limits.ts";
import type { World } from "./world.ts";

export class Operator {
  readonly #world: World;
  readonly #holdings: Holdings;
  readonly #limits: readonly SimLimit[];

  constructor(world: World, holdings: Holdings, limits: readonly SimLimit[]) {
    [this.#world, this.#holdings, this.#limits] = [world, holdings, limits];
  }

  /** Creates a limit, as often as it takes. */
  async create(
    limit: SimLimit,
    size: number,
    settings: { bypass_max: number; slot_names: string[] | null },
  ): Promise<void> {
    for (;;) {
      const made = await limit.ask("operator", "create", { name: limit.name, limit: size, ...settings });
      if (made?.ok === true || (made?.ok === false && made.error.code === "conflict")) return;
      await this.#world.timeline.sleep(1000);
    }
  }

  /** Looks around every now and then, and does what the seed has them do. */
  start(every_ms: number, settings: { bypass_max: number; slot_names: string[] | null; size: number }): void {
    const random = this.#world.random("operator");
    const { faults, timeline } = this.#world;
    this.#world.spawn("operator", async () => {
      for (;;) {
        await timeline.sleep(random.exponential(every_ms));
        const limit = this.#limits[random.int(0, this.#limits.length - 1)];
        if (faults.isOver || limit === undefined) return;
        await limit.ask("operator", "read", {});
        const resize = faults.strike("resize");
        // Named slots stay as many as they are.
        if (resize !== undefined && settings.slot_names === null)
          await limit.ask("operator", "update", { limit: resize.int(0, settings.size + 2) });
        const force = faults.strike("force_release");
        if (force !== undefined) await this.#takeAway(limit, force.next());
        const recreate = faults.strike("recreate");
        if (recreate !== undefined) {
          await limit.ask("operator", "delete", { is_forced: recreate.chance(0.5) });
          await timeline.sleep(recreate.magnitude(1, 60_000));
          await this.create(limit, settings.size, settings);
        }
        const reprioritize = faults.strike("reprioritize");
        if (reprioritize !== undefined) {
          const line = await limit.ask("operator", "list_waiters", { offset: 0, limit: 50 });
          const waiter = line?.ok === true ? line.value.at(-1) : undefined;
          if (waiter !== undefined)
            await limit.ask("operator", "set_priority", {
              waiter_id: waiter.waiter_id,
              priority: reprioritize.int(-2, 2),
            });
        }
      }
    });
  }

  async #takeAway(limit: SimLimit, where: number): Promise<void> {
    const holders = await limit.ask("operator", "list_holders", { after_fence: 0, limit: 50 });
    if (holders?.ok !== true) return;
    const lease = holders.value[Math.floor(where * holders.value.length)];
    if (lease === undefined) return;
    this.#holdings.taken.add(markOf(limit.name, lease.fence));
    await limit.ask("operator", "force_release", { lease_id: lease.lease_id });
  }
}

/** A person at the command line: resizes limits, switches them off and on, takes leases away, deletes and re-creates. */
import type { LimitUpdate } from "../../src/contract/wire/limits.ts";
import { type Holdings, markOf } from "./holdings.ts";
import type { SimLimit } from "./limits.ts";
import type { Random } from "./random.ts";
import type { World } from "./world.ts";

/** What a limit is made with. */
export interface LimitSettings {
  size: number;
  bypass_max: number;
  slot_names: string[] | null;
  slot_decay_per_second: number;
}

const SLOTS_MAX = 50;
const SWITCH_TRIES = 5;
const SWITCHED_MS = [1, 60_000] as const;
/** Slots that are let decay by hand are free again within a moment. */
const SWITCHED_DECAY_PER_SECOND = 0.1;

export class Operator {
  readonly #world: World;
  readonly #holdings: Holdings;
  readonly #limits: readonly SimLimit[];

  constructor(world: World, holdings: Holdings, limits: readonly SimLimit[]) {
    [this.#world, this.#holdings, this.#limits] = [world, holdings, limits];
  }

  /** Creates a limit, as often as it takes. */
  async create(limit: SimLimit, { size, ...settings }: LimitSettings): Promise<void> {
    for (;;) {
      const made = await limit.ask("operator", "create", { name: limit.name, limit: size, ...settings });
      if (made?.ok === true || (made?.ok === false && made.error.code === "conflict")) return;
      await this.#world.timeline.sleep(1000);
    }
  }

  /** Looks around every now and then, and does what the seed has them do. */
  start(every_ms: number, settings: readonly LimitSettings[]): void {
    const random = this.#world.random("operator");
    const { faults, timeline } = this.#world;
    this.#world.spawn("operator", async () => {
      for (;;) {
        await timeline.sleep(random.exponential(every_ms));
        const number = random.int(0, this.#limits.length - 1);
        const [limit, own] = [this.#limits[number], settings[number]];
        if (faults.isOver || limit === undefined || own === undefined) return;
        await limit.ask("operator", "read", {});
        const resize = faults.strike("resize");
        if (resize !== undefined) {
          const most = own.slot_names === null ? own.size + 2 : own.size;
          await limit.ask("operator", "update", { limit: resize.int(0, most) });
        }
        const force = faults.strike("force_release");
        if (force !== undefined) await this.#takeAway(limit, force);
        const recreate = faults.strike("recreate");
        if (recreate !== undefined) {
          await limit.ask("operator", "delete", { is_forced: recreate.chance(0.5) });
          await timeline.sleep(recreate.magnitude(1, 60_000));
          await this.create(limit, own);
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
        const disable = faults.strike("disable");
        if (disable !== undefined)
          await this.#switch(limit, { active: false }, { active: true }, disable.magnitude(...SWITCHED_MS));
        const decay = faults.strike("switch_decay");
        if (decay !== undefined) {
          const { slot_decay_per_second } = own;
          const other = slot_decay_per_second === 0 ? SWITCHED_DECAY_PER_SECOND : 0;
          await this.#switch(
            limit,
            { slot_decay_per_second: other },
            { slot_decay_per_second },
            decay.magnitude(...SWITCHED_MS),
          );
        }
      }
    });
  }

  /** Changes a limit for a while, and leaves it so where nobody hears of the way back. */
  async #switch(limit: SimLimit, there: LimitUpdate, back: LimitUpdate, ms: number): Promise<void> {
    await limit.ask("operator", "update", there);
    await this.#world.timeline.sleep(ms);
    for (let tries = 0; tries < SWITCH_TRIES; tries += 1)
      if ((await limit.ask("operator", "update", back))?.ok === true) return;
  }

  /** Gives back what clients that know no leases have left behind, and what would last for a day. */
  async cleanUp(limit: SimLimit, isAlive: (task_run_id: string) => boolean): Promise<void> {
    await limit.ask("operator", "decrement", { slots: SLOTS_MAX });
    const holders = await limit.ask("operator", "list_holders", { after_fence: 0, limit: SLOTS_MAX });
    for (const { holder } of holders?.ok === true ? holders.value : [])
      if (holder?.type === "task_run" && !isAlive(holder.id))
        await limit.ask("operator", "release_holder", { holder });
  }

  /** By force, or as its holder would: whoever knows a lease's id may give it back. */
  async #takeAway(limit: SimLimit, random: Random): Promise<void> {
    const holders = await limit.ask("operator", "list_holders", { after_fence: 0, limit: 50 });
    if (holders?.ok !== true) return;
    const lease = holders.value[Math.floor(random.next() * holders.value.length)];
    if (lease === undefined) return;
    this.#holdings.taken.add(markOf(limit.name, lease.fence));
    const operation = random.chance(0.3) ? "release" : "force_release";
    await limit.ask("operator", operation, { lease_id: lease.lease_id });
  }
}

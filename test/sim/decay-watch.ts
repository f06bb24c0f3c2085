/**
 * Holds a limit that decays to what its rate allows: by its rows no level falls by itself or rises above the limit, and
 * over all that callers were told no more was given than has fallen since.
 */
import type { Grant } from "../../src/contract/wire/limits.ts";
import type { AcquireCommand } from "../../src/objects/limit/operations.ts";
import { type ConfigRow, doesDecay, type LeaseRow, levelAt, sumSlots } from "./limit-rows.ts";
import type { SimObject } from "./objects.ts";
import type { World } from "./world.ts";

/** A turn decides by one instant, and is told at another. */
const TOLD_LATE_MS = 50;
/** A change of the limit is known within so long, or was lost with its turn. */
const CHANGING_MS = 5000;
const EPSILON = 1e-6;
/** What sets a level, beside acquires. */
const SETTING = ["create", "update", "delete", "decrement"];

export class DecayWatch {
  readonly #world: World;
  readonly #object: SimObject;
  #config: ConfigRow | undefined;
  /** Slots that are held until other limits have decided. */
  #reserved = 0;
  /** Until then somebody may have set the level. */
  #isSetUntil = 0;
  /** The level by what was told, and when, by the server's clock. */
  #told = { level: 0, at: 0 };
  readonly #requests = new Set<string>();

  constructor(world: World, object: SimObject) {
    [this.#world, this.#object] = [world, object];
  }

  get #isBeingSet(): boolean {
    return this.#world.now < this.#isSetUntil;
  }

  /** A command has reached the limit. */
  note(operation: string): void {
    if (!SETTING.includes(operation)) return;
    this.#isSetUntil = this.#world.now + CHANGING_MS;
    this.#told = { level: 0, at: this.#world.clock.now };
  }

  /** Compares the level after a commit with the level before. */
  look(config: ConfigRow, leases: readonly LeaseRow[]): void {
    const [before, reserved_before] = [this.#config, this.#reserved];
    this.#config = config;
    this.#reserved = sumSlots(leases.filter(({ kind }) => kind === "reserved"));
    if (before === undefined || !doesDecay(before) || !doesDecay(config) || this.#isBeingSet) return;
    // By a clock that was put back no level falls.
    const left = levelAt(before, Math.max(before.level_at, config.level_at));
    if (config.level < left - EPSILON && config.level_at > before.level_at)
      this.#world.fail("I2", `the level of ${this.#object.name} has fallen by itself`, { before, config });
    const occupied = sumSlots(leases);
    // What was reserved becomes level once it is decided, also where the limit was lowered since.
    const taken = config.level - left - Math.max(0, reserved_before - this.#reserved);
    if (taken > EPSILON && config.level + occupied > config.limit + EPSILON)
      this.#world.fail("I1", `${this.#object.name} gave more slots than its limit`, {
        before,
        config,
        occupied,
      });
  }

  /** A caller of this limit alone was told that it has its slots. */
  noteGrant({ names, slots, request_id, caller }: AcquireCommand, { fence }: Grant): void {
    const config = this.#config;
    if (config === undefined || !doesDecay(config) || config.active === 0) return;
    // Who asks again under the same id is told the same again.
    const isRepeated = caller.type !== "prefect" && this.#requests.has(request_id);
    this.#requests.add(request_id);
    if (isRepeated || names.length > 1 || fence !== null) return;
    if (this.#isBeingSet || this.#world.clock.hasStepped) return;
    const { now } = this.#world.clock;
    const fallen = (config.slot_decay_per_second * (now - this.#told.at)) / 1000;
    this.#told = { level: Math.max(0, this.#told.level - fallen) + slots, at: now };
    const slack = (config.slot_decay_per_second * TOLD_LATE_MS) / 1000 + EPSILON;
    if (this.#told.level > config.limit + slack)
      this.#world.fail("I1", `${this.#object.name} told of more slots than have decayed`, {
        config,
        level: this.#told.level,
      });
  }
}

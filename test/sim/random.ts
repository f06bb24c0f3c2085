/** Everything that a seed decides: streams of random numbers, and which faults strike. */
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";

/** One stream of random numbers, a function of the seed and of its own name: leaving another one out changes nothing. */
export class Random {
  readonly #generator: ReturnType<typeof xoroshiro128plus>;

  constructor(seed: number, name: string) {
    this.#generator = xoroshiro128plus(hash(`${seed}/${name}`));
  }

  /** Uniform in [0, 1). */
  next(): number {
    return (this.#generator.next() >>> 0) / 2 ** 32;
  }

  /** A whole number, both ends included. */
  int(from: number, to: number): number {
    return from + Math.floor(this.next() * (to - from + 1));
  }

  uint(bits: number): number {
    return bits <= 32
      ? Math.floor(this.next() * 2 ** bits)
      : Math.floor(this.next() * 2 ** (bits - 32)) * 2 ** 32 + Math.floor(this.next() * 2 ** 32);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<Item>(items: readonly [Item, ...Item[]]): Item {
    return items[this.int(0, items.length - 1)] ?? items[0];
  }

  /** Exponentially distributed, as times between independent events are. */
  exponential(mean: number): number {
    return -Math.log(1 - this.next()) * mean;
  }

  /** Spread evenly over the orders of magnitude between two positive numbers. */
  magnitude(from: number, to: number): number {
    return from * (to / from) ** this.next();
  }

  uuid(): string {
    const hex = Array.from({ length: 32 }, () => this.int(0, 15).toString(16)).join("");
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}`;
  }
}

function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1)
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  // The generator begins slowly from seeds that differ in few bits.
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  return value ^ (value >>> 13);
}

export const FAULT_KINDS = [
  "delay",
  "lose",
  "double",
  "cut",
  "evict",
  "crash",
  "commit",
  "alarm_late",
  "alarm_early",
  "alarm_double",
  "kill",
  "freeze",
  "resize",
  "force_release",
  "recreate",
  "reprioritize",
  "deploy",
] as const;
/** Objects that begin with the code of the release before, and with its schema. */
const BIRTH_FAULTS = ["born_old"] as const;
/** What strikes pools, their agents and runs. */
export const POOL_FAULT_KINDS = [
  "host_down",
  "fresh_folder",
  "cancel",
  "crash_run",
  "retry_run",
  "delete_run",
  "pause",
  "resize_pool",
  "resize_queue",
  "resize_deployment",
  "recreate_pool",
  "reschedule",
] as const;
/** People who let one run, or one queue, go before the others. */
const FRONT_FAULTS = ["to_front", "reorder_queues"] as const;
/** People who switch a limit off, or make slots that are held decay, and later do the contrary. */
const SWITCH_FAULTS = ["disable", "switch_decay"] as const;
/** Those who wait on a socket freeze, and leave it open. */
const WAITER_FAULTS = ["freeze_waiter"] as const;
/** What befalls the embedded server as a whole. */
const SERVER_FAULTS = ["restart", "step_clock"] as const;
export type FaultKind =
  | (typeof FAULT_KINDS)[number]
  | (typeof BIRTH_FAULTS)[number]
  | (typeof POOL_FAULT_KINDS)[number]
  | (typeof FRONT_FAULTS)[number]
  | (typeof SWITCH_FAULTS)[number]
  | (typeof WAITER_FAULTS)[number]
  | (typeof SERVER_FAULTS)[number];

/** How likely each kind of fault is where it can strike; what is not named never does. */
export type FaultRates = Partial<Record<FaultKind, number>>;

/**
 * Decides at each place where a fault can strike whether it does. A fault is named by its kind and by how many such
 * places came before, so that a failing run can be repeated with some of its faults only.
 */
export class Faults {
  readonly struck: string[] = [];
  isOver = false;
  /** Alarms may come late, or die on the way and come again. */
  readonly isLate: boolean;
  /** Messages may be lost, or late. */
  readonly isLossy: boolean;
  /** The server's clock may be set. */
  readonly canStep: boolean;
  readonly #seed: number;
  readonly #rates: FaultRates;
  readonly #kept: ReadonlySet<string> | undefined;
  readonly #places = new Map<FaultKind, number>();
  readonly #streams = new Map<FaultKind, Random>();

  constructor(seed: number, rates: FaultRates, kept?: ReadonlySet<string>) {
    this.#seed = seed;
    this.#rates = rates;
    this.#kept = kept;
    this.isLate = [rates.alarm_late, rates.commit, rates.crash, rates.restart, rates.step_clock].some(
      (rate) => rate !== undefined,
    );
    this.canStep = rates.step_clock !== undefined;
    this.isLossy = [rates.delay, rates.lose, rates.cut].some((rate) => rate !== undefined);
  }

  /** The stream that says how the fault goes, where one strikes. */
  strike(kind: FaultKind): Random | undefined {
    const rate = this.#rates[kind] ?? 0;
    if (rate === 0 || this.isOver) return undefined;
    const place = (this.#places.get(kind) ?? 0) + 1;
    this.#places.set(kind, place);
    let stream = this.#streams.get(kind);
    if (stream === undefined) this.#streams.set(kind, (stream = new Random(this.#seed, `fault ${kind}`)));
    const isDrawn = stream.chance(rate);
    const fault = `${kind}:${place}`;
    if (this.#kept === undefined ? !isDrawn : !this.#kept.has(fault)) return undefined;
    this.struck.push(fault);
    return new Random(this.#seed, fault);
  }
}

/**
 * Holds the line of one limit to its order (I7, I8). Who came when, with which priority it asked or was moved, and how often
 * it was passed, the watch knows by itself: of a waiter's row it takes only that it is there, and whether it was offered
 * something.
 */
import { keyOfJoint, keyOfPrefect, keyOfRequest } from "../../src/domain/limit/naming.ts";
import type { AcquireCommand, LimitOperations } from "../../src/objects/limit/operations.ts";
import {
  type ConfigRow,
  countFree,
  doesDecay,
  type LeaseRow,
  type LimitRows,
  sumSlots,
  type WaiterRow,
} from "./limit-rows.ts";
import type { SimObject } from "./objects.ts";
import type { World } from "./world.ts";

/** What the watch knows of who stands in line. */
interface Place {
  waiter_key: string;
  priority: number;
  /** The commit with which it came, and between which instants that was. */
  look: number;
  came_after: number;
  came_by: number;
  /** It is a share of an acquire over several limits, whose place is that of its first arrival at home. */
  isJoint: boolean;
  /** Which row this is: one who was forgotten and comes again stands at the end. */
  arrived_at: number;
  /** How often later ones went before it while it was there. */
  passed: number;
}

type Move = LimitOperations["set_priority"]["command"];

/** What the design says, whatever the code has. */
const OFFER_FRESH_MS = 250;
/** A look at the line that was put off to a timer has an alarm behind it. */
const UNTOLD_MS = 5000;
/** An alarm that comes late means lost time, which puts deadlines off by half a minute, perhaps more than once. */
const LATE_SLACK_MS = 600_000;
/** A call that moves somebody has had its effect, or has been lost with its turn, within so long. */
const MOVING_MS = 100;

export class LineWatch {
  readonly #world: World;
  readonly #object: SimObject;
  /** Since when a waiter has had a socket open. */
  readonly #socketSince: (waiter_key: string) => number | undefined;
  #rows: LimitRows = { config: undefined, leases: new Map(), waiters: new Map() };
  #looks = 0;
  #looked_at = 0;
  /** The same by the server's clock, by which rows are written. */
  #showed_at = 0;
  readonly #places = new Map<string, Place>();
  /** With which priority each key has asked. */
  readonly #asked = new Map<string, number>();
  /** Who has asked since the commit before: it may have been offered something, and have come too early for it. */
  #asking = new Set<string>();
  /** When somebody last asked to move each key. */
  readonly #moves = new Map<string, number>();
  /** Who is first in line and could go, and was not told so. */
  #untold: WaiterRow | undefined;
  #cancelLook: () => void = () => {};

  constructor(world: World, object: SimObject, socketSince: (waiter_key: string) => number | undefined) {
    [this.#world, this.#object, this.#socketSince] = [world, object, socketSince];
  }

  /** A command has reached the limit. */
  note(operation: string, command: unknown): void {
    if (operation === "acquire") {
      const asked = command as AcquireCommand;
      this.#asked.set(keyOfAcquire(asked), asked.priority);
      this.#asking.add(keyOfAcquire(asked));
    } else if (operation === "reserve") {
      const { joint_id, priority } = command as LimitOperations["reserve"]["command"];
      this.#asked.set(keyOfJoint(joint_id), priority);
      this.#asking.add(keyOfJoint(joint_id));
    } else if (operation === "set_priority") this.#moves.set((command as Move).waiter_id, this.#world.now);
  }

  /** Who was moved stands where it was to stand. */
  noteMoved(move: Move): void {
    const place = this.#places.get(move.waiter_id);
    const row = this.#rows.waiters.get(move.waiter_id);
    if (place === undefined || row === undefined) return;
    if (move.is_to_front === true) {
      place.priority = row.priority;
      // The release before knows no front.
      if (this.#object.isOld) return;
      const before = [...this.#places.values()].find(
        (other) => other !== place && this.#isBefore(other, place) && this.#isInLine(other),
      );
      if (before !== undefined && !this.#isMoving(before))
        this.#world.fail("I8", `${this.#object.name}: who was to go to the front stands behind another`, {
          place,
          before,
        });
      return;
    }
    place.priority = move.priority;
    if (row.priority !== move.priority)
      this.#world.fail("I8", `${this.#object.name}: who was moved stands where it was`, { move, row });
  }

  /** Compares the line as it is now with the line before. */
  look(rows: LimitRows): void {
    const { config, leases, waiters } = rows;
    if (config === undefined) return;
    for (const lease of leases.values())
      if (!this.#rows.leases.has(lease.fence) && lease.kind === "lease")
        this.#checkGrant(lease, rows, config);
    for (const waiter of waiters.values()) {
      const before = this.#rows.waiters.get(waiter.waiter_key);
      if (waiter.offered_at !== null && before?.offered_at !== waiter.offered_at)
        this.#checkOffer(waiter, rows, config);
    }
    this.#asking = new Set();
    this.#looks += 1;
    this.#notePlaces(waiters);
    this.#rows = rows;
    this.#looked_at = this.#world.now;
    this.#showed_at = this.#world.clock.now;
    this.#checkRoom(config);
  }

  #notePlaces(waiters: LimitRows["waiters"]): void {
    for (const key of this.#places.keys()) if (!waiters.has(key)) this.#places.delete(key);
    for (const { waiter_key, priority, arrived_at, caller } of waiters.values()) {
      if (this.#places.get(waiter_key)?.arrived_at === arrived_at) continue;
      const isJoint = caller === "joint";
      this.#places.set(waiter_key, {
        waiter_key,
        // Who moved it before it was ever seen, or asks at another limit, is not known here.
        priority: this.#isMoving({ waiter_key }) ? priority : (this.#asked.get(waiter_key) ?? priority),
        look: this.#looks,
        came_after: isJoint ? arrived_at : this.#showed_at,
        came_by: isJoint ? arrived_at : this.#world.clock.now,
        isJoint,
        arrived_at,
        passed: 0,
      });
    }
  }

  /** I8 of a grant. Who had no place yet stands behind all of its priority. */
  #checkGrant(lease: LeaseRow, rows: LimitRows, config: ConfigRow): void {
    const keys =
      lease.request_id === null
        ? // Prefect's clients have no request id: it may be any of those who went.
          [...this.#rows.waiters.values()]
            .filter(({ caller, waiter_key, slots, arrived_at }) => {
              // A request that comes twice may stand in line again.
              const hasGone = rows.waiters.get(waiter_key)?.arrived_at !== arrived_at;
              return caller === "prefect" && slots === lease.slots && hasGone;
            })
            .map(({ waiter_key }) => waiter_key)
        : [keyOfRequest(lease.request_id)];
    const places = keys.flatMap((key) => this.#places.get(key) ?? []);
    const [first] = places.filter((place) => !places.some((other) => this.#isBefore(other, place)));
    const priority = lease.request_id === null ? 0 : this.#asked.get(keyOfRequest(lease.request_id));
    if (first === undefined && priority === undefined) return;
    this.#checkOrder(first ?? { priority: priority ?? 0 }, lease.slots, rows, config, "was granted");
  }

  /**
   * Nobody who is there and could go is passed; one that asks for more than a later one `bypass_max` times, where that is
   * more than 0.
   */
  #checkOrder(
    place: Place | Pick<Place, "priority">,
    slots: number,
    { waiters }: LimitRows,
    config: ConfigRow,
    what: "was granted" | "was offered a slot",
  ): void {
    if (config.active === 0 || config.deleted_at !== null) return;
    if ("waiter_key" in place && this.#isMoving(place)) return;
    const isGrant = what === "was granted";
    for (const before of this.#places.values()) {
      const isPassed =
        "waiter_key" in place ? this.#isBefore(before, place) : before.priority <= place.priority;
      if (!isPassed || before === place || this.#isMoving(before)) continue;
      const row = this.#rows.waiters.get(before.waiter_key);
      // Whoever is still in line was neither granted nor offered anything, by this commit or earlier.
      const after = waiters.get(before.waiter_key);
      if (row === undefined || after === undefined || !isWaiting(row) || !isWaiting(after)) continue;
      const limit = Math.min(config.limit, this.#rows.config?.limit ?? 0);
      if (this.#asking.has(before.waiter_key) || row.slots > limit || !this.#wasPresent(row, after)) continue;
      const passed = before.passed + 1;
      if (isGrant) before.passed = passed;
      if (config.bypass_max > 0 && row.slots > slots && passed <= config.bypass_max) continue;
      this.#world.fail("I8", `${this.#object.name}: a later one ${what} before ${before.waiter_key}`, {
        before,
        row,
        place,
        passed,
        bypass_max: config.bypass_max,
        in_use: sumSlots(this.#rows.leases.values()),
      });
    }
  }

  /** An offer goes to the next in line, and to no more than the free slots do for while nobody has missed one. */
  #checkOffer(offered: WaiterRow, rows: LimitRows, config: ConfigRow): void {
    const place = this.#places.get(offered.waiter_key);
    const asked = this.#asked.get(offered.waiter_key);
    if (place !== undefined || asked !== undefined)
      this.#checkOrder(place ?? { priority: asked ?? 0 }, offered.slots, rows, config, "was offered a slot");
    const isQuiet =
      [...rows.leases.keys()].every((fence) => this.#rows.leases.has(fence)) &&
      this.#rows.config?.limit === config.limit &&
      this.#rows.config.level_at === config.level_at;
    // Somebody earlier who comes back may be offered what a later one has not taken yet.
    const offers = [...rows.waiters.values()]
      .filter((waiter) => waiter.lane === 0 && waiter.offered_at !== null && !isStoredBefore(offered, waiter))
      .sort((left, right) => (isStoredBefore(left, right) ? -1 : 1));
    const areFresh = offers.every(
      ({ offered_at }) => this.#world.clock.now - (offered_at ?? 0) < OFFER_FRESH_MS,
    );
    const free = countFree(config, rows.leases.values(), this.#world.clock.now);
    let left = free;
    for (const { slots } of offers) {
      // One that does not fit any more, since an earlier one has come back, is passed where that is allowed.
      if (slots > left && offered.slots <= left && config.bypass_max > 0) continue;
      left -= slots;
    }
    if (isQuiet && areFresh && left < 0)
      this.#world.fail("I8", `${this.#object.name} offered one slot to several at once`, { offers, free });
  }

  /** I7: what is free was given or offered to whoever is first in line, or will be within a moment. */
  #checkRoom(config: ConfigRow): void {
    const first = this.#findUntold(config);
    if (first?.waiter_key === this.#untold?.waiter_key) return;
    this.#untold = first;
    if (first === undefined) return;
    const wait_ms = this.#world.faults.isLate ? LATE_SLACK_MS : UNTOLD_MS;
    this.#world.timeline.after(wait_ms, () => {
      if (this.#untold !== first) return;
      this.#world.fail("I7", `${this.#object.name} has slots free and tells nobody`, {
        first,
        since_ms: wait_ms,
      });
    });
  }

  /** What decays is free at some instant without anything happening. */
  #lookAgain(config: ConfigRow, { slots }: WaiterRow): void {
    const { clock, timeline } = this.#world;
    const over = slots - countFree(config, this.#rows.leases.values(), clock.now);
    this.#cancelLook();
    this.#cancelLook = timeline.after((over * 1000) / config.slot_decay_per_second, () => {
      if (this.#rows.config !== undefined) this.#checkRoom(this.#rows.config);
    });
  }

  #findUntold(config: ConfigRow): WaiterRow | undefined {
    if (config.active === 0 || config.deleted_at !== null) return undefined;
    const free = countFree(config, this.#rows.leases.values(), this.#world.clock.now);
    const line = [...this.#rows.waiters.values()].filter(
      (waiter) => waiter.lane === 0 && this.#isPresent(waiter) && waiter.slots <= config.limit,
    );
    const [first] = line.sort((left, right) => left.priority - right.priority || left.seq - right.seq);
    if (first === undefined || first.offered_at !== null) return undefined;
    if (first.slots <= free) return first;
    if (doesDecay(config)) this.#lookAgain(config, first);
    return undefined;
  }

  #isMoving({ waiter_key }: Pick<Place, "waiter_key">): boolean {
    return this.#world.now < (this.#moves.get(waiter_key) ?? 0) + MOVING_MS;
  }

  /** Tells whether one certainly stands before another. */
  #isBefore(left: Place, right: Place): boolean {
    if (left.priority !== right.priority) return left.priority < right.priority;
    const isByTime = [left, right].some(({ isJoint, waiter_key }) => isJoint || this.#moves.has(waiter_key));
    // A clock that was put back says nothing of who came first.
    if (isByTime && this.#world.clock.hasStepped) return false;
    return left.isJoint || right.isJoint ? left.came_by < right.came_after : left.look < right.look;
  }

  #isInLine({ waiter_key }: Place): boolean {
    return this.#rows.waiters.get(waiter_key)?.lane === 0;
  }

  /** Was there for certain, from the commit before to this one. */
  #wasPresent(before: WaiterRow, after: WaiterRow): boolean {
    if (before.caller !== after.caller) return false;
    if (after.caller === "run") return true;
    if (after.caller !== "socket")
      return this.#world.clock.now < Math.min(after.present_until, before.present_until);
    const since = this.#socketSince(after.waiter_key);
    return since !== undefined && since < this.#looked_at;
  }

  /** May be there, as far as the limit knows. */
  #isPresent({ caller, waiter_key, present_until }: WaiterRow): boolean {
    if (caller === "run" || this.#socketSince(waiter_key) !== undefined) return true;
    return caller !== "socket" && this.#world.clock.now < present_until;
  }
}

/** The key under which an acquire of one limit stands in its line. */
function keyOfAcquire({ caller, names, slots, mode, holder, request_id }: AcquireCommand): string {
  return caller.type === "prefect"
    ? keyOfPrefect(caller.csrf_client, names, slots, mode, holder?.id ?? null)
    : keyOfRequest(request_id);
}

function isWaiting({ lane, offered_at }: WaiterRow): boolean {
  return lane === 0 && offered_at === null;
}

function isStoredBefore(left: WaiterRow, right: WaiterRow): boolean {
  return (
    left.priority < right.priority || (left.priority === right.priority && left.arrived_at < right.arrived_at)
  );
}

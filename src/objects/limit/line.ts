/** The line of a limit: it is walked in every turn that could make room, and in every acquire that finds others waiting. */
import { ABSENT_SECONDS, OFFER_LAPSES_MS, WAITERS_MAX, WAITERS_SEEN_MAX } from "../../contract/bounds.ts";
import { accept, refuse, TOO_MANY_SLOTS } from "../../contract/errors.ts";
import type { Waiting } from "../../contract/wire/limits.ts";
import { doesDecay, fitsAt } from "../../domain/limit/decay.ts";
import {
  findBrokenOrder,
  isBefore,
  isPresent,
  isWalkOver,
  startWalk,
  stepLine,
  type LineAction,
  type LineState,
  type LineStep,
  type Sighting,
} from "../../domain/limit/line.ts";
import type { Lease, LeaseKind, Waiter } from "../../domain/limit/types.ts";
import { InvariantViolation } from "../shared/actor.ts";
import type { LimitCore } from "./core.ts";
import type { Ears } from "./ears.ts";
import { tellHome, tellRun, type Send } from "./notices.ts";
import { Places } from "./places.ts";
import {
  countPosition,
  describeOffer,
  describeWaiting,
  estimate,
  lookAround,
  readOutlook,
} from "./waiting.ts";

/** Waiters that are read at once. */
const WINDOW = 16;
const SEQS_PER_MS = 1000;
/** The place of a waiter that does not stand in line yet: behind everybody of its priority. */
export const UNPLACED = Number.MAX_SAFE_INTEGER;
/** How long an open socket counts as heard of. */
export const SOCKET_HEARD_MS = 600_000;
/**
 * A run that got its slot while it waited has it for this long at first: its pool gives it back when nobody claims the
 * run soon, and makes it last with the claim. The rest is for their words to each other, should these be late.
 */
const RUN_FIRST_SECONDS = 60;
/** A change this near is seen by a timer; the alarm stands behind it. */
const TIMER_MS_MAX = 1000;
export const OFFER_LAPSED = "What was offered was not taken in time; ask again.";

export interface Taken {
  lease: Lease | null;
}

/** A caller who asks in the turn that walks the line, in line (`is_stored`) or not yet. */
export interface Asking {
  waiter: Waiter;
  is_stored: boolean;
  kind: LeaseKind;
  /** What the leases occupy, where the turn has counted it already. */
  occupied?: number | undefined;
}

/** What the line needs from its actor. */
export interface LineLinks {
  send: Send;
  /** Asks for a turn that walks the line again. */
  walkAgain(): void;
  /** Asks for a turn that tells waiters their places. */
  tellPlaces(): void;
}

/** What is known of a waiter that does not ask in this very turn. */
export function sight(
  { store }: LimitCore,
  ears: Ears,
  { waiter_key, caller, run }: Waiter,
  now: number,
): Sighting {
  return {
    is_asking: false,
    is_here: caller === "run" || ears.isHere(waiter_key),
    is_ended: run !== null && store.ended.has("attempt", run.attempt_id, now),
  };
}

export class Line {
  readonly #core: LimitCore;
  readonly #ears: Ears;
  readonly #links: LineLinks;
  readonly #places: Places;
  /** When the line must be looked at again though nothing happens; Infinity when that will not change it. */
  next_at = Number.POSITIVE_INFINITY;
  #cancelTimer: (() => void) | undefined;
  #waiters: number | undefined;
  /** Whether there is no waiter's row at all; undefined when that must be read. */
  #isEmpty: boolean | undefined;

  constructor(core: LimitCore, ears: Ears, links: LineLinks) {
    this.#core = core;
    this.#ears = ears;
    this.#links = links;
    this.#places = new Places(core, ears, () => links.tellPlaces());
  }

  forget(): void {
    this.#waiters = undefined;
    this.#isEmpty = undefined;
  }

  /** Nobody stands in line, nor is anybody parked. */
  isEmpty(): boolean {
    this.#isEmpty ??= !this.#core.store.waiters.hasAny();
    return this.#isEmpty;
  }

  isFull(): boolean {
    this.#waiters ??= this.#core.store.waiters.count(WAITERS_MAX);
    return this.#waiters >= WAITERS_MAX;
  }

  /**
   * Adds a waiter, at the end of its priority unless it has a place from elsewhere; one whose place is taken stands right
   * behind it. Places follow the time of arrival, so that limits agree on who came first.
   */
  insert(waiter: Waiter): Waiter {
    const { store } = this.#core;
    let { seq, estimated_ms } = waiter;
    if (seq === UNPLACED) {
      estimated_ms = this.#estimate(waiter);
      seq = Math.max(waiter.arrived_at * SEQS_PER_MS, (store.waiters.lastSeq(waiter.priority) ?? 0) + 1);
    } else {
      const { priority } = waiter;
      const isTaken = (at: number): boolean =>
        ([0, 1] as const).some((lane) => store.waiters.hasPlace({ lane, priority, seq: at }));
      while (isTaken(seq)) seq += 1;
    }
    const placed = { ...waiter, seq, estimated_ms };
    store.waiters.insert(placed);
    this.#isEmpty = false;
    if (this.#waiters !== undefined) this.#waiters += 1;
    if (waiter.seq !== UNPLACED || waiter.priority !== 0) this.#places.noteMoved(this.#core.host.now());
    this.#core.wakeAt(waiter.arrived_at + ABSENT_SECONDS * 1000);
    return placed;
  }

  /** How long somebody who comes now may wait, behind all who are there. */
  #estimate(waiter: Waiter): number | null {
    if (this.#waiters === undefined) return null;
    const now = waiter.arrived_at;
    const scene = { now, outlook: readOutlook(this.#core, now) };
    const seconds = estimate(this.#core, waiter, this.#waiters + 1, scene);
    return seconds === null ? null : Math.round(seconds * 1000);
  }

  remove(waiter: Waiter): void {
    this.#core.store.waiters.delete(waiter);
    if (waiter.lane === 0) this.#core.isLineDue = true;
    this.#isEmpty = undefined;
    if (this.#waiters !== undefined) this.#waiters -= 1;
    this.#places.noteMoved(this.#core.host.now());
  }

  /**
   * Gives what is free to whoever's turn it is, and asserts of it I7 and I8. `asking` is a caller who asks in this very turn, in line or not yet:
   * when its turn has come it takes what it asks for, and that is returned.
   */
  walk(now: number, asking?: Asking): Taken | undefined {
    const taken = this.#walk(now, asking);
    this.#core.isLineDue = false;
    return taken;
  }

  #walk(now: number, asking: Asking | undefined): Taken | undefined {
    const { store } = this.#core;
    const config = this.#core.config;
    this.next_at = Number.POSITIVE_INFINITY;
    if (config === undefined || !config.active) return undefined;
    const hasLine = !this.isEmpty() && store.waiters.hasLine();
    if (!hasLine && asking === undefined) return undefined;
    let occupied = asking?.occupied ?? store.leases.countOccupied();
    const state = startWalk(config.limit - this.#core.countInUse(config, now, occupied));
    const steps: LineStep[] = [];
    let taken: Taken | undefined;
    let hasGiven = false;
    let isAskingDone = asking === undefined;
    let cursor: Waiter | undefined;
    let looked = 0;
    let hasChanged = false;
    const step = (waiter: Waiter): void => {
      const isAsking = waiter.waiter_key === asking?.waiter.waiter_key;
      if (isAsking) isAskingDone = true;
      const action = stepLine(
        state,
        waiter,
        isAsking
          ? { is_asking: true, is_here: true, is_ended: false }
          : sight(this.#core, this.#ears, waiter, now),
        now,
        config,
      );
      const { waiter_key, priority, seq, slots, passed } = waiter;
      steps.push({ waiter_key, priority, seq, slots, passed, action });
      if (action !== "keep" && action !== "block") hasChanged = true;
      if (action === "take" || action === "grant") {
        hasGiven = true;
        for (const blocked of state.blocked) {
          blocked.passed += 1;
          store.waiters.countPassed(blocked);
        }
      }
      if (action === "take" && asking !== undefined) {
        if (asking.is_stored) this.remove(waiter);
        const { lease_seconds } = asking.waiter;
        const lease = this.#give(asking.waiter, asking.kind, lease_seconds, occupied, now);
        occupied += lease?.slots ?? 0;
        taken = { lease };
      } else if (action === "grant") occupied += this.#grant(waiter, occupied, now)?.slots ?? 0;
      else if (!isAsking) this.#apply(action, waiter, now);
      // Where leases alone leave too little, or an offer ahead speaks of what is free, time changes nothing.
      if (action === "block" && doesDecay(config) && waiter.slots + occupied <= config.limit) {
        const at = fitsAt(this.#core.config ?? config, waiter.slots, now, occupied);
        if (at > now) state.next_at = Math.min(state.next_at, at);
      }
    };
    const mayGoOn = (): boolean =>
      !isWalkOver(state, config.bypass_max) || (doesDecay(config) && state.blocked.length === 0);
    while (mayGoOn()) {
      const window = hasLine ? store.waiters.listLine(cursor, WINDOW) : [];
      for (const waiter of window) {
        cursor = waiter;
        if (!mayGoOn()) break;
        if (!isAskingDone && asking !== undefined && isBefore(asking.waiter, waiter)) {
          step(asking.waiter);
          if (!mayGoOn()) break;
        }
        if (waiter.waiter_key !== asking?.waiter.waiter_key) step(waiter);
        else if (!isAskingDone) step(asking.waiter);
      }
      looked += window.length;
      if (window.length < WINDOW) break;
      if (looked >= WAITERS_SEEN_MAX) {
        // Where nobody moved, the next look would end here again.
        if (hasChanged) state.next_at = now + 1;
        break;
      }
    }
    if (!isAskingDone && asking !== undefined && looked < WAITERS_SEEN_MAX && mayGoOn()) step(asking.waiter);
    if (hasGiven) this.#core.assertCapacity(this.#core.config ?? config, now);
    const broken = findBrokenOrder(steps, state.free, config.bypass_max);
    if (broken !== undefined)
      throw new InvariantViolation(broken.invariant, broken.message, { free: state.free, steps });
    this.#watch(state, now);
    return taken;
  }

  /** Refuses everybody who asks for more than the limit, which was lowered, has at all. */
  refuseAbove(limit: number): void {
    for (const waiter of this.#core.store.waiters.deleteAbove(limit)) this.#tellTooMany(waiter);
    this.#core.isLineDue = true;
    this.#waiters = undefined;
    this.#isEmpty = undefined;
    this.#places.noteMoved(this.#core.host.now());
  }

  /** Lets everybody go: the limit was disabled or deleted, so the next request of each passes. */
  dissolve(now: number): void {
    for (const waiter of this.#core.store.waiters.deleteAll()) {
      if (waiter.caller === "run") tellRun(this.#core, this.#links.send, waiter, null, now);
      else if (waiter.caller === "joint") tellHome(this.#core, this.#links.send, waiter);
      else if (this.#ears.hasSocket(waiter.waiter_key)) {
        const config = this.#core.config;
        const grant =
          config === undefined
            ? {
                status: "granted" as const,
                lease_id: this.#core.emptyLeaseId(),
                limits: [],
                fence: null,
                expires_in_seconds: waiter.lease_seconds,
              }
            : this.#core.grantOf(config, null, waiter.lease_seconds, now);
        this.#ears.answer(waiter.waiter_key, accept(grant));
      } else this.#ears.answer(waiter.waiter_key, accept(describeOffer(this.#core)));
    }
    this.#waiters = 0;
    this.#isEmpty = undefined;
    this.#core.isLineDue = false;
    this.next_at = Number.POSITIVE_INFINITY;
  }

  /** Tells a waiter why it waits and for how long it may be. */
  describe(waiter: Waiter, retry_after_seconds: number, now: number): Waiting {
    const position = countPosition(this.#core, waiter);
    const scene = lookAround(this.#core, now);
    const waiting = describeWaiting(this.#core, waiter, position, scene, retry_after_seconds);
    if (waiter.caller === "socket") this.#places.noteTold(waiter, waiting);
    return waiting;
  }

  /** Tells everybody on a socket whose place has changed. */
  tellPlaces(now: number): void {
    this.#places.tell(now);
  }

  /** Forgets waiters whom nobody has heard of for too long. Returns false when more are left. */
  tidy(now: number): boolean {
    const { store } = this.#core;
    const unheard = store.waiters.listUnheard(this.#unheardSince(now), WAITERS_SEEN_MAX);
    for (const waiter of unheard) {
      const is_here = waiter.caller === "run" || this.#ears.isHere(waiter.waiter_key);
      if (isPresent(waiter, is_here, now)) {
        store.waiters.update(waiter, { ...waiter, present_until: now + SOCKET_HEARD_MS });
      } else {
        this.remove(waiter);
        this.#ears.answer(waiter.waiter_key, refuse("unavailable", OFFER_LAPSED));
      }
    }
    return unheard.length < WAITERS_SEEN_MAX;
  }

  /** Who was expected by then and has not come is forgotten; nobody is while the time to come back in is not over. */
  #unheardSince(now: number): number {
    const since = now - ABSENT_SECONDS * 1000;
    return since < this.#core.host.expiry_floor ? 0 : since;
  }

  #apply(action: LineAction, waiter: Waiter, now: number): void {
    const { store } = this.#core;
    switch (action) {
      case "drop": {
        this.remove(waiter);
        this.#ears.answer(waiter.waiter_key, refuse("gone", "The attempt that asked has ended."));
        return;
      }
      case "park": {
        if (waiter.present_until <= this.#unheardSince(now)) this.remove(waiter);
        else {
          store.waiters.update(waiter, {
            ...waiter,
            lane: 1,
            offered_at: null,
            present_until: Math.min(waiter.present_until, now),
          });
          // A socket on which an offer was not heard is of no use; should its owner be alive, it comes on another.
          this.#ears.answer(waiter.waiter_key, refuse("unavailable", OFFER_LAPSED));
          this.#places.noteMoved(now);
        }
        return;
      }
      case "offer": {
        store.waiters.update(waiter, {
          ...waiter,
          offered_at: now,
          // It is to come at once; should others be before it after all, its request is held and not taken for another's.
          retry_at: now,
          present_until: now + OFFER_LAPSES_MS,
        });
        if (waiter.caller === "joint") tellHome(this.#core, this.#links.send, waiter);
        else this.#ears.answer(waiter.waiter_key, accept(describeOffer(this.#core)));
        return;
      }
      default:
    }
  }

  #grant(waiter: Waiter, occupied: number, now: number): Lease | null {
    this.remove(waiter);
    const first_seconds = Math.min(RUN_FIRST_SECONDS, waiter.lease_seconds);
    const lease = this.#give(waiter, "lease", first_seconds, occupied, now);
    tellRun(this.#core, this.#links.send, waiter, lease, now);
    return lease;
  }

  #give(waiter: Waiter, kind: LeaseKind, first_seconds: number, occupied: number, now: number): Lease | null {
    const config = this.#core.config;
    if (config === undefined) return null;
    const { request_id, slots, lease_seconds, holder, run, note } = waiter;
    const room = doesDecay(config) ? undefined : { limit: config.limit, occupied };
    const draft = { kind, slots, lease_seconds, first_seconds, holder, run, note, room, waiter };
    return waiter.caller === "joint" && request_id !== null && waiter.pool_key !== null
      ? this.#core.takeSlots(
          config,
          { ...draft, request_id: null, joint_id: request_id, home_key: waiter.pool_key },
          now,
        )
      : this.#core.takeSlots(config, { ...draft, request_id }, now);
  }

  #tellTooMany(waiter: Waiter): void {
    if (waiter.caller === "joint") tellHome(this.#core, this.#links.send, waiter);
    this.#ears.answer(waiter.waiter_key, refuse("invalid", TOO_MANY_SLOTS));
  }

  /** Sees to it that the line is looked at again when its look can change by itself. */
  #watch(state: LineState, now: number): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    if (!Number.isFinite(state.next_at)) return;
    const wait = Math.max(1, state.next_at - now);
    if (wait > TIMER_MS_MAX) this.next_at = state.next_at;
    else {
      this.#cancelTimer = this.#ears.after(wait, () => this.#links.walkAgain());
      this.next_at = Math.max(state.next_at, now + OFFER_LAPSES_MS);
    }
    this.#core.wakeAt(this.next_at);
  }
}

/** The line of a limit: it is walked in every turn that could make room, and in every acquire that finds others waiting. */
import { ABSENT_SECONDS, FIRST_RENEW_SECONDS, OFFER_LAPSES_MS, WAITERS_MAX } from "../../contract/bounds.ts";
import { addressOfKey } from "../../contract/envelope.ts";
import { accept, refuse } from "../../contract/errors.ts";
import type { Waiting, WaitReason } from "../../contract/wire/limits.ts";
import { doesDecay, fitsAt } from "../../domain/limit/decay.ts";
import {
  isBefore,
  isWalkOver,
  startWalk,
  stepLine,
  type LineAction,
  type LineState,
} from "../../domain/limit/line.ts";
import { leaseIdOf } from "../../domain/limit/naming.ts";
import type { Lease, LeaseKind, LimitConfig, Waiter } from "../../domain/limit/types.ts";
import type { LimitCore } from "./core.ts";
import type { Ears } from "./ears.ts";

/** Waiters that are read at once. */
const WINDOW = 16;
/** Waiters that one walk looks at; a longer one goes on in the next turn. */
const WALK_MAX = 256;
/** Positions beyond this are not counted. */
const POSITION_MAX = 1000;
const BLOCKERS_MAX = 5;
const SEQS_PER_MS = 1000;
/** The place of a waiter that does not stand in line yet: behind everybody of its priority. */
export const UNPLACED = Number.MAX_SAFE_INTEGER;
/** How long an open socket counts as heard of. */
export const SOCKET_HEARD_MS = 600_000;
/** A run that got its slot while it waited must use it within this long. */
const RUN_FIRST_SECONDS = 20;
/** A change this near is seen by a timer; the alarm stands behind it. */
const TIMER_MS_MAX = 1000;
export const TOO_MANY_SLOTS = "Slots requested is greater than the limit";

export interface Taken {
  lease: Lease | null;
}

/** What the line needs from its actor. */
export interface LineLinks {
  /** Sends an effect on another object. */
  send(
    target: ReturnType<typeof addressOfKey>,
    operation: string,
    request_id: string,
    command: unknown,
  ): void;
  /** Asks for a turn that walks the line again. */
  walkAgain(): void;
}

export class Line {
  readonly #core: LimitCore;
  readonly #ears: Ears;
  readonly #links: LineLinks;
  /** When the line must be looked at again though nothing happens; Infinity when that will not change it. */
  next_at = Number.POSITIVE_INFINITY;
  #cancelTimer: (() => void) | undefined;
  #waiters: number | undefined;

  constructor(core: LimitCore, ears: Ears, links: LineLinks) {
    this.#core = core;
    this.#ears = ears;
    this.#links = links;
  }

  forget(): void {
    this.#waiters = undefined;
  }

  isFull(): boolean {
    this.#waiters ??= this.#core.store.countWaiters(WAITERS_MAX);
    return this.#waiters >= WAITERS_MAX;
  }

  /**
   * Adds a waiter, at the end of its priority unless it has a place from elsewhere; one whose place is taken stands right
   * behind it. Places follow the time of arrival, so that limits agree on who came first.
   */
  insert(waiter: Waiter): Waiter {
    const { store } = this.#core;
    let { seq } = waiter;
    if (seq === UNPLACED) {
      seq = Math.max(waiter.arrived_at * SEQS_PER_MS, (store.lastSeq(waiter.priority) ?? 0) + 1);
    } else {
      for (const lane of [0, 1] as const)
        while (store.hasPlace({ lane, priority: waiter.priority, seq })) seq += 1;
    }
    const placed = { ...waiter, seq };
    store.insertWaiter(placed);
    if (this.#waiters !== undefined) this.#waiters += 1;
    this.#core.wakeAt(waiter.arrived_at + ABSENT_SECONDS * 1000);
    return placed;
  }

  remove(waiter: Waiter): void {
    this.#core.store.deleteWaiter(waiter);
    if (this.#waiters !== undefined) this.#waiters -= 1;
  }

  /**
   * Gives what is free to whoever's turn it is. `asking` is a caller who asks in this very turn, in line or not yet:
   * when its turn has come it takes what it asks for, and that is returned.
   */
  walk(now: number, asking?: { waiter: Waiter; is_stored: boolean; kind: LeaseKind }): Taken | undefined {
    const { store } = this.#core;
    const config = this.#core.config;
    this.next_at = Number.POSITIVE_INFINITY;
    if (config === undefined || !config.active) return undefined;
    const hasLine = store.hasLine();
    if (!hasLine && asking === undefined) return undefined;
    const state = startWalk(config.limit - this.#core.countInUse(config, now));
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
        {
          is_asking: isAsking,
          is_here: waiter.caller === "run" || this.#ears.isHere(waiter.waiter_key),
          is_ended: !isAsking && waiter.run !== null && store.hasAttemptEnded(waiter.run.attempt_id, now),
        },
        now,
        config,
      );
      if (action !== "keep" && action !== "block") hasChanged = true;
      if (action === "take" || action === "grant") {
        hasGiven = true;
        for (const passed of state.blocked) store.countPassed(passed);
      }
      if (action === "take" && asking !== undefined) {
        if (asking.is_stored) this.remove(waiter);
        taken = { lease: this.#give(asking.waiter, asking.kind, asking.waiter.lease_seconds, now) };
      } else if (!isAsking) this.#apply(action, waiter, now);
      if (action === "block" && doesDecay(config)) {
        const current = this.#core.config ?? config;
        state.next_at = Math.min(state.next_at, fitsAt(current, waiter.slots, now));
      }
    };
    const mayGoOn = (): boolean =>
      !isWalkOver(state, config.bypass_max) || (doesDecay(config) && state.blocked.length === 0);
    while (mayGoOn()) {
      const window = hasLine ? store.listLine(cursor, WINDOW) : [];
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
      if (looked >= WALK_MAX) {
        // Where nobody moved, the next look would end here again.
        if (hasChanged) state.next_at = now + 1;
        break;
      }
    }
    if (!isAskingDone && asking !== undefined && looked < WALK_MAX && mayGoOn()) step(asking.waiter);
    if (hasGiven) this.#core.assertCapacity(this.#core.config ?? config, now);
    this.#watch(state, now);
    return taken;
  }

  /** Lets everybody go: the limit was disabled or deleted, so the next request of each passes. */
  dissolve(now: number): void {
    for (const waiter of this.#core.store.deleteAllWaiters()) {
      if (waiter.caller === "run") this.#tellRun(waiter, null, now);
      else if (waiter.caller === "joint") this.#tellHome(waiter);
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
      } else this.#ears.answer(waiter.waiter_key, accept(this.describeOffer()));
    }
    this.#waiters = 0;
    this.next_at = Number.POSITIVE_INFINITY;
  }

  /** Tells a waiter why it waits and for how long it may be. */
  describe(waiter: Waiter, retry_after_seconds: number, now: number): Waiting {
    const { store } = this.#core;
    const config = this.#core.config;
    const ahead =
      waiter.lane === 0
        ? store.countUpTo({ priority: waiter.priority, seq: waiter.seq }, POSITION_MAX)
        : null;
    const position = ahead === null || ahead > POSITION_MAX ? null : Math.max(1, ahead);
    const in_use = config === undefined ? 0 : this.#core.countInUse(config, now);
    const reason: WaitReason =
      waiter.offered_at !== null
        ? "offered"
        : config !== undefined && in_use + waiter.slots <= config.limit
          ? "behind_others"
          : "full";
    return {
      status: "waiting",
      reason,
      blocking_limit: config?.name ?? "",
      position,
      blockers: store.listBlockers(BLOCKERS_MAX).map((lease) => ({
        lease_id: leaseIdOf(this.#core.key, lease),
        slots: lease.slots,
        holder: lease.holder,
        expires_in_seconds: Math.max(0, (lease.expires_at - now) / 1000),
      })),
      estimated_seconds: config === undefined ? null : this.#estimate(config, waiter, position, now),
      retry_after_seconds,
    };
  }

  /** It is this waiter's turn: the next request with the same key takes the slots. */
  describeOffer(): Waiting {
    return {
      status: "waiting",
      reason: "offered",
      blocking_limit: this.#core.stored?.name ?? "",
      position: 1,
      blockers: [],
      estimated_seconds: 0,
      retry_after_seconds: 0,
    };
  }

  /** Forgets waiters whom nobody has heard of for too long. Returns false when more are left. */
  tidy(now: number): boolean {
    const { store } = this.#core;
    const unheard = store.listUnheard(now - ABSENT_SECONDS * 1000, WALK_MAX);
    for (const waiter of unheard) {
      if (this.#ears.isHere(waiter.waiter_key) || waiter.caller === "run") {
        store.updateWaiter(waiter, { ...waiter, present_until: now + SOCKET_HEARD_MS });
      } else this.remove(waiter);
    }
    return unheard.length < WALK_MAX;
  }

  #estimate(config: LimitConfig, waiter: Waiter, position: number | null, now: number): number | null {
    if (doesDecay(config)) return (fitsAt(config, waiter.slots * (position ?? 1), now) - now) / 1000;
    const mean = this.#core.mean_occupancy_seconds;
    if (mean === undefined || position === null || config.limit === 0) return null;
    return Math.ceil(position / config.limit) * mean;
  }

  #apply(action: LineAction, waiter: Waiter, now: number): void {
    const { store } = this.#core;
    switch (action) {
      case "drop": {
        this.remove(waiter);
        this.#ears.answer(waiter.waiter_key, refuse("gone", "The attempt that asked has ended."));
        return;
      }
      case "refuse": {
        this.remove(waiter);
        if (waiter.caller === "joint") this.#tellHome(waiter);
        this.#ears.answer(waiter.waiter_key, refuse("invalid", TOO_MANY_SLOTS));
        return;
      }
      case "park": {
        if (now >= waiter.present_until + ABSENT_SECONDS * 1000) this.remove(waiter);
        else
          store.updateWaiter(waiter, {
            ...waiter,
            lane: 1,
            offered_at: null,
            present_until: Math.min(waiter.present_until, now),
          });
        return;
      }
      case "offer": {
        store.updateWaiter(waiter, {
          ...waiter,
          offered_at: now,
          present_until: now + OFFER_LAPSES_MS,
        });
        if (waiter.caller === "joint") this.#tellHome(waiter);
        else this.#ears.answer(waiter.waiter_key, accept(this.describeOffer()));
        return;
      }
      case "grant": {
        this.remove(waiter);
        const first_seconds = waiter.caller === "run" ? RUN_FIRST_SECONDS : FIRST_RENEW_SECONDS;
        const lease = this.#give(waiter, "lease", Math.min(first_seconds, waiter.lease_seconds), now);
        if (waiter.caller === "run") this.#tellRun(waiter, lease, now);
        else {
          const config = this.#core.config;
          if (config !== undefined)
            this.#ears.answer(
              waiter.waiter_key,
              accept(this.#core.grantOf(config, lease, waiter.lease_seconds, now)),
            );
        }
        return;
      }
      default:
    }
  }

  #give(waiter: Waiter, kind: LeaseKind, first_seconds: number, now: number): Lease | null {
    const config = this.#core.config;
    if (config === undefined) return null;
    const { request_id, slots, lease_seconds, holder, run, note } = waiter;
    const draft = { kind, slots, lease_seconds, first_seconds, holder, run, note };
    return waiter.caller === "joint" && request_id !== null && waiter.pool_key !== null
      ? this.#core.takeSlots(
          config,
          { ...draft, request_id: null, joint_id: request_id, home_key: waiter.pool_key },
          now,
        )
      : this.#core.takeSlots(config, { ...draft, request_id }, now);
  }

  /** The pool of a run that waited hears of its slot, or that no slot is needed any more. */
  #tellRun(waiter: Waiter, lease: Lease | null, now: number): void {
    const flow_run_id = waiter.holder?.type === "flow_run" ? waiter.holder.id : waiter.run?.flow_run_id;
    if (flow_run_id === undefined || waiter.pool_key === null) return;
    this.#links.send(
      addressOfKey(this.#core.host.address.workspace, "pool", waiter.pool_key),
      "deployment_slot_granted",
      `slot:${this.#core.key}:${lease?.fence ?? waiter.seq}`,
      {
        flow_run_id,
        ...(waiter.request_id !== null && { request_id: waiter.request_id }),
        lease_id: lease === null ? this.#core.emptyLeaseId() : leaseIdOf(this.#core.key, lease),
        fence: lease?.fence ?? 0,
        expires_at: lease?.expires_at ?? now + waiter.lease_seconds * 1000,
      },
    );
  }

  /** An acquire over several limits hears from its home that room was made here. */
  #tellHome(waiter: Waiter): void {
    if (waiter.pool_key === null || waiter.request_id === null) return;
    this.#links.send(
      addressOfKey(this.#core.host.address.workspace, "limit", waiter.pool_key),
      "wake_joint",
      `wake:${waiter.request_id}:${waiter.seq}`,
      { joint_id: waiter.request_id },
    );
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

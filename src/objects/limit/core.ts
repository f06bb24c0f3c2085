/** What all parts of a limit share: its configuration, its fences and its leases. */
import { ANONYMOUS_LEASE_SECONDS } from "../../contract/bounds.ts";
import { formatId } from "../../contract/ids.ts";
import type { Grant, GrantedLimit, LeaseEnd } from "../../contract/wire/limits.ts";
import { endOfLease } from "../../domain/limit/deadlines.ts";
import { decayedLevel, decayedSlots, doesDecay } from "../../domain/limit/decay.ts";
import { leaseIdOf } from "../../domain/limit/naming.ts";
import { pickSlots } from "../../domain/limit/slots.ts";
import type { About, EndedSlots, Lease, LeaseKind, LimitConfig, Waiter } from "../../domain/limit/types.ts";
import { InvariantViolation } from "../shared/actor.ts";
import type { ObjectHost } from "../shared/host.ts";
import type { EndedKind } from "./ended-store.ts";
import { History, traceOf } from "./history.ts";
import type { EndedLease, Room } from "./lease-store.ts";
import { RunNews } from "./run-news.ts";
import type { LimitStore } from "./store.ts";

/** Fences are reserved in blocks, so that most grants write no second row; a restart skips the rest of its block. */
const FENCES_PER_BLOCK = 1000;
const TAIL_BITS = 22;
/** Estimates go by so many leases that ended last. */
const SPANS_MAX = 50;

/** What a new lease is made of. */
export interface LeaseDraft extends About {
  kind: LeaseKind;
  request_id: string | null;
  slots: number;
  lease_seconds: number;
  /** How long it lives until it is renewed for the first time. */
  first_seconds: number;
  joint_id?: string;
  home_key?: string;
  /** Whose turn has come after some time in line. */
  waiter?: Pick<Waiter, "arrived_at" | "estimated_ms">;
  /** What was free when it was decided to give them; absent where they are taken regardless. */
  room?: Room | undefined;
}

export class LimitCore {
  readonly host: ObjectHost;
  readonly store: LimitStore;
  readonly history: History;
  readonly runNews: RunNews;
  readonly #wakeAt: (at: number) => void;
  #config: LimitConfig | undefined;
  #fence_ceiling = 0;
  /** The fence that was given last; undefined until this instance has begun a block of its own. */
  #fence: number | undefined;
  /** Something may have made room since the line was walked: it must be before the commit (promise I7). */
  isLineDue = false;
  /** The leases that ended last, in that order, for estimates only. */
  #last: Pick<EndedSlots, "acquired_at" | "ended_at">[] = [];
  #hasLookedBack = false;
  /** Called when the lease of an acquire over several limits has ended at its home, with the run that it was for. */
  onHomeEnded: (joint_id: string, flow_run_id: string | null) => void = () => {};
  /** Called before a share of an acquire over several limits is taken away: what is held together ends together. */
  onShareTaken: (share: Pick<Lease, "joint_id" | "home_key" | "fence">, now: number) => void = () => {};
  /** Called when a lease was ended by anybody but its holder. */
  onTakenAway: (lease: Pick<Lease, "fence" | "tail">) => void = () => {};

  constructor(host: ObjectHost, store: LimitStore, wakeAt: (at: number) => void) {
    this.host = host;
    this.store = store;
    this.history = new History(store, host.address.key);
    this.runNews = new RunNews(host);
    this.#wakeAt = wakeAt;
  }

  get key(): string {
    return this.host.address.key;
  }

  /** The row of the limit, whether it is deleted or not. */
  get stored(): LimitConfig | undefined {
    if (this.#config === undefined) {
      const row = this.store.readConfig();
      this.#config = row?.config;
      this.#fence_ceiling = row?.fence_ceiling ?? 0;
    }
    return this.#config;
  }

  /** The limit, unless it was deleted or never existed. */
  get config(): LimitConfig | undefined {
    const config = this.stored;
    return config?.deleted_at === null ? config : undefined;
  }

  /** After a failed transaction nothing in memory can be trusted. */
  forget(): void {
    this.#config = undefined;
    this.#fence = undefined;
    this.isLineDue = false;
    [this.#last, this.#hasLookedBack] = [[], false];
    this.store.deadlines.take();
    this.history.forget();
    this.runNews.forget();
  }

  writeConfig(config: LimitConfig): void {
    void this.stored;
    this.store.writeConfig(config, this.#fence_ceiling);
    this.#config = config;
    this.isLineDue = true;
  }

  /** The next fence: higher than every one before, in this life of the limit and in all earlier ones. */
  nextFence(): number {
    void this.stored;
    const next = (this.#fence ?? this.#fence_ceiling) + 1;
    if (next > this.#fence_ceiling) {
      this.#fence_ceiling = next + FENCES_PER_BLOCK - 1;
      if (!this.store.raiseFenceCeiling(this.#fence_ceiling))
        throw new InvariantViolation("I4", "the stored ceiling of fences is higher than it was read", {
          next,
        });
    }
    this.#fence = next;
    return next;
  }

  /** Slots in use, by the one query that gate, display and holders share. */
  countInUse(config: LimitConfig, now: number, occupied: number = this.store.leases.countOccupied()): number {
    // A limit that decays has reservations at most, and leases from before it did.
    return doesDecay(config) ? decayedSlots(config, now) + occupied : occupied;
  }

  wakeAt(at: number): void {
    this.#wakeAt(at);
  }

  /** How long leases have lasted lately, milliseconds; of those that ended before this instance it reads once. */
  recentSpans(now: number): number[] {
    if (!this.#hasLookedBack) {
      this.#hasLookedBack = true;
      const first = this.#last[0]?.ended_at ?? Number.POSITIVE_INFINITY;
      const earlier = this.history.listLast(now, SPANS_MAX).filter(({ ended_at }) => ended_at < first);
      this.#last = [...earlier, ...this.#last].slice(-SPANS_MAX);
    }
    return this.#last.map(({ acquired_at, ended_at }) => ended_at - acquired_at);
  }

  /** Makes a lease; a limit that decays raises its level instead and answers null. */
  takeSlots(config: LimitConfig, draft: LeaseDraft, now: number): Lease | null {
    if (doesDecay(config) && draft.kind !== "reserved") {
      const level = decayedLevel(config, now) + draft.slots;
      this.store.writeLevel(level, now);
      this.#config = { ...config, level, level_at: now };
      return null;
    }
    const lease: Lease = {
      fence: this.nextFence(),
      tail: this.host.randomUint(TAIL_BITS),
      kind: draft.kind,
      request_id: draft.request_id,
      slots: draft.slots,
      slot_names: pickSlots(
        config.slot_names,
        config.slot_names === null ? [] : this.store.leases.listHeldSlotNames(),
        draft.slots,
      ),
      lease_seconds: draft.lease_seconds,
      ...waitOf(draft.waiter, now),
      acquired_at: now,
      expires_at: now + Math.round(draft.first_seconds * 1000),
      joint_id: draft.joint_id ?? null,
      home_key: draft.home_key ?? null,
      holder: draft.holder,
      run: draft.run,
      note: draft.note,
    };
    // What is taken regardless of what is free may be more than there are names.
    if (lease.slot_names !== null && lease.slot_names.length < lease.slots && draft.room !== undefined)
      throw new InvariantViolation("I3", "fewer named slots than were granted", { config, lease });
    this.#insert(lease, draft.room ?? null);
    this.wakeAt(endOfLease(lease.expires_at, this.host.expiry_floor));
    return lease;
  }

  /** The row by which an acquire over several limits lives at a home that itself counts nobody. */
  insertShare(
    joint: About & { joint_id: string; lease_seconds: number },
    expires_at: number,
    now: number,
  ): Lease {
    const lease: Lease = {
      fence: this.nextFence(),
      tail: this.host.randomUint(TAIL_BITS),
      kind: "home",
      request_id: null,
      slots: 0,
      slot_names: null,
      lease_seconds: joint.lease_seconds,
      ...waitOf(undefined, now),
      acquired_at: now,
      expires_at,
      joint_id: joint.joint_id,
      home_key: this.key,
      holder: joint.holder,
      run: joint.run,
      note: joint.note,
    };
    this.#insert(lease, null);
    return lease;
  }

  /** Asserts I1, I2 and I4: the statement that writes a lease refuses it where one of them would not hold. */
  #insert(lease: Lease, room: Room | null): void {
    if (this.store.leases.insert(lease, room)) return;
    const { occupied, highest_fence } = this.store.leases.measure();
    const state = { lease, room, occupied, highest_fence };
    if (highest_fence >= lease.fence)
      throw new InvariantViolation("I4", `fence ${lease.fence} is not above ${highest_fence}`, state);
    if (occupied !== room?.occupied)
      throw new InvariantViolation(
        "I2",
        `${room?.occupied} slots were counted, and leases have ${occupied}`,
        state,
      );
    throw new InvariantViolation("I1", `${lease.slots} more than ${room.limit} slots would be in use`, state);
  }

  /** Slots without a lease, given back by `decrement` or after a day. */
  takeAnonymousSlots(config: LimitConfig, slots: number, now: number): void {
    this.takeSlots(
      config,
      {
        kind: "anonymous",
        request_id: null,
        slots,
        lease_seconds: ANONYMOUS_LEASE_SECONDS,
        first_seconds: ANONYMOUS_LEASE_SECONDS,
        holder: null,
        run: null,
        note: null,
      },
      now,
    );
  }

  /** Ends a lease for somebody who may do so and is not its holder. */
  takeAway(lease: Lease, now: number, ended_by: LeaseEnd = "operator"): void {
    if (lease.joint_id !== null) this.onShareTaken(lease, now);
    this.endLease(lease, now, ended_by);
  }

  /** Ends a lease now; its request id stays known for a while. `flow_run_id`: whose it was, where its row does not say. */
  endLease(
    { fence, tail }: Pick<Lease, "fence" | "tail">,
    now: number,
    ended_by: LeaseEnd,
    { isByHolder = false, flow_run_id = null }: { isByHolder?: boolean; flow_run_id?: string | null } = {},
  ): EndedLease | undefined {
    const lease = this.store.leases.delete(fence, tail);
    if (lease === undefined) return undefined;
    lease.flow_run_id ??= flow_run_id;
    this.isLineDue = true;
    if (!isByHolder) this.onTakenAway({ fence, tail });
    if (lease.kind === "home" && lease.joint_id !== null) this.onHomeEnded(lease.joint_id, lease.flow_run_id);
    const trace = traceOf(lease, ended_by, now);
    if (trace !== null) {
      this.#last.push(trace);
      if (this.#last.length > SPANS_MAX) this.#last.shift();
      const isTiedByEvent = lease.request_id === null && lease.kind !== "anonymous";
      this.runNews.note(this.stored?.name ?? "", trace, isTiedByEvent);
    }
    const row = this.history.note(lease, trace, now);
    if (row !== undefined) this.remember(row.kind, row.id, now, row.trace);
    return lease;
  }

  /** Slots of a lease are given back, and it keeps the others. */
  shrinkLease(lease: Lease, slots: number): void {
    this.store.leases.shrink(lease, slots);
    this.isLineDue = true;
  }

  /**
   * Keeps in mind for ten minutes what has become of a request: `request` is refused, `use` is granted once more; and for
   * fifteen what slots its lease held, or a `lease` that no request id names.
   */
  remember(kind: EndedKind, id: string, now: number, trace: EndedSlots | null = null): void {
    this.wakeAt(this.store.ended.remember(kind, id, now, trace));
  }

  grantedLimit(config: LimitConfig, lease: Lease | null): GrantedLimit {
    return {
      id: config.id,
      name: config.name,
      limit: config.limit,
      fence: lease?.fence ?? null,
      slot_names: lease?.slot_names ?? null,
    };
  }

  /** The answer to a caller who got a lease; one who got slots without a lease gets an id that ends nothing. */
  grantOf(config: LimitConfig, lease: Lease | null, lease_seconds: number, now: number): Grant {
    return {
      status: "granted",
      lease_id: lease === null ? this.emptyLeaseId() : leaseIdOf(this.key, lease),
      limits: [this.grantedLimit(config, lease)],
      fence: lease?.fence ?? null,
      expires_in_seconds: lease === null ? lease_seconds : Math.max(0, (lease.expires_at - now) / 1000),
    };
  }

  emptyLeaseId(): string {
    return formatId({
      layout: "empty_lease",
      key: this.key,
      head: this.host.randomUint(48),
      version: 8,
      tail: this.host.randomUint(TAIL_BITS),
    });
  }

  /** Asserts I1 and I3 after slots were given, as far as the statements that gave them did not. */
  assertCapacity(config: LimitConfig, now: number): void {
    if (doesDecay(config)) {
      const in_use = this.countInUse(config, now);
      if (in_use > config.limit)
        throw new InvariantViolation("I1", `${in_use} of ${config.limit} slots are in use`, { config });
    }
    if (config.slot_names === null) return;
    const held = this.store.leases.listHeldSlotNames();
    if (new Set(held).size < held.length)
      throw new InvariantViolation("I3", "a named slot is held twice", { config, held });
  }
}

/** How long a holder has waited, and how long that was expected to take; nothing of who got its slots when it came. */
function waitOf(waiter: LeaseDraft["waiter"], now: number): Pick<Lease, "arrived_at" | "estimated_ms"> {
  if (waiter === undefined || waiter.arrived_at >= now) return { arrived_at: null, estimated_ms: null };
  return { arrived_at: waiter.arrived_at, estimated_ms: waiter.estimated_ms };
}

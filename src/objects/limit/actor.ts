import { ABSENT_SECONDS, REPLAY_SECONDS } from "../../contract/bounds.ts";
import { addressOfWorkspace } from "../../contract/envelope.ts";
import { accept, INTEGRITY_CONFLICT, refuse, type Result } from "../../contract/errors.ts";
import { formatId } from "../../contract/ids.ts";
import type { Limit, WaiterRecord } from "../../contract/wire/limits.ts";
import { changeConfig, createConfig } from "../../domain/limit/configure.ts";
import { endOfLease, expiredUpTo } from "../../domain/limit/deadlines.ts";
import { doesDecay } from "../../domain/limit/decay.ts";
import { keyOfRequest, partsOfLeaseId } from "../../domain/limit/naming.ts";
import { toLeaseRecord, toLimitRecord, toWaiterRecord } from "../../domain/limit/records.ts";
import type { LimitConfig } from "../../domain/limit/types.ts";
import { Actor, type Answer, type Effect, type Handlers } from "../shared/actor.ts";
import type { ObjectHost } from "../shared/host.ts";
import { Acquires, REQUEST_RETRY_SECONDS } from "./acquire.ts";
import { LimitCore } from "./core.ts";
import { JointStore } from "./joint-store.ts";
import { Joints } from "./joint.ts";
import { deafPlatform, Ears, type EarPlatform } from "./ears.ts";
import { Line } from "./line.ts";
import { migrations } from "./migrations.ts";
import type { LimitOperations } from "./operations.ts";
import { ATTEMPT_GONE, LEASE_GONE, LIMIT_NOT_FOUND } from "./refusals.ts";
import { LimitStore } from "./store.ts";

/** How long `create` waits for the directory to know the limit. */
const REGISTER_WAIT_MS = 1000;
const WAITING_COUNTED_MAX = 1000;
const TIDY_MS = ABSENT_SECONDS * 1000;

/**
 * A concurrency limit: addressed by its name, owns its leases and the line of those who wait for one. A release (or
 * whatever else makes room) and the next grant or offer are one transaction; so are an acquire and its lease.
 * The alarm expires leases, lets offers lapse and forgets waiters that do not come back.
 */
export class LimitActor extends Actor<LimitOperations> {
  protected readonly creating: ReadonlySet<string> = new Set(["create", "put"]);
  readonly #store: LimitStore;
  readonly #ears: Ears;
  readonly #core: LimitCore;
  readonly #line: Line;
  readonly #joints: Joints;
  readonly #jointStore: JointStore;
  readonly #acquires: Acquires;
  #tidied_at = 0;
  /** This instance has looked at the line it found. */
  #isAwake = false;
  readonly #registering = new Map<string, () => void>();

  constructor(host: ObjectHost, platform: EarPlatform = deafPlatform) {
    super(host, migrations);
    this.#store = new LimitStore(host.sql);
    this.#ears = new Ears(platform);
    this.#core = new LimitCore(host, this.#store, (at) => this.wakeAt(at));
    this.#line = new Line(this.#core, this.#ears, {
      send: (...effect) => this.send(...effect),
      walkAgain: () => void this.turn("walk", () => this.#advance()),
    });
    this.#jointStore = new JointStore(host.sql);
    this.#joints = new Joints(this.#core, this.#line, this.#ears, this.#jointStore, {
      send: (...effect) => this.send(...effect),
      endHold: (waiter_key) => this.#endHold(waiter_key, REQUEST_RETRY_SECONDS),
    });
    this.#acquires = new Acquires(
      this.#core,
      this.#line,
      this.#ears,
      this.#joints,
      (waiter_key, retry_seconds) => this.#endHold(waiter_key, retry_seconds),
    );
  }

  protected readonly handlers: Handlers<LimitOperations> = this.#guarded({
    create: (command) => this.#create(command),
    put: (command) => {
      const before = this.#core.config;
      if (before === undefined) {
        return this.#created(command, (limit) => ({ limit, was_created: true }));
      }
      const { avg_slot_occupancy_seconds: _, ...update } = command;
      const result = this.#update(before, update);
      return result.ok ? accept({ limit: result.value, was_created: false }) : result;
    },
    read: ({ id }) => {
      const config = this.#find(id);
      return config.ok ? accept(this.#record(config.value)) : config;
    },
    update: ({ id, ...update }) => {
      const config = this.#find(id);
      return config.ok ? this.#update(config.value, update) : config;
    },
    delete: ({ id, is_forced }) => {
      const found = this.#find(id);
      if (!found.ok) return found;
      const config = found.value;
      if (!is_forced && this.#store.hasWaiters())
        return refuse(
          "conflict",
          `Somebody waits for ${config.name}, and a limit that does not exist lets everybody through. Disable it first, or delete it with force.`,
        );
      this.#core.writeConfig({ ...config, deleted_at: this.host.now() });
      this.#line.dissolve(this.host.now());
      this.send(addressOfWorkspace(this.host.address.workspace), "unregister", `unregister:${config.id}`, {
        kind: "limit",
        name: config.name,
        id: config.id,
      });
      return accept(null);
    },
    acquire: (command) => this.#acquires.acquire(command, this.host.now()),
    renew: ({ lease_id, lease_seconds }) => {
      const parts = partsOfLeaseId(this.#core.key, lease_id);
      const lease = parts && this.#store.findLease(parts.fence, parts.tail);
      if (lease === undefined) return refuse("gone", LEASE_GONE);
      const seconds = lease_seconds ?? lease.lease_seconds;
      const expires_at = this.host.now() + Math.round(seconds * 1000);
      this.#store.renewLease(lease.fence, lease.tail, lease_seconds, expires_at);
      this.wakeAt(endOfLease(expires_at, this.host.expiry_floor));
      return accept({ expires_in_seconds: seconds, ...(lease.holder !== null && { holder: lease.holder }) });
    },
    release: ({ lease_id }) => this.#release(lease_id),
    force_release: ({ lease_id }) => {
      const parts = partsOfLeaseId(this.#core.key, lease_id);
      if (parts === undefined || this.#store.findLease(parts.fence, parts.tail) === undefined)
        return refuse("not_found", "No such lease is held.");
      return this.#release(lease_id);
    },
    decrement: ({ slots }) => {
      this.#giveBackAnonymous(slots);
      this.#advance();
      return accept(null);
    },
    withdraw: ({ request_id }) => {
      const now = this.host.now();
      const lease = this.#store.findLeaseOfRequest(request_id);
      if (lease === undefined) this.#core.endRequest(request_id, now);
      else this.#core.endLease(lease, now);
      const waiter = this.#store.findWaiter(keyOfRequest(request_id));
      if (waiter !== undefined) {
        this.#line.remove(waiter);
        this.#ears.answer(waiter.waiter_key, refuse("gone", "The request was withdrawn."));
      }
      this.#joints.withdraw(keyOfRequest(request_id));
      this.#advance();
      return accept(null);
    },
    end_attempt: ({ flow_run_id, attempt_id }) => {
      const now = this.host.now();
      this.#store.endAttempt(attempt_id, now + REPLAY_SECONDS * 1000);
      this.wakeAt(now + REPLAY_SECONDS * 1000);
      for (const lease of this.#store.listLeasesOfAttempt(flow_run_id, attempt_id))
        this.#core.endLease(lease, now);
      this.#joints.endAttempt(attempt_id);
      for (const waiter_key of this.#ears.heldOfAttempt(attempt_id)) {
        const waiter = this.#store.findWaiter(waiter_key);
        if (waiter !== undefined) this.#line.remove(waiter);
        this.#ears.answer(waiter_key, refuse("gone", ATTEMPT_GONE));
      }
      // Others of the attempt stand in line without an ear; they go when their turn comes or when they are forgotten.
      this.#advance();
      return accept(null);
    },
    list_holders: ({ after_fence, limit }) =>
      accept(this.#store.listLeases(after_fence, limit).map((lease) => toLeaseRecord(this.#core.key, lease))),
    list_waiters: ({ offset, limit }) => accept(this.#listWaiters(offset, limit)),
    set_priority: ({ waiter_id, priority }) => {
      const waiter = this.#store.findWaiter(waiter_id);
      if (waiter === undefined) return refuse("not_found", "No such waiter stands in line.");
      this.#line.remove(waiter);
      this.#line.insert({ ...waiter, priority });
      this.#advance();
      return accept(null);
    },
    reset_holders: ({ task_run_ids }) => {
      const found = this.#find();
      if (!found.ok) return found;
      const now = this.host.now();
      for (const lease of this.#store.listLeases(0, found.value.limit + ANONYMOUS_MAX))
        this.#core.endLease(lease, now);
      for (const id of task_run_ids)
        this.#core.takeSlots(
          found.value,
          {
            kind: "lease",
            request_id: null,
            slots: 1,
            lease_seconds: TAG_LEASE_SECONDS,
            first_seconds: TAG_LEASE_SECONDS,
            holder: { type: "task_run", id },
            run: null,
            note: null,
          },
          now,
        );
      this.#advance();
      return accept(this.#record(found.value));
    },
    release_holder: ({ holder }) => {
      const now = this.host.now();
      for (const lease of this.#store.listLeasesOfHolder(holder)) this.#core.endLease(lease, now);
      this.#advance();
      return accept(null);
    },
    reserve: (command) => this.#joints.reserve(command, this.host.now()),
    commit_reservation: ({ joint_id, expires_at, is_anonymous = false }) => {
      this.#joints.commit(joint_id, expires_at, is_anonymous, this.host.now());
      return accept(null);
    },
    undo_reservation: ({ joint_id }) => {
      this.#joints.undo(joint_id, this.host.now());
      return accept(null);
    },
    ask_joint: ({ joint_id }) => accept(this.#joints.ask(joint_id, this.host.now())),
    wake_joint: ({ joint_id }) => {
      this.#joints.wake(joint_id, this.host.now());
      return accept(null);
    },
  });

  protected sweep(now: number): void {
    this.#ears.speak();
    const up_to = expiredUpTo(now, this.host.expiry_floor);
    if (up_to !== undefined)
      for (const lease of this.#store.listExpiredLeases(up_to)) {
        if (lease.kind === "reserved" || lease.kind === "member") this.#joints.askHome(lease, now);
        else this.#core.endLease(lease, now);
      }
    this.#joints.sweep(now);
    if (now >= this.#tidied_at + TIDY_MS) {
      this.#store.forgetEnded(now);
      if (this.#line.tidy(now)) this.#tidied_at = now;
    }
    this.#advance();
  }

  protected earliestDeadline(): number | undefined {
    const expiry = this.#store.earliestExpiry();
    const deadlines = [this.#line.next_at, this.#jointStore.earliestDue() ?? Number.POSITIVE_INFINITY];
    if (expiry !== undefined) deadlines.push(endOfLease(expiry, this.host.expiry_floor));
    if (this.#store.hasWaiters()) deadlines.push(this.#tidied_at + TIDY_MS);
    const forgetting = this.#store.earliestForgetting();
    if (forgetting !== undefined) deadlines.push(Math.max(forgetting, this.#tidied_at + TIDY_MS));
    const earliest = Math.min(...deadlines);
    return Number.isFinite(earliest) ? earliest : undefined;
  }

  protected override answerAbsent(): Result<never> {
    return refuse("not_found", LIMIT_NOT_FOUND);
  }

  protected override settleEffect(effect: Effect, result: Result<unknown>): void {
    this.#ears.speak();
    if (effect.operation === "register") this.#registering.get(effect.request_id)?.();
    if (effect.operation === "reserve") this.#joints.settleReserve(effect, result, this.host.now());
    if (effect.operation === "ask_joint")
      this.#joints.settleAsk((effect.command as { joint_id: string }).joint_id, result, this.host.now());
  }

  protected override forget(): void {
    this.#isAwake = false;
    this.#core.forget();
    this.#line.forget();
    this.#ears.forget();
  }

  /** A waiter's socket was closed: it is absent from now on, and its place is kept for a while. */
  hearClosed(waiter_key: string): Promise<void> {
    return this.turn("socket_closed", () => {
      const waiter = this.#store.findWaiter(waiter_key);
      // It may have come back by a request, or by another socket.
      if (waiter?.caller !== "socket" || this.#ears.isHere(waiter_key)) return;
      const now = this.host.now();
      this.#store.updateWaiter(waiter, { ...waiter, present_until: Math.min(now, waiter.present_until) });
      this.#advance();
    });
  }

  /** What an earlier operation of the turn said goes out before the next one may fail. */
  #guarded(handlers: Handlers<LimitOperations>): Handlers<LimitOperations> {
    const guarded = Object.entries(handlers).map(([operation, handler]) => [
      operation,
      (command: never, envelope: never) => {
        this.#ears.speak();
        if (!this.#isAwake) {
          // Who waited on a socket or a held request of the instance before may be gone without a word.
          this.#isAwake = true;
          this.#advance();
        }
        return (handler as (command: never, envelope: never) => Answer<unknown>)(command, envelope);
      },
    ]);
    return Object.fromEntries(guarded) as Handlers<LimitOperations>;
  }

  #advance(): void {
    this.#line.walk(this.host.now());
  }

  // The limit itself

  #find(id?: string): Result<LimitConfig> {
    const config = this.#core.config;
    return config === undefined || (id !== undefined && config.id !== id)
      ? refuse("not_found", LIMIT_NOT_FOUND)
      : accept(config);
  }

  #record(config: LimitConfig): Limit {
    return toLimitRecord(
      config,
      this.#core.countInUse(config, this.host.now()),
      this.#store.countWaiters(WAITING_COUNTED_MAX),
    );
  }

  #create(command: LimitOperations["create"]["command"]): Answer<Limit> {
    if (this.#core.config !== undefined) return refuse("conflict", INTEGRITY_CONFLICT);
    return this.#created(command, (limit) => limit);
  }

  #created<Value>(
    command: LimitOperations["create"]["command"],
    answer: (limit: Limit) => Value,
  ): Answer<Value> {
    const now = this.host.now();
    const before = this.#core.stored;
    if (before !== undefined && before.name !== command.name)
      return refuse(
        "conflict",
        `The name ${command.name} falls on the same key as ${before.name}; choose another name.`,
      );
    const id = formatId({
      layout: "limit",
      key: this.#core.key,
      head: now,
      version: 7,
      tail: this.host.randomUint(22),
    });
    const created = createConfig(command, id, now, before);
    if (!created.ok) return created;
    this.#core.writeConfig(created.value);
    const { active_slots } = command;
    if (active_slots !== undefined && active_slots !== null)
      this.#setActiveSlots(created.value, active_slots);
    const request_id = `register:${id}`;
    this.send(addressOfWorkspace(this.host.address.workspace), "register", request_id, {
      kind: "limit",
      entry: { id, name: command.name, key: this.#core.key },
    });
    const value = answer(this.#record(this.#core.config ?? created.value));
    // Whoever creates a limit finds it in the list right after; a directory that is slow does not hold up creation.
    return new Promise((resolve) => {
      const done = (): void => {
        cancel();
        this.#registering.delete(request_id);
        resolve(accept(value));
      };
      const cancel = this.#ears.after(REGISTER_WAIT_MS, done);
      this.#registering.set(request_id, done);
    });
  }

  #update(config: LimitConfig, update: Omit<LimitOperations["update"]["command"], "id">): Result<Limit> {
    const now = this.host.now();
    const changed = changeConfig(config, update, now);
    if (!changed.ok) return changed;
    // Leases from before a limit began to decay are counted beside its level until they end.
    this.#core.writeConfig(
      doesDecay(changed.value) && !doesDecay(config)
        ? { ...changed.value, level: 0, level_at: now }
        : changed.value,
    );
    if (update.active_slots !== undefined && update.active_slots !== null)
      this.#setActiveSlots(changed.value, update.active_slots);
    if (config.active && !changed.value.active) this.#line.dissolve(now);
    this.#advance();
    return accept(this.#record(this.#core.config ?? changed.value));
  }

  /** An operator says how many slots are in use: the difference is taken or ended, oldest first. */
  #setActiveSlots(config: LimitConfig, wanted: number): void {
    const now = this.host.now();
    if (doesDecay(config)) {
      this.#core.writeConfig({ ...config, level: wanted, level_at: now });
      return;
    }
    const excess = this.#store.countOccupied() - wanted;
    if (excess > 0) this.#giveBackAnonymous(excess);
    while (this.#store.countOccupied() > wanted) {
      const [oldest] = this.#store.listLeases(0, 1);
      if (oldest === undefined) break;
      this.#core.endLease(oldest, now);
    }
    const missing = wanted - this.#store.countOccupied();
    if (missing > 0) this.#core.takeAnonymousSlots(config, missing, now);
  }

  #giveBackAnonymous(slots: number): void {
    const config = this.#core.config;
    const now = this.host.now();
    if (config !== undefined && doesDecay(config)) {
      const level = Math.max(0, this.#core.countInUse(config, now) - slots);
      this.#core.writeConfig({ ...config, level, level_at: now });
      return;
    }
    let left = slots;
    for (const lease of this.#store.listAnonymousLeases()) {
      if (left <= 0) return;
      if (lease.slots <= left) this.#core.endLease(lease, now);
      else this.#store.setLeaseSlots(lease.fence, lease.slots - left);
      left -= lease.slots;
    }
  }

  // Taking and giving back

  #release(lease_id: string): Result<null> {
    const parts = partsOfLeaseId(this.#core.key, lease_id);
    if (parts === undefined) return accept(null);
    const lease = this.#core.endLease(parts, this.host.now());
    if (lease !== undefined) this.#advance();
    return accept(null);
  }

  #endHold(waiter_key: string, retry_seconds: number): void {
    void this.turn("hold_ended", () => this.#acquires.endHold(waiter_key, retry_seconds, this.host.now()));
  }

  #listWaiters(offset: number, limit: number): WaiterRecord[] {
    const now = this.host.now();
    const config = this.#core.config;
    const free = config === undefined ? 0 : config.limit - this.#core.countInUse(config, now);
    return this.#store.listWaiters(offset, limit).map((waiter, index) => {
      const isPresent =
        waiter.lane === 0 &&
        (this.#ears.isHere(waiter.waiter_key) || (waiter.caller !== "socket" && now < waiter.present_until));
      const reason = waiter.offered_at !== null ? "offered" : waiter.slots > free ? "full" : "behind_others";
      return toWaiterRecord(waiter, offset + index + 1, isPresent, reason);
    });
  }
}

const ANONYMOUS_MAX = 1000;
const TAG_LEASE_SECONDS = 86_400;

import { ABSENT_SECONDS } from "../../contract/bounds.ts";
import type { Envelope } from "../../contract/envelope.ts";
import { accept, refuse, type Result } from "../../contract/errors.ts";
import type { Changes } from "../../contract/wire/audit.ts";
import type { LeaseRecord, WaiterRecord } from "../../contract/wire/limits.ts";
import { endOfLease, expiredUpTo } from "../../domain/limit/deadlines.ts";
import { keyOfRequest, leaseIdOf, partsOfLeaseId } from "../../domain/limit/naming.ts";
import { isPresent } from "../../domain/limit/line.ts";
import type { Lease, Waiter } from "../../domain/limit/types.ts";
import { describeLease, describeWaiter, toLeaseRecord, toWaiterRecord } from "../../domain/limit/records.ts";
import { Acts, NOTE_ACT, type ActEnvelope } from "../shared/acts.ts";
import { Actor, InvariantViolation, type Answer, type Effect, type Handlers } from "../shared/actor.ts";
import type { ObjectHost } from "../shared/host.ts";
import { Acquires, REQUEST_RETRY_SECONDS } from "./acquire.ts";
import { LimitCore } from "./core.ts";
import { JointMembers } from "./joint-members.ts";
import { JointStore } from "./joint-store.ts";
import { Joints } from "./joint.ts";
import { ChangeNews } from "../shared/change-news.ts";
import { deafPlatform, Ears, type EarPlatform } from "./ears.ts";
import { Line } from "./line.ts";
import { tellHomeOfMove } from "./notices.ts";
import { migrations } from "./migrations.ts";
import type { LimitOperations } from "./operations.ts";
import { previewLimitChange } from "./previews.ts";
import { Reservations } from "./reservations.ts";
import { ATTEMPT_GONE, LEASE_GONE, LIMIT_NOT_FOUND } from "./refusals.ts";
import { Settings } from "./settings.ts";
import { LimitStore } from "./store.ts";
import { estimate, leastLimit, readOutlook } from "./waiting.ts";

const TIDY_MS = ABSENT_SECONDS * 1000;
const ENDED_AT_ONCE = 1000;
const TAG_LEASE_SECONDS = 86_400;

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
  readonly #reservations: Reservations;
  readonly #jointStore: JointStore;
  readonly #acquires: Acquires;
  readonly #settings: Settings;
  readonly #news = new ChangeNews(this.host);
  readonly #acts = new Acts(this.host, (...effect) => this.send(...effect));
  #tidied_at = 0;
  /** This instance has looked at the line it found. */
  #isAwake = false;

  constructor(host: ObjectHost, platform: EarPlatform = deafPlatform) {
    super(host, migrations);
    this.#store = new LimitStore(host.sql);
    this.#ears = new Ears(platform);
    this.#core = new LimitCore(host, this.#store, (at) => this.wakeAt(at));
    this.#core.onTakenAway = (lease) => this.#ears.tellTakenAway(leaseIdOf(this.#core.key, lease));
    this.#line = new Line(this.#core, this.#ears, {
      send: (...effect) => this.send(...effect),
      walkAgain: () => void this.turn("walk", () => this.#advance()),
      tellPlaces: () => void this.turn("places", () => this.#line.tellPlaces(this.host.now())),
    });
    this.#jointStore = new JointStore(host.sql, this.#store.deadlines);
    this.#settings = new Settings(
      this.#core,
      this.#line,
      this.#ears,
      (...effect) => this.send(...effect),
      this.#news,
      this.#acts,
    );
    this.#reservations = new Reservations(this.#core, this.#line, this.#jointStore, {
      send: (...effect) => this.send(...effect),
      askHere: (joint_id, share, now) => this.#joints.ask(joint_id, share, now),
      endHere: (joint_id, share, now) => this.#joints.end(joint_id, share, now),
    });
    this.#core.onShareTaken = (share, now) => this.#reservations.tellHomeOfEnd(share, now);
    const members = new JointMembers(this.#core, this.#reservations, {
      send: (...effect) => this.send(...effect),
      isSending: (target, id_prefix) => this.isSending(target, id_prefix),
    });
    this.#joints = new Joints(this.#core, this.#ears, this.#jointStore, members, (waiter_key) =>
      this.#endHold(waiter_key, REQUEST_RETRY_SECONDS),
    );
    this.#acquires = new Acquires(
      this.#core,
      this.#line,
      this.#ears,
      this.#joints,
      (waiter_key, retry_seconds) => this.#endHold(waiter_key, retry_seconds),
    );
  }

  protected readonly handlers: Handlers<LimitOperations> = this.#guarded({
    create: (command, envelope) => this.#settings.create(command, envelope),
    put: (command, envelope) => this.#settings.put(command, envelope),
    read: ({ id }) => this.#settings.read(id),
    update: ({ id, ...update }, envelope) => this.#settings.update(id, update, envelope),
    preview_change: ({ id, ...change }) => {
      const config = this.#settings.find(id);
      return config.ok
        ? previewLimitChange(this.#core, this.#ears, config.value, change, this.host.now())
        : config;
    },
    delete: ({ id, is_forced }, envelope) => this.#settings.delete(id, is_forced, envelope),
    acquire: (command) => this.#acquires.acquire(command, this.host.now()),
    renew: ({ lease_id, lease_seconds }) => {
      const parts = partsOfLeaseId(this.#core.key, lease_id);
      const lease = parts && this.#store.leases.find(parts.fence, parts.tail);
      if (lease === undefined) return refuse("gone", LEASE_GONE);
      const seconds = lease_seconds ?? lease.lease_seconds;
      const expires_at = this.host.now() + Math.round(seconds * 1000);
      this.#store.leases.renew(lease.fence, lease.tail, lease_seconds, expires_at);
      this.wakeAt(endOfLease(expires_at, this.host.expiry_floor));
      const holder_id = lease.holder?.type === "flow_run" ? lease.holder.id : undefined;
      const flow_run_id = lease.run?.flow_run_id ?? holder_id;
      return accept({ expires_in_seconds: seconds, ...(flow_run_id !== undefined && { flow_run_id }) });
    },
    tie_lease: ({ lease_id, run }) => {
      // Also of a limit that was deleted: its leases are still held.
      const config = this.#core.stored;
      if (config === undefined) return refuse("not_found", LIMIT_NOT_FOUND);
      const parts = partsOfLeaseId(this.#core.key, lease_id);
      const is_tied = parts !== undefined && run !== null && this.#store.leases.tie(parts, run);
      if (run !== null && !is_tied) this.#core.runNews.tie(lease_id, run.flow_run_id);
      return accept({ limit_id: config.id, is_tied });
    },
    release: ({ lease_id }) => this.#release(lease_id),
    watch: ({ lease_id }) => {
      const parts = partsOfLeaseId(this.#core.key, lease_id);
      return parts !== undefined && this.#store.leases.find(parts.fence, parts.tail) !== undefined
        ? accept(null)
        : refuse("gone", LEASE_GONE);
    },
    force_release: ({ lease_id }, envelope) => {
      const parts = partsOfLeaseId(this.#core.key, lease_id);
      const lease = parts && this.#store.leases.find(parts.fence, parts.tail);
      if (lease === undefined) return refuse("not_found", "No such lease is held.");
      this.#tell(envelope, "release", { lease: { from: describeLease(lease, lease_id) } });
      this.#core.takeAway(lease, this.host.now());
      this.#advance();
      return accept(null);
    },
    decrement: ({ slots }) => {
      this.#settings.giveBackAnonymous(slots);
      this.#advance();
      return accept(null);
    },
    withdraw: ({ request_id }) => {
      const now = this.host.now();
      const lease = this.#store.leases.findOfRequest(request_id);
      if (lease === undefined) this.#core.remember("request", request_id, now);
      else this.#core.endLease(lease, now, "withdrawal");
      const waiter = this.#store.waiters.find(keyOfRequest(request_id));
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
      this.wakeAt(this.#store.ended.remember("attempt", attempt_id, now));
      for (const lease of this.#store.leases.listOfAttempt(flow_run_id, attempt_id))
        this.#core.endLease(lease, now, "run");
      this.#joints.endAttempt(attempt_id);
      for (const waiter_key of this.#ears.heldOfAttempt(attempt_id)) {
        const waiter = this.#store.waiters.find(waiter_key);
        if (waiter !== undefined) this.#line.remove(waiter);
        this.#ears.answer(waiter_key, refuse("gone", ATTEMPT_GONE));
      }
      // Others of the attempt stand in line without an ear; they go when their turn comes or when they are forgotten.
      this.#advance();
      return accept(null);
    },
    read_history: ({ seconds, limit }) => {
      const found = this.#settings.find();
      return found.ok ? this.#core.history.read(found.value, seconds, limit, this.host.now()) : found;
    },
    list_holders: ({ after_fence, limit }) => accept(this.#listHolders(after_fence, limit)),
    read_overview: (command) => {
      const limit = this.#settings.read(undefined);
      if (!limit.ok) return limit;
      return accept({
        ...limit.value,
        holders: this.#listHolders(0, command.holders),
        waiters: this.#listWaiters(0, command.waiters),
        estimate_error_seconds: this.#core.history.estimateErrorSeconds(this.host.now()),
      });
    },
    list_waiters: ({ offset, limit }) => accept(this.#listWaiters(offset, limit)),
    find_waiter: ({ flow_run_id }) => {
      const found = this.#store.waiters.findOfRun(flow_run_id);
      if (found === undefined) return accept(null);
      const [record] = this.#recordWaiters([found.waiter], found.before);
      const least_limit = leastLimit(this.#core, found.waiter, found.slots_before, this.host.now());
      return accept(record === undefined ? null : { ...record, least_limit });
    },
    set_priority: ({ waiter_id, is_to_front, ...to }, envelope) => {
      const waiter = this.#store.waiters.find(waiter_id);
      if (waiter === undefined) return refuse("not_found", "No such waiter stands in line.");
      const [front] = is_to_front === true ? this.#store.waiters.listLine(undefined, 1) : [];
      if (front?.waiter_key === waiter_id) return accept(null);
      const priority = front === undefined ? to.priority : Math.min(to.priority, front.priority - 1);
      const who = describeWaiter(waiter);
      this.#tell(envelope, "move_waiter", {
        waiter: { from: who, to: who },
        priority: { from: waiter.priority, to: priority },
      });
      const moved = { ...waiter, priority };
      this.#line.remove(waiter);
      this.#line.insert(moved);
      if (waiter.caller === "joint")
        tellHomeOfMove(this.#core, (...effect) => this.send(...effect), moved, envelope.request_id);
      this.#advance();
      return accept(null);
    },
    reset_holders: ({ task_run_ids }, envelope) => {
      const found = this.#settings.find();
      if (!found.ok) return found;
      const from = this.#store.leases.countOccupied();
      this.#tell(envelope, "reset", { active_slots: { from, to: task_run_ids.length } });
      const now = this.host.now();
      for (;;) {
        const held = this.#store.leases.list(0, ENDED_AT_ONCE);
        for (const lease of held) this.#core.takeAway(lease, now);
        if (held.length < ENDED_AT_ONCE) break;
      }
      for (const id of task_run_ids)
        this.#core.takeSlots(
          // One that decays has another level after each.
          this.#core.config ?? found.value,
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
      return accept(this.#settings.record(this.#core.config ?? found.value));
    },
    release_holder: ({ holder }) => {
      const now = this.host.now();
      for (const lease of this.#store.leases.listOfHolder(holder)) this.#core.takeAway(lease, now, "holder");
      this.#advance();
      return accept(null);
    },
    reserve: (command) => this.#reservations.reserve(command, this.host.now()),
    commit_reservation: ({ joint_id, expires_at, is_anonymous = false, fence = null }) => {
      this.#reservations.commit(joint_id, expires_at, { is_anonymous, fence }, this.host.now());
      return accept(null);
    },
    undo_reservation: ({ joint_id, fence = null, flow_run_id = null }) => {
      this.#reservations.undo(joint_id, this.host.now(), { fence, flow_run_id });
      return accept(null);
    },
    ask_joint: ({ joint_id, share }) => accept(this.#joints.ask(joint_id, share, this.host.now())),
    end_joint: ({ joint_id, share }) => {
      this.#joints.end(joint_id, share, this.host.now());
      this.#advance();
      return accept(null);
    },
    wake_joint: ({ joint_id }) => {
      this.#joints.wake(joint_id, this.host.now());
      return accept(null);
    },
    move_joint: ({ joint_id, key, priority }) => {
      this.#joints.move(joint_id, key, priority);
      return accept(null);
    },
  });

  protected sweep(now: number): void {
    this.#ears.speak();
    const up_to = expiredUpTo(now, this.host.expiry_floor);
    if (up_to !== undefined)
      for (const lease of this.#store.leases.listExpired(up_to, this.host.clock_stepped_at)) {
        if (lease.kind === "reserved" || lease.kind === "member") this.#reservations.askHome(lease, now);
        else this.#core.endLease(lease, now, "deadline");
      }
    this.#joints.sweep(now);
    // By a clock that was put back it is not known when that was.
    if (now < this.#tidied_at) this.#tidied_at = 0;
    if (now >= this.#tidied_at + TIDY_MS) {
      const isForgotten = this.#store.ended.forget(now);
      if (this.#line.tidy(now) && isForgotten) this.#tidied_at = now;
    }
    this.#advance();
  }

  protected earliestDeadline(): number | undefined {
    const expiry = this.#store.leases.earliestExpiry(this.host.clock_stepped_at);
    const deadlines = [this.#line.next_at, this.#jointStore.earliestDue() ?? Number.POSITIVE_INFINITY];
    if (expiry !== undefined) deadlines.push(endOfLease(expiry, this.host.expiry_floor));
    if (this.#store.waiters.hasAny()) deadlines.push(this.#tidied_at + TIDY_MS);
    const forgetting = this.#store.ended.earliestForgetting();
    if (forgetting !== undefined) deadlines.push(Math.max(forgetting, this.#tidied_at + TIDY_MS));
    const earliest = Math.min(...deadlines);
    return Number.isFinite(earliest) ? earliest : undefined;
  }

  /** I7 and I9, of what the operation did: whoever may go now was told, and the alarm comes in time for what was written. */
  protected override assertPromises(): void {
    const deadline = Math.max(this.#store.deadlines.take(), endOfLease(0, this.host.expiry_floor));
    if (!this.isAwakeBy(deadline))
      throw new InvariantViolation("I9", "a deadline was written that no alarm stands for", { deadline });
    if (this.#core.isLineDue && !this.#line.isEmpty())
      throw new InvariantViolation("I7", "room was made, and nobody looked at the line", {
        config: this.#core.stored,
      });
    this.#core.isLineDue = false;
  }

  /** I2: those who are listed have what is counted. */
  #assertShown(holders: readonly Lease[]): void {
    const occupied = this.#store.leases.countOccupied();
    const held = holders.reduce((sum, { slots }) => sum + slots, 0);
    if (held !== occupied)
      throw new InvariantViolation("I2", `${occupied} slots are shown, and holders have ${held}`, {
        holders,
      });
  }

  protected override answerAbsent(): Result<never> {
    return refuse("not_found", LIMIT_NOT_FOUND);
  }

  protected override settleEffect(effect: Effect, result: Result<unknown>): void {
    this.#ears.speak();
    if (effect.operation === "register" || effect.operation === NOTE_ACT)
      this.#settings.noteDelivered(effect.request_id);
    if (effect.operation === "reserve") this.#joints.settleReserve(effect, result, this.host.now());
    if (effect.operation === "undo_reservation") this.#joints.settleUndo(effect, this.host.now());
    if (effect.operation === "ask_joint")
      this.#reservations.settleAsk(
        effect.command as LimitOperations["ask_joint"]["command"],
        result,
        this.host.now(),
      );
  }

  protected override forget(): void {
    this.#isAwake = false;
    this.#core.forget();
    this.#line.forget();
    this.#ears.forget();
    this.#news.forget();
  }

  /** A waiter's socket was closed: it is absent from now on, and its place is kept for a while. */
  hearClosed(waiter_key: string): Promise<void> {
    return this.turn("socket_closed", () => {
      // It may have come back by a request, or by another socket.
      if (this.#ears.isHere(waiter_key)) return;
      this.#joints.hearClosed(waiter_key, this.host.now());
      const waiter = this.#store.waiters.find(waiter_key);
      if (waiter === undefined) return;
      // It comes for what it was offered by a request.
      if (waiter.offered_at !== null) return;
      const now = this.host.now();
      // Who has also asked by a request is expected back by one.
      if (waiter.caller === "socket")
        this.#store.waiters.update(waiter, { ...waiter, present_until: Math.min(now, waiter.present_until) });
      this.#advance();
    });
  }

  /** What an earlier operation of the turn said goes out before the next one may fail. */
  #guarded(handlers: Handlers<LimitOperations>): Handlers<LimitOperations> {
    const guarded = Object.entries(handlers).map(([operation, handler]) => [
      operation,
      (command: never, envelope: Envelope) => {
        // Two names may fall on one key; who creates the second one is told.
        const { name } = this.#core.stored ?? envelope;
        if (envelope.name !== undefined && envelope.name !== name && !this.creating.has(operation))
          return refuse("not_found", LIMIT_NOT_FOUND);
        this.#ears.speak();
        if (!this.#isAwake) {
          // Who waited on a socket or a held request of the instance before may be gone without a word.
          this.#isAwake = true;
          this.#advance();
        }
        return (handler as (command: never, envelope: Envelope) => Answer<unknown>)(command, envelope);
      },
    ]);
    return Object.fromEntries(guarded) as Handlers<LimitOperations>;
  }

  /** Tells an act on a lease, a waiter or all holders: the limit may be deleted by now, its leases are still held. */
  #tell(envelope: ActEnvelope, verb: string, changes: Changes): void {
    const config = this.#core.stored;
    if (config !== undefined) this.#acts.tell(envelope, verb, this.#settings.target(config), changes);
  }

  #advance(): void {
    this.#line.walk(this.host.now());
  }

  // Taking and giving back

  #release(lease_id: string): Result<null> {
    const parts = partsOfLeaseId(this.#core.key, lease_id);
    if (parts === undefined) return accept(null);
    const now = this.host.now();
    const lease = this.#core.endLease(parts, now, "holder", { isByHolder: true });
    // What is held together ends together, also by the name of one share.
    if (lease?.kind === "member" || lease?.kind === "reserved") this.#core.onShareTaken(lease, now);
    if (lease !== undefined) this.#advance();
    return accept(null);
  }

  #endHold(waiter_key: string, retry_seconds: number): void {
    void this.turn("hold_ended", () => this.#acquires.endHold(waiter_key, retry_seconds, this.host.now()));
  }

  #listHolders(after_fence: number, limit: number): LeaseRecord[] {
    const holders = this.#store.leases.list(after_fence, limit);
    if (after_fence === 0 && holders.length < limit) this.#assertShown(holders);
    return holders.map((lease) => toLeaseRecord(this.#core.key, lease));
  }

  #listWaiters(offset: number, limit: number): WaiterRecord[] {
    return this.#recordWaiters(this.#store.waiters.list(offset, limit), offset);
  }

  /** Neighbours in line, of whom so many come before the first. */
  #recordWaiters(waiters: readonly Waiter[], before: number): WaiterRecord[] {
    const now = this.host.now();
    const config = this.#core.config;
    const free = config === undefined ? 0 : config.limit - this.#core.countInUse(config, now);
    const scene = { now, outlook: waiters.length === 0 ? undefined : readOutlook(this.#core, now) };
    return waiters.map((waiter, index) => {
      const is_present = waiter.lane === 0 && isPresent(waiter, this.#ears.isHere(waiter.waiter_key), now);
      const reason = waiter.offered_at !== null ? "offered" : waiter.slots > free ? "full" : "behind_others";
      const position = before + index + 1;
      const estimated_seconds = estimate(this.#core, waiter, position, scene);
      return toWaiterRecord(waiter, { position, is_present, reason, estimated_seconds });
    });
  }
}

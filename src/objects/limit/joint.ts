/** Acquires over several limits: what a limit does as their home, and as a member. */
import {
  ABSENT_SECONDS,
  EXPECTED_BACK_SECONDS,
  FIRST_RENEW_SECONDS,
  OFFER_LAPSES_MS,
} from "../../contract/bounds.ts";
import { addressOfKey, type AddressOf } from "../../contract/envelope.ts";
import { accept, refuse, type Refusal, type Result } from "../../contract/errors.ts";
import type { Grant, Waiting } from "../../contract/wire/limits.ts";
import { endOfLease } from "../../domain/limit/deadlines.ts";
import { doesDecay } from "../../domain/limit/decay.ts";
import {
  JOINT_RETRY_MS,
  keepsReservations,
  nextStep,
  RESERVED_SECONDS,
  type Joint,
  type JointMember,
} from "../../domain/limit/joint.ts";
import { keyOfJoint, leaseIdOf } from "../../domain/limit/naming.ts";
import type { Lease, Waiter } from "../../domain/limit/types.ts";
import type { Answer, Effect } from "../shared/actor.ts";
import type { LimitCore } from "./core.ts";
import type { Ears } from "./ears.ts";
import type { JointStore } from "./joint-store.ts";
import { TOO_MANY_SLOTS, type Line } from "./line.ts";
import type { AcquireCommand, LimitOperations } from "./operations.ts";

type Reserve = LimitOperations["reserve"];
type ReserveAnswer = Reserve["answer"];
/** A request that asked this lately is still there: what is complete is its own. */
const FRESH_MS = 1000;
/** One try takes a few calls; its request is held for this long at most if it did not want to wait. */
const TRY_MS = 5000;
const DUE_MAX = 64;
const RETRY_SECONDS = 1;
const PREFECT_RETRY_SECONDS = 0.2;

export interface JointLinks {
  send(target: AddressOf<"limit">, operation: string, request_id: string, command: unknown): void;
  endHold(waiter_key: string): void;
}

export class Joints {
  readonly #core: LimitCore;
  readonly #line: Line;
  readonly #ears: Ears;
  readonly #store: JointStore;
  readonly #links: JointLinks;

  constructor(core: LimitCore, line: Line, ears: Ears, store: JointStore, links: JointLinks) {
    this.#core = core;
    this.#line = line;
    this.#ears = ears;
    this.#store = store;
    this.#links = links;
    core.onHomeEnded = (joint_id) => {
      const joint = this.#store.find(joint_id);
      if (joint !== undefined) this.#finish(joint, false);
    };
  }

  // Home

  /** The grant of an acquire that is held, for a caller who asks again. */
  replay(lease: Lease, now: number): Grant | undefined {
    const joint = lease.joint_id === null ? undefined : this.#store.find(lease.joint_id);
    return joint === undefined ? undefined : this.#grantOf(joint, lease, now);
  }

  acquire(command: AcquireCommand, waiter_key: string, now: number): Answer<Grant | Waiting> {
    const { caller } = command;
    const known = this.#store.findByWaiter(waiter_key);
    if (known?.phase === "ready") return accept(this.#commit(known, known.lease_seconds, now));
    const wait_ms = Math.round(Math.min(command.wait_seconds, 25) * 1000);
    const isPrefect = caller.type === "prefect";
    const retry_seconds = isPrefect ? PREFECT_RETRY_SECONDS : RETRY_SECONDS;
    const isFirst =
      known === undefined ||
      now > known.retry_at + EXPECTED_BACK_SECONDS * 1000 ||
      caller.type === "anonymous";
    const hold_ms = isPrefect && isFirst ? 0 : wait_ms;
    const retry_at = now + hold_ms + retry_seconds * 1000;
    const present_until = retry_at + EXPECTED_BACK_SECONDS * 1000;
    const joint: Joint = {
      ...(known ?? {
        joint_id: `${this.#core.key}-${now.toString(36)}-${this.#core.host.randomUint(32).toString(36)}`,
        waiter_key,
        request_id: caller.type === "prefect" || caller.type === "anonymous" ? null : command.request_id,
        mode: command.mode,
        is_anonymous: command.is_anonymous === true,
        slots: command.slots,
        lease_seconds: command.lease_seconds,
        priority: command.priority,
        arrived_at: now,
        phase: "trying" as const,
        members: command.members.map(({ name, key }) => ({
          name,
          key,
          status: "open" as const,
          granted: null,
        })),
        blocking: null,
        round: 0,
        holder: command.holder ?? null,
        run: command.run,
        note: command.note ?? null,
      }),
      caller: caller.type,
      asked_at: now,
      hold_until: now + hold_ms,
      present_until,
      retry_at,
      due_at: now + JOINT_RETRY_MS,
    };
    this.#ears.endHeld(waiter_key, accept(this.#describe(joint, RETRY_SECONDS)));
    const csrf_client = isPrefect ? caller.csrf_client : null;
    const older = csrf_client === null ? undefined : this.#ears.heldOfClient(csrf_client);
    if (older !== undefined) this.#links.endHold(older);
    this.#write(joint);
    // The answer may come in this very turn; the ear must be there before.
    const answer =
      caller.type === "socket"
        ? accept(this.#describe(joint, retry_seconds))
        : this.#ears.hold(
            waiter_key,
            Math.max(hold_ms, TRY_MS),
            { csrf_client, attempt_id: command.run?.attempt_id ?? null },
            () => this.#links.endHold(waiter_key),
          );
    if (joint.phase === "waiting") joint.phase = "trying";
    this.#go(joint, now);
    return answer;
  }

  /** Ends the hold of a request; false when its waiter is none of several limits. */
  endHold(waiter_key: string): boolean {
    const joint = this.#store.findByWaiter(waiter_key);
    if (joint === undefined) return false;
    this.#ears.answer(
      waiter_key,
      accept(this.#describe(joint, joint.caller === "prefect" ? PREFECT_RETRY_SECONDS : RETRY_SECONDS)),
    );
    return true;
  }

  /** Leaves all lines and gives back all that is reserved. */
  withdraw(waiter_key: string): void {
    const joint = this.#store.findByWaiter(waiter_key);
    if (joint === undefined || joint.phase === "held") return;
    this.#ears.answer(waiter_key, refuse("gone", "The request was withdrawn."));
    this.#finish(joint, true);
  }

  endAttempt(attempt_id: string): void {
    for (const joint of this.#store.listOfAttempt(attempt_id)) this.withdraw(joint.waiter_key);
  }

  /** Room was made at a member. */
  wake(joint_id: string, now: number): void {
    const joint = this.#store.find(joint_id);
    // A member's refusal may still be on its way while the room that it speaks of is free again.
    if (joint?.phase === "trying") this.#write({ ...joint, is_woken: true });
    if (joint?.phase !== "waiting" || !this.#isPresent(joint, now)) return;
    this.#go({ ...joint, phase: "trying" }, now);
  }

  ask(joint_id: string, now: number): LimitOperations["ask_joint"]["answer"] {
    const joint = this.#store.find(joint_id);
    if (joint === undefined) return { status: "ended" };
    if (joint.phase !== "held") return { status: "waiting", expires_at: now + RESERVED_SECONDS * 1000 };
    const share = this.#store.findShare(joint_id);
    const lease = share && this.#core.store.findLease(share.fence, share.tail);
    return lease === undefined ? { status: "ended" } : { status: "held", expires_at: lease.expires_at };
  }

  sweep(now: number): void {
    for (const joint of this.#store.listDue(now, DUE_MAX)) {
      if (joint.phase === "held") continue;
      const isPresent = this.#isPresent(joint, now);
      if (!isPresent && now >= joint.present_until + ABSENT_SECONDS * 1000) this.#finish(joint, true);
      else if (joint.phase === "ready" && !isPresent) {
        // Nobody came for it: others may have what was reserved, its place is kept for a while.
        this.#giveBack(joint);
        this.#write({ ...joint, phase: "waiting", due_at: now + JOINT_RETRY_MS });
      } else if (joint.phase === "waiting" && isPresent) this.#go({ ...joint, phase: "trying" }, now);
      else {
        // Who is absent keeps its place, but nothing that others could use.
        if (joint.phase === "waiting") this.#giveBack(joint);
        this.#write({ ...joint, due_at: now + JOINT_RETRY_MS });
      }
    }
  }

  /** A member has answered. */
  settleReserve(effect: Effect, result: Result<unknown>, now: number): void {
    const { joint_id } = effect.command as Reserve["command"];
    const joint = this.#store.find(joint_id);
    const member = joint?.members.find(({ key }) => key === effect.target.key);
    if (joint === undefined) {
      // It has ended meanwhile: what was reserved after that is given back.
      this.#undo(effect.target.key, joint_id);
      return;
    }
    if (member?.status !== "asked" || effect.request_id !== requestIdOf(joint, member)) return;
    if (!result.ok) {
      if (result.error.code === "not_found") this.#take(joint, member, { status: "absent" }, now);
      else this.#refuse(joint, result.error);
      return;
    }
    this.#take(joint, member, result.value as ReserveAnswer, now);
  }

  /** Takes the next steps until a member must be waited for. */
  #go(joint: Joint, now: number): void {
    for (;;) {
      const step = nextStep(joint);
      if (step.do === "complete") {
        this.#complete(joint, now);
        return;
      }
      if (step.do === "await" || joint.phase !== "trying") {
        this.#write(joint);
        return;
      }
      const { member } = step;
      joint.round += 1;
      member.status = "asked";
      const command: Reserve["command"] = {
        joint_id: joint.joint_id,
        home_key: this.#core.key,
        slots: joint.slots,
        arrived_at: joint.arrived_at,
        lease_seconds: joint.lease_seconds,
        keep: keepsReservations(joint, now),
        mode: joint.mode,
        holder: joint.holder,
        run: joint.run,
        note: joint.note,
        priority: joint.priority,
      };
      if (member.key !== this.#core.key) {
        this.#links.send(this.#addressOf(member.key), "reserve", requestIdOf(joint, member), command);
        this.#write(joint);
        return;
      }
      const answer = this.reserve(command, now);
      if (!answer.ok) {
        this.#refuse(joint, answer.error);
        return;
      }
      if (!this.#note(joint, member, answer.value, now)) return;
    }
  }

  #take(joint: Joint, member: JointMember, answer: ReserveAnswer, now: number): void {
    if (this.#note(joint, member, answer, now)) this.#go(joint, now);
  }

  /** Notes what a member said; false when the acquire waits now. */
  #note(joint: Joint, member: JointMember, answer: ReserveAnswer, now: number): boolean {
    if (answer.status === "full") {
      member.status = "open";
      joint.blocking = member.name;
      if (!keepsReservations(joint, now)) this.#giveBack(joint);
      if (joint.is_woken === true) {
        joint.is_woken = false;
        return true;
      }
      joint.phase = "waiting";
      joint.due_at = now + JOINT_RETRY_MS;
      if (joint.caller === "anonymous") {
        this.#ears.answer(
          joint.waiter_key,
          refuse("locked", undefined, { retry_after_seconds: RETRY_SECONDS }),
        );
        this.#finish(joint, true);
        return false;
      }
      this.#write(joint);
      if (now >= joint.hold_until && !this.#ears.hasSocket(joint.waiter_key)) this.endHold(joint.waiter_key);
      return false;
    }
    member.status = answer.status === "reserved" ? "reserved" : "out";
    member.granted =
      answer.status === "reserved"
        ? {
            id: answer.limit_id,
            name: member.name,
            limit: answer.limit,
            fence: answer.fence,
            slot_names: answer.slot_names,
          }
        : null;
    return true;
  }

  /** Everything is reserved: it is handed over, or offered to a caller who must come for it. */
  #complete(joint: Joint, now: number): void {
    const hasSocket = this.#ears.hasSocket(joint.waiter_key);
    const isFresh = now - joint.asked_at <= FRESH_MS;
    if (this.#ears.isHere(joint.waiter_key) && (hasSocket || isFresh)) {
      const seconds = isFresh ? joint.lease_seconds : Math.min(FIRST_RENEW_SECONDS, joint.lease_seconds);
      this.#ears.answer(joint.waiter_key, accept(this.#commit(joint, seconds, now)));
      return;
    }
    const due_at = now + OFFER_LAPSES_MS;
    this.#write({ ...joint, phase: "ready", present_until: due_at, due_at });
    this.#ears.answer(joint.waiter_key, accept(this.#line.describeOffer()));
  }

  /** The durable decision: from here on the acquire is held, and members follow. */
  #commit(joint: Joint, first_seconds: number, now: number): Grant {
    const expires_at = now + Math.round(first_seconds * 1000);
    let share = this.#store.findShare(joint.joint_id);
    if (share === undefined) {
      // Home itself counts nobody, yet the lease must have a row to live and end by.
      const lease = this.#core.insertShare(joint, expires_at, now);
      share = { ...lease };
    }
    this.#store.makeHome(joint.joint_id, joint.request_id, expires_at);
    this.#core.wakeAt(endOfLease(expires_at, this.#core.host.expiry_floor));
    for (const { key, status } of joint.members) {
      if (status === "reserved" && key !== this.#core.key)
        this.#links.send(this.#addressOf(key), "commit_reservation", `commit:${joint.joint_id}:${key}`, {
          joint_id: joint.joint_id,
          expires_at,
          is_anonymous: joint.is_anonymous,
        });
    }
    if (joint.is_anonymous) {
      const lease = this.#core.store.findLease(share.fence, share.tail);
      this.#store.makeAnonymous(joint.joint_id, expires_at);
      this.#store.delete(joint.joint_id);
      if (lease !== undefined) return this.#grantOf(joint, { ...lease, expires_at }, now);
    }
    const held: Joint = {
      ...joint,
      phase: "held",
      // The next acquire under the same key is another one.
      waiter_key: `held:${joint.joint_id}`,
      due_at: 0,
    };
    this.#write(held);
    const lease = this.#core.store.findLease(share.fence, share.tail);
    if (lease === undefined) throw new Error(`The home lease of ${joint.joint_id} is not there.`);
    return this.#grantOf(held, lease, now);
  }

  #grantOf(joint: Joint, lease: Lease, now: number): Grant {
    return {
      status: "granted",
      lease_id: leaseIdOf(this.#core.key, lease),
      limits: joint.members.flatMap(({ granted }) => (granted === null ? [] : [granted])),
      fence: lease.fence,
      expires_in_seconds: Math.max(0, (lease.expires_at - now) / 1000),
    };
  }

  #refuse(joint: Joint, error: Refusal): void {
    this.#ears.answer(joint.waiter_key, { ok: false, error });
    this.#finish(joint, true);
  }

  /** Gives back every reservation; the places in the members' lines stay. Who was out may be back at the next try. */
  #giveBack(joint: Joint): void {
    for (const member of joint.members) {
      if (member.status === "out") member.status = "open";
      if (member.status !== "reserved") continue;
      member.status = "open";
      member.granted = null;
      this.#undo(member.key, joint.joint_id);
    }
  }

  /** Ends the acquire for good, whatever it holds or waits for. */
  #finish(joint: Joint, isHomeToo: boolean): void {
    this.#store.delete(joint.joint_id);
    for (const { key, status } of joint.members) {
      if (status !== "out" && (isHomeToo || key !== this.#core.key)) this.#undo(key, joint.joint_id);
    }
  }

  #undo(key: string, joint_id: string): void {
    if (key === this.#core.key) this.undo(joint_id, this.#core.host.now());
    else this.#links.send(this.#addressOf(key), "undo_reservation", `undo:${joint_id}:${key}`, { joint_id });
  }

  #describe(joint: Joint, retry_after_seconds: number): Waiting {
    return {
      status: "waiting",
      reason: "other_limit",
      blocking_limit: joint.blocking ?? this.#core.stored?.name ?? "",
      position: null,
      blockers: [],
      estimated_seconds: null,
      retry_after_seconds,
    };
  }

  #isPresent(joint: Joint, now: number): boolean {
    return this.#ears.isHere(joint.waiter_key) || (joint.caller !== "socket" && now < joint.present_until);
  }

  #write(joint: Joint): void {
    this.#store.write(joint);
    if (joint.due_at > 0) this.#core.wakeAt(joint.due_at);
  }

  #addressOf(key: string): AddressOf<"limit"> {
    return addressOfKey(this.#core.host.address.workspace, "limit", key);
  }

  // Member

  /** Takes slots for an acquire whose home will say what becomes of them, or keeps its place in line. */
  reserve(command: Reserve["command"], now: number): Result<ReserveAnswer> {
    const config = this.#core.config;
    if (config === undefined) return accept({ status: "absent" });
    if (!config.active) return accept({ status: "inactive" });
    if (command.mode === "rate_limit" && !doesDecay(config))
      return refuse(
        "invalid",
        `Only concurrency limits with slot decay can be used for rate limiting. The following limits do not have a decay configured: '${config.name}'`,
      );
    if (command.slots > config.limit) return refuse("invalid", TOO_MANY_SLOTS);
    const reserved = (fence: number, slot_names: string[] | null): Result<ReserveAnswer> =>
      accept({ status: "reserved", fence, limit_id: config.id, limit: config.limit, slot_names });
    const share = this.#store.findShare(command.joint_id);
    if (share !== undefined) {
      const lease = this.#core.store.findLease(share.fence, share.tail);
      return reserved(share.fence, lease?.slot_names ?? null);
    }
    const waiter_key = keyOfJoint(command.joint_id);
    const stored = this.#core.store.findWaiter(waiter_key);
    const waiter: Waiter = stored ?? {
      lane: 0,
      priority: command.priority,
      seq: command.arrived_at * 1000,
      waiter_key,
      caller: "joint",
      request_id: command.joint_id,
      slots: command.slots,
      lease_seconds: RESERVED_SECONDS,
      arrived_at: command.arrived_at,
      present_until: now,
      retry_at: now,
      offered_at: null,
      passed: 0,
      pool_key: command.home_key,
      holder: command.holder,
      run: command.run,
      note: command.note,
    };
    const taken = this.#line.walk(now, {
      waiter: { ...waiter, lane: 0 },
      is_stored: stored?.lane === 0,
      kind: "reserved",
    });
    if (taken !== undefined) {
      if (stored?.lane === 1) this.#line.remove(stored);
      return reserved(taken.lease?.fence ?? 0, taken.lease?.slot_names ?? null);
    }
    const present_until = now + ABSENT_SECONDS * 1000;
    const updated = { ...waiter, lane: 0 as const, offered_at: null, present_until };
    if (stored === undefined) this.#line.insert(updated);
    else this.#core.store.updateWaiter(stored, updated);
    return accept({ status: "full" });
  }

  /** Home has decided: the reservation is a lease now, or a raised level. */
  commit(joint_id: string, expires_at: number, is_anonymous: boolean, now: number): void {
    const share = this.#store.findShare(joint_id);
    const config = this.#core.stored;
    if (share === undefined || config === undefined) return;
    if (doesDecay(config)) {
      const lease = this.#core.endLease(share, now);
      if (lease !== undefined)
        this.#core.takeSlots(
          config,
          { ...lease, kind: "lease", request_id: null, first_seconds: 0, joint_id: "", home_key: "" },
          now,
        );
      return;
    }
    if (is_anonymous) this.#store.makeAnonymous(joint_id, expires_at);
    else this.#store.setShare(joint_id, "member", expires_at);
    this.#core.wakeAt(endOfLease(expires_at, this.#core.host.expiry_floor));
  }

  /** Home has given up or has ended: what is reserved, held or waited for here goes. */
  undo(joint_id: string, now: number): void {
    const share = this.#store.findShare(joint_id);
    if (share !== undefined && share.kind !== "home") this.#core.endLease(share, now);
    const waiter = this.#core.store.findWaiter(keyOfJoint(joint_id));
    if (waiter !== undefined) this.#line.remove(waiter);
    this.#line.walk(now);
  }

  /** A share whose deadline has passed: home is asked before it is dropped. */
  askHome(lease: Lease, now: number): void {
    if (lease.joint_id === null || lease.home_key === null) return;
    if (lease.home_key === this.#core.key) {
      this.settleAsk(lease.joint_id, accept(this.ask(lease.joint_id, now)), now);
      return;
    }
    const again_at = now + RESERVED_SECONDS * 1000;
    this.#store.setShare(lease.joint_id, lease.kind === "member" ? "member" : "reserved", again_at);
    this.#links.send(this.#addressOf(lease.home_key), "ask_joint", `ask:${lease.joint_id}:${now}`, {
      joint_id: lease.joint_id,
    });
  }

  settleAsk(joint_id: string, result: Result<unknown>, now: number): void {
    const answer = result.ok ? (result.value as LimitOperations["ask_joint"]["answer"]) : undefined;
    if (answer === undefined || answer.status === "ended") {
      this.undo(joint_id, now);
      return;
    }
    this.#store.setShare(joint_id, answer.status === "held" ? "member" : "reserved", answer.expires_at);
    this.#core.wakeAt(endOfLease(answer.expires_at, this.#core.host.expiry_floor));
  }
}

function requestIdOf(joint: Joint, member: JointMember): string {
  return `reserve:${joint.joint_id}:${member.key}:${joint.round}`;
}

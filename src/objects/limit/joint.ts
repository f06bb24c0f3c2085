/**
 * Acquires over several limits: what a limit does as their home. What it says to them is in
 * `joint-members.ts`; as one of several it acts by `reservations.ts`.
 */
import { ABSENT_SECONDS, EXPECTED_BACK_SECONDS, OFFER_LAPSES_MS } from "../../contract/bounds.ts";
import { accept, refuse, type Refusal, type Result } from "../../contract/errors.ts";
import type { Grant, Waiting } from "../../contract/wire/limits.ts";
import { deadlineOf, endOfLease } from "../../domain/limit/deadlines.ts";
import {
  beginJoint,
  keepsReservations,
  mayHave,
  nextStep,
  nextLookAt,
  RESERVED_SECONDS,
  silentAt,
  toJointGrant,
  toJointWaiting,
  type Joint,
  type JointBeginning,
  type JointMember,
} from "../../domain/limit/joint.ts";
import type { Lease } from "../../domain/limit/types.ts";
import { InvariantViolation, type Answer, type Effect } from "../shared/actor.ts";
import type { LimitCore } from "./core.ts";
import type { Ears } from "./ears.ts";
import type { JointMembers } from "./joint-members.ts";
import type { JointStore } from "./joint-store.ts";
import { OFFER_LAPSED } from "./line.ts";
import type { AcquireCommand, LimitOperations, ShareName } from "./operations.ts";
import { describeOffer } from "./waiting.ts";

type Reserve = LimitOperations["reserve"];
type ReserveAnswer = Reserve["answer"];
/** A request that asked this lately is still there: what is complete is its own. */
const FRESH_MS = 1000;
/** One try takes a few calls; its request is held for this long at most if it did not want to wait. */
const TRY_MS = 5000;
const DUE_MAX = 64;
const RETRY_SECONDS = 1;
const PREFECT_RETRY_SECONDS = 0.2;

export class Joints {
  readonly #core: LimitCore;
  readonly #ears: Ears;
  readonly #store: JointStore;
  readonly #members: JointMembers;
  /** Asks for a turn that ends a hold. */
  readonly #holdEnded: (waiter_key: string) => void;

  constructor(
    core: LimitCore,
    ears: Ears,
    store: JointStore,
    members: JointMembers,
    holdEnded: (waiter_key: string) => void,
  ) {
    this.#core = core;
    this.#ears = ears;
    this.#store = store;
    this.#members = members;
    this.#holdEnded = holdEnded;
    core.onHomeEnded = (joint_id, flow_run_id) => {
      const joint = this.#store.find(joint_id);
      if (joint !== undefined) this.#finish(joint, false, flow_run_id);
    };
  }

  /** The grant of an acquire that is held, for a caller who asks again. */
  replay(lease: Lease, now: number): Grant | undefined {
    const joint = lease.joint_id === null ? undefined : this.#store.find(lease.joint_id);
    return joint === undefined ? undefined : this.#grantOf(joint, lease, now);
  }

  acquire(command: AcquireCommand, waiter_key: string, now: number): Answer<Grant | Waiting> {
    const { caller } = command;
    const known = this.#store.findByWaiter(waiter_key);
    if (known?.phase === "ready" && nextStep(known).do === "complete")
      return accept(this.#commit(known, known.lease_seconds, now));
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
    const begun = known ?? this.#begin(command, waiter_key, now);
    const joint: Joint = {
      ...begun,
      caller: caller.type,
      asked_at: now,
      hold_until: now + hold_ms,
      present_until,
      retry_at,
      due_at: nextLookAt({ ...begun, caller: caller.type, present_until }, now),
    };
    this.#ears.endHeld(waiter_key, accept(this.#describe(joint, RETRY_SECONDS)));
    const csrf_client = isPrefect ? caller.csrf_client : null;
    const older = csrf_client === null ? undefined : this.#ears.heldOfClient(csrf_client);
    if (older !== undefined) this.#holdEnded(older);
    this.#write(joint);
    // The answer may come in this very turn; the ear must be there before.
    const answer =
      caller.type === "socket"
        ? accept(this.#describe(joint, retry_seconds))
        : this.#ears.hold(
            waiter_key,
            Math.max(hold_ms, TRY_MS),
            { csrf_client, attempt_id: command.run?.attempt_id ?? null },
            () => this.#holdEnded(waiter_key),
          );
    // Who polls puts off the next look of the alarm each time.
    this.#proceed(joint, now);
    return answer;
  }

  #begin(command: AcquireCommand, waiter_key: string, now: number): JointBeginning {
    const { caller, request_id } = command;
    const isNamed = caller.type !== "prefect" && caller.type !== "anonymous";
    return beginJoint(
      {
        joint_id: `${this.#core.key}-${now.toString(36)}-${this.#core.host.randomUint(32).toString(36)}`,
        waiter_key,
        request_id: isNamed ? request_id : null,
        mode: command.mode,
        is_anonymous: command.is_anonymous === true,
        ...(command.is_once_per_holder === true && { is_once_per_holder: true }),
        slots: command.slots,
        lease_seconds: command.lease_seconds,
        priority: command.priority,
        arrived_at: now,
        holder: command.holder ?? null,
        run: command.run,
        note: command.note ?? null,
      },
      command.members,
    );
  }

  /** Ends the hold of a request; false when its waiter is none of several limits. */
  endHold(waiter_key: string, now: number): boolean {
    const joint = this.#store.findByWaiter(waiter_key);
    if (joint === undefined) return false;
    const retry_seconds = joint.caller === "prefect" ? PREFECT_RETRY_SECONDS : RETRY_SECONDS;
    // A try may have held it for longer than it wanted to wait: it is expected back from now on.
    const present_until = now + (retry_seconds + EXPECTED_BACK_SECONDS) * 1000;
    if (joint.phase === "trying" && present_until > joint.present_until)
      this.#write({ ...joint, present_until });
    this.#ears.answer(waiter_key, accept(this.#describe(joint, retry_seconds)));
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
    // Nothing is reserved for somebody who may be dead: it is tried when the caller comes.
    this.#offer(joint, now);
  }

  /** It has another place in a member's line, and keeps that. */
  move(joint_id: string, key: string, priority: number): void {
    const joint = this.#store.find(joint_id);
    const member = joint?.members.find((one) => one.key === key);
    if (joint === undefined || member === undefined) return;
    member.priority = priority;
    this.#write(joint);
  }

  ask(joint_id: string, asking: ShareName | undefined, now: number): LimitOperations["ask_joint"]["answer"] {
    const joint = this.#store.find(joint_id);
    if (joint === undefined) return { status: "ended" };
    if (joint.phase !== "held") {
      // A question of home's that came twice, or late, has made the member reserve what home does not count. It is told so
      // in the order of home's other words: the answer to this might overtake a newer question.
      if (asking !== undefined && !mayHave(joint, asking))
        this.#members.undo(asking.key, joint_id, { fence: asking.fence });
      return { status: "waiting", expires_at: now + RESERVED_SECONDS * 1000 };
    }
    // A member may still keep what it reserved before it was disabled, or deleted, and the others were taken without it.
    if (asking !== undefined && !mayHave(joint, asking)) return { status: "ended" };
    const share = this.#store.findShare(joint_id);
    const lease = share && this.#core.store.leases.find(share.fence, share.tail);
    if (lease === undefined) return { status: "ended" };
    const { clock_stepped_at, expiry_floor } = this.#core.host;
    // Past its deadline as long as home may not end it, a member asks again after the grace, and not at once.
    const expires_at = Math.max(deadlineOf(lease, clock_stepped_at), expiry_floor, now);
    return { status: "held", expires_at };
  }

  /** An operator has taken a part of it away: nothing of it is held any more. The word of it may be late. */
  end(joint_id: string, taken: ShareName | undefined, now: number): void {
    const joint = this.#store.find(joint_id);
    if (joint === undefined) return;
    // What was given back before it was taken away is no part of what came after that.
    if (taken !== undefined && !mayHave(joint, taken)) return;
    const share = joint.phase === "held" ? this.#store.findShare(joint_id) : undefined;
    // The end of the lease at home is the end of the acquire.
    if (share !== undefined) this.#core.endLease(share, now, "operator");
    else this.withdraw(joint.waiter_key);
  }

  /** A waiter's socket was closed: it keeps its place for a while, but nothing that others could use. */
  hearClosed(waiter_key: string, now: number): void {
    const joint = this.#store.findByWaiter(waiter_key);
    if (joint === undefined || joint.phase === "held" || this.#isPresent(joint, now)) return;
    // What was offered lapses by itself.
    if (joint.phase !== "ready") this.#members.giveBack(joint);
    this.#write(joint.caller === "socket" ? { ...joint, present_until: now } : joint);
  }

  sweep(now: number): void {
    for (const joint of this.#store.listDue(now, DUE_MAX)) {
      const isPresent = this.#isPresent(joint, now);
      if (!isPresent && this.#isForgotten(joint, now)) {
        this.#finish(joint, true);
        continue;
      }
      // Who is absent or silent keeps its place for a while, but nothing that others could use.
      if (!this.#isThere(joint, now)) this.#members.giveBack(joint);
      const looked: Joint = {
        ...joint,
        present_until: isPresent ? this.#heardUntil(joint, now) : joint.present_until,
        due_at: nextLookAt(joint, now, this.#silentAt(joint)),
      };
      if (joint.phase === "ready" && !isPresent) {
        this.#ears.answer(joint.waiter_key, refuse("unavailable", OFFER_LAPSED));
        this.#write({ ...looked, phase: "waiting" });
      } else if (isPresent && joint.phase !== "ready") this.#proceed(looked, now);
      else this.#write(looked);
    }
  }

  /** A socket that is open was heard of now, however long ago its waiter asked. */
  #heardUntil({ waiter_key, present_until }: Joint, now: number): number {
    return this.#ears.hasSocket(waiter_key) ? Math.max(now, present_until) : present_until;
  }

  /** Its time to come back in is over; while nobody could come it did not run. */
  #isForgotten({ present_until }: Joint, now: number): boolean {
    const since = now - ABSENT_SECONDS * 1000;
    return since >= present_until && since >= this.#core.host.expiry_floor;
  }

  /** A member has answered. */
  settleReserve(effect: Effect, result: Result<unknown>, now: number): void {
    const { joint_id } = effect.command as Reserve["command"];
    const joint = this.#store.find(joint_id);
    const member = joint?.members.find(({ key }) => key === effect.target.key);
    if (joint === undefined) {
      // It has ended meanwhile: what was reserved after that is given back.
      this.#members.undo(effect.target.key, joint_id, {});
      return;
    }
    if (member === undefined || !this.#members.isAnswer(joint, member, effect.request_id)) return;
    if (!result.ok) {
      if (result.error.code === "not_found") this.#take(joint, member, { status: "absent" }, now);
      else this.#refuse(joint, result.error);
      return;
    }
    this.#take(joint, member, result.value as ReserveAnswer, now);
  }

  /**
   * A try that is under way goes on. Otherwise, or where the answer of a member is missing, a new one begins, in which those
   * that were out are asked, too: they may count again.
   */
  #proceed(joint: Joint, now: number): void {
    if (joint.phase !== "trying" || this.#members.reopenUnheard(joint)) this.#members.reopen(joint);
    this.#go({ ...joint, phase: "trying" }, now);
  }

  /** Takes the next steps until a member must be waited for, to answer or to give back what it has reserved before. */
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
      const answer = this.#members.isGivingBack(joint, member)
        ? undefined
        : this.#members.reserve(joint, member, now);
      if (answer === undefined) {
        // Whoever is silent may have its turn, but keeps nothing while a member does not answer.
        const due_at = this.#isThere(joint, now) ? joint.due_at : Math.min(joint.due_at, now + TRY_MS);
        this.#write({ ...joint, due_at });
        return;
      }
      if (!answer.ok) {
        this.#refuse(joint, answer.error);
        return;
      }
      if (!this.#note(joint, member, answer.value, now)) return;
    }
  }

  #take(joint: Joint, member: JointMember, answer: ReserveAnswer, now: number): void {
    if (this.#note(joint, member, answer, now)) this.#goOn(joint, now);
  }

  /** A member has heard that what it reserved is given back: it can be asked again. */
  settleUndo(effect: Effect, now: number): void {
    const joint = this.#store.find(
      (effect.command as LimitOperations["undo_reservation"]["command"]).joint_id,
    );
    if (joint?.phase === "trying") this.#goOn(joint, now);
  }

  #goOn(joint: Joint, now: number): void {
    if (this.#isPresent(joint, now)) this.#go(joint, now);
    else this.#rest(joint, now);
  }

  /** Its caller has gone while a member was asked: nothing more is reserved until somebody comes. */
  #rest(joint: Joint, now: number): void {
    this.#members.giveBack(joint);
    joint.is_woken = false;
    joint.asked_at = 0;
    this.#write({ ...joint, phase: "waiting", due_at: nextLookAt(joint, now) });
  }

  /** Notes what a member said; false when the acquire waits now. */
  #note(joint: Joint, member: JointMember, answer: ReserveAnswer, now: number): boolean {
    if (answer.status === "full") {
      member.status = "open";
      joint.blocking = member.name;
      const isKept = keepsReservations(joint, now) && this.#isThere(joint, now);
      // While it waits for one it keeps none of those behind it: two that did so could wait for each other.
      this.#members.giveBack(joint, isKept ? joint.members.indexOf(member) + 1 : 0);
      if (joint.is_woken === true) {
        joint.is_woken = false;
        this.#members.reopen(joint);
        return true;
      }
      joint.phase = "waiting";
      // From here on nobody knows whether the caller is still there.
      joint.asked_at = 0;
      joint.due_at = nextLookAt(joint, now, this.#silentAt(joint));
      if (joint.caller === "anonymous") {
        this.#ears.answer(
          joint.waiter_key,
          refuse("locked", undefined, { retry_after_seconds: RETRY_SECONDS }),
        );
        this.#finish(joint, true);
        return false;
      }
      this.#write(joint);
      if (now >= joint.hold_until && !this.#ears.hasSocket(joint.waiter_key))
        this.endHold(joint.waiter_key, now);
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

  /** Everything is reserved: it is handed to a caller who has just asked, and offered to any other. */
  #complete(joint: Joint, now: number): void {
    if (this.#ears.isHere(joint.waiter_key) && now - joint.asked_at <= FRESH_MS) {
      this.#ears.answer(joint.waiter_key, accept(this.#commit(joint, joint.lease_seconds, now)));
      return;
    }
    this.#offer(joint, now);
  }

  #offer(joint: Joint, now: number): void {
    const due_at = now + OFFER_LAPSES_MS;
    this.#write({ ...joint, phase: "ready", present_until: due_at, due_at });
    this.#ears.answer(joint.waiter_key, accept(describeOffer(this.#core)));
  }

  /** The durable decision: from here on the acquire is held, and members follow. */
  #commit(joint: Joint, first_seconds: number, now: number): Grant {
    const expires_at = now + Math.round(first_seconds * 1000);
    this.#assertWhole(joint, this.#store.findShare(joint.joint_id)?.slots ?? 0);
    this.#members.commit(joint, expires_at, now);
    let share = this.#store.findShare(joint.joint_id);
    if (share === undefined) {
      // Home holds no slots, yet the lease must have a row to live and end by.
      const lease = this.#core.insertShare(joint, expires_at, now);
      share = { ...lease };
    }
    this.#store.makeHome(joint, expires_at);
    this.#core.wakeAt(endOfLease(expires_at, this.#core.host.expiry_floor));
    if (joint.is_anonymous) {
      const lease = this.#core.store.leases.find(share.fence, share.tail);
      if (share.slots === 0) this.#core.store.leases.delete(share.fence, share.tail);
      else this.#store.makeAnonymous(joint.joint_id, expires_at);
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
    const lease = this.#core.store.leases.find(share.fence, share.tail);
    if (lease === undefined) throw new InvariantViolation("I11", "the lease at home is not there", { joint });
    return this.#grantOf(held, lease, now);
  }

  /** I11: each limit that counts has said that it reserved, and home has what it reserved itself. */
  #assertWhole(joint: Joint, slots_at_home: number): void {
    for (const { name, key, status, granted } of joint.members) {
      if (status === "out") continue;
      const isMissing = key === this.#core.key && slots_at_home !== joint.slots;
      if (status !== "reserved" || granted === null || isMissing)
        throw new InvariantViolation("I11", `${name} would be granted without its slots`, {
          joint,
          slots_at_home,
        });
    }
  }

  #grantOf(joint: Joint, lease: Lease, now: number): Grant {
    return toJointGrant(joint, this.#core.key, lease, now);
  }

  #refuse(joint: Joint, error: Refusal): void {
    this.#ears.answer(joint.waiter_key, { ok: false, error });
    this.#finish(joint, true);
  }

  /** Ends the acquire for good, whatever it holds or waits for. */
  #finish(joint: Joint, isHomeToo: boolean, flow_run_id: string | null = null): void {
    this.#store.delete(joint.joint_id);
    this.#members.leave(joint, isHomeToo, flow_run_id);
  }

  #describe(joint: Joint, retry_after_seconds: number): Waiting {
    return toJointWaiting(joint, this.#core.stored?.name ?? "", retry_after_seconds);
  }

  #isPresent(joint: Joint, now: number): boolean {
    if (joint.phase === "ready") return now < joint.present_until;
    return this.#ears.isHere(joint.waiter_key) || (joint.caller !== "socket" && now < joint.present_until);
  }

  #silentAt(joint: Joint): number {
    return silentAt(joint, this.#ears.pingedAt(joint.waiter_key));
  }

  /** It is present, and on an open socket, however it asked last, something says that somebody is at its other end. */
  #isThere(joint: Joint, now: number): boolean {
    const isSilent = this.#ears.hasSocket(joint.waiter_key) && now >= this.#silentAt(joint);
    return this.#isPresent(joint, now) && !isSilent;
  }

  #write(joint: Joint): void {
    this.#store.write(joint);
    if (joint.due_at > 0) this.#core.wakeAt(joint.due_at);
  }
}

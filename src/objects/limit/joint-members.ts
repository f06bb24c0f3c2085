/** What the home of an acquire over several limits says to its members, itself among them. */
import { addressOfKey, type AddressOf } from "../../contract/envelope.ts";
import type { Result } from "../../contract/errors.ts";
import type { Joint, JointMember } from "../../domain/limit/joint.ts";
import type { LimitCore } from "./core.ts";
import type { LimitOperations } from "./operations.ts";
import type { Reservations } from "./reservations.ts";

type Reserve = LimitOperations["reserve"];

/** The effects of the limit on others. */
interface Effects {
  send: (target: AddressOf<"limit">, operation: string, request_id: string, command: unknown) => void;
  isSending: (target: AddressOf<"limit">, id_prefix: string) => boolean;
}

/** Home answers itself at once; the others are told by effects, and their answers come in later turns. */
export class JointMembers {
  readonly #core: LimitCore;
  readonly #reservations: Reservations;
  readonly #effects: Effects;

  constructor(core: LimitCore, reservations: Reservations, effects: Effects) {
    this.#core = core;
    this.#reservations = reservations;
    this.#effects = effects;
  }

  /** Asks the next member to reserve; undefined when its answer is still to come. */
  reserve(joint: Joint, member: JointMember, now: number): Result<Reserve["answer"]> | undefined {
    joint.round += 1;
    member.status = "asked";
    const command: Reserve["command"] = {
      joint_id: joint.joint_id,
      home_key: this.#core.key,
      slots: joint.slots,
      arrived_at: joint.arrived_at,
      lease_seconds: joint.lease_seconds,
      mode: joint.mode,
      holder: joint.holder,
      run: joint.run,
      note: joint.note,
      priority: member.priority ?? joint.priority,
      ...(joint.is_once_per_holder === true && { is_once_per_holder: true }),
    };
    if (member.key === this.#core.key) return this.#reservations.reserve(command, now);
    this.#effects.send(this.#addressOf(member.key), "reserve", requestIdOf(joint, member), command);
    return undefined;
  }

  /**
   * Members whose answer was not taken, and will not come again, are to be asked anew; tells whether there are any. Code
   * that asks several at a time takes the answer to any but the newest question for an old one.
   */
  reopenUnheard(joint: Joint): boolean {
    const unheard = joint.members.filter(
      ({ key, status }) =>
        status === "asked" &&
        !this.#effects.isSending(this.#addressOf(key), questionsTo(key, joint.joint_id)),
    );
    for (const member of unheard) member.status = "open";
    return unheard.length > 0;
  }

  /**
   * Tells whether a member has still to hear that what it reserved is given back: a question might overtake that word, and
   * its answer speak of what that takes away.
   */
  isGivingBack({ joint_id }: Joint, { key }: JointMember): boolean {
    return key !== this.#core.key && this.#effects.isSending(this.#addressOf(key), undoOf(key, joint_id));
  }

  /** Tells whether an answer is to the newest question, and not to one that was given up. */
  isAnswer(joint: Joint, member: JointMember, request_id: string): boolean {
    return member.status === "asked" && request_id === requestIdOf(joint, member);
  }

  /** Home has decided: what they have reserved is held now, or used where it decays. Home's own share is its lease. */
  commit({ joint_id, is_anonymous, members }: Joint, expires_at: number, now: number): void {
    this.#reservations.useUp(joint_id, now);
    for (const { key, status, granted } of members) {
      if (status === "reserved" && key !== this.#core.key)
        this.#effects.send(this.#addressOf(key), "commit_reservation", `commit:${joint_id}:${key}`, {
          joint_id,
          expires_at,
          is_anonymous,
          fence: granted?.fence ?? null,
        });
    }
  }

  /** Those that were out are asked again. */
  reopen(joint: Joint): void {
    for (const member of joint.members) if (member.status === "out") member.status = "open";
  }

  /**
   * Gives back every reservation, or those behind the first members only; the places in the members' lines stay. Who was out
   * may be back at the next try.
   */
  giveBack(joint: Joint, from = 0): void {
    for (const member of joint.members.slice(from)) {
      if (member.status === "out") member.status = "open";
      if (member.status !== "reserved") continue;
      const { granted } = member;
      member.status = "open";
      member.granted = null;
      this.undo(member.key, joint.joint_id, { fence: granted?.fence ?? null });
    }
  }

  /** Takes back whatever the members hold or keep for an acquire that has ended. */
  leave(joint: Joint, isHomeToo: boolean, flow_run_id: string | null): void {
    for (const { key, status } of joint.members) {
      if (status !== "out" && (isHomeToo || key !== this.#core.key))
        this.undo(key, joint.joint_id, { flow_run_id });
    }
  }

  undo(
    key: string,
    joint_id: string,
    { fence = null, flow_run_id = null }: Omit<LimitOperations["undo_reservation"]["command"], "joint_id">,
  ): void {
    const of = { fence, flow_run_id };
    if (key === this.#core.key) this.#reservations.undo(joint_id, this.#core.host.now(), of);
    else
      this.#effects.send(this.#addressOf(key), "undo_reservation", undoOf(key, joint_id), {
        joint_id,
        ...of,
      });
  }

  #addressOf(key: string): AddressOf<"limit"> {
    return addressOfKey(this.#core.host.address.workspace, "limit", key);
  }
}

function requestIdOf({ joint_id, round }: Joint, { key }: JointMember): string {
  return `${questionsTo(key, joint_id)}${round}`;
}

function undoOf(key: string, joint_id: string): string {
  return `undo:${joint_id}:${key}`;
}

/** How the request ids of all questions to a member begin. */
function questionsTo(key: string, joint_id: string): string {
  return `reserve:${joint_id}:${key}:`;
}

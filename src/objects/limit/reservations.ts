/** What a limit does as one of several that an acquire takes: it reserves, commits and undoes as their home says. */
import { ABSENT_SECONDS } from "../../contract/bounds.ts";
import { addressOfKey, type AddressOf } from "../../contract/envelope.ts";
import { accept, refuse, type Result, TOO_MANY_SLOTS } from "../../contract/errors.ts";
import { endOfLease } from "../../domain/limit/deadlines.ts";
import { doesDecay } from "../../domain/limit/decay.ts";
import { RESERVED_SECONDS } from "../../domain/limit/joint.ts";
import { keyOfJoint } from "../../domain/limit/naming.ts";
import type { Holder } from "../../contract/wire/limits.ts";
import type { Lease, Waiter } from "../../domain/limit/types.ts";
import type { LimitCore } from "./core.ts";
import type { JointStore } from "./joint-store.ts";
import type { Line } from "./line.ts";
import type { LimitOperations, ShareName } from "./operations.ts";

type Reserve = LimitOperations["reserve"];
type Ask = LimitOperations["ask_joint"]["command"];
type Asked = LimitOperations["ask_joint"]["answer"];

export interface ReservationLinks {
  send(target: AddressOf<"limit">, operation: string, request_id: string, command: unknown): void;
  /** Asks the home of an acquire where that is this very limit. */
  askHere(joint_id: string, share: ShareName, now: number): Asked;
  /** Tells the home of an acquire, where that is this very limit, that a part of it is taken away. */
  endHere(joint_id: string, share: ShareName, now: number): void;
}

export class Reservations {
  readonly #core: LimitCore;
  readonly #line: Line;
  readonly #store: JointStore;
  readonly #links: ReservationLinks;

  constructor(core: LimitCore, line: Line, store: JointStore, links: ReservationLinks) {
    this.#core = core;
    this.#line = line;
    this.#store = store;
    this.#links = links;
  }

  /** Takes slots for an acquire whose home will say what becomes of them, or keeps its place in line. */
  reserve(command: Reserve["command"], now: number): Result<Reserve["answer"]> {
    const config = this.#core.config;
    if (config === undefined) return accept({ status: "absent" });
    if (!config.active) return accept({ status: "inactive" });
    if (command.mode === "rate_limit" && !doesDecay(config))
      return refuse(
        "invalid",
        `Only concurrency limits with slot decay can be used for rate limiting. The following limits do not have a decay configured: '${config.name}'`,
      );
    if (command.slots > config.limit) return refuse("invalid", TOO_MANY_SLOTS);
    const reserved = (fence: number, slot_names: string[] | null): Result<Reserve["answer"]> =>
      accept({ status: "reserved", fence, limit_id: config.id, limit: config.limit, slot_names });
    const share = this.#store.findShare(command.joint_id);
    // It has its slots here by another acquire, and is counted once.
    if (share === undefined && command.is_once_per_holder === true && this.#isHolder(command.holder))
      return accept({ status: "absent" });
    if (share !== undefined) {
      const lease = this.#core.store.leases.find(share.fence, share.tail);
      return reserved(share.fence, lease?.slot_names ?? null);
    }
    const waiter_key = keyOfJoint(command.joint_id);
    const stored = this.#core.store.waiters.find(waiter_key);
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
      estimated_ms: null,
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
    else this.#core.store.waiters.update(stored, updated);
    return accept({ status: "full" });
  }

  #isHolder(holder: Holder | null): boolean {
    return (
      holder !== null &&
      this.#core.store.leases.listOfHolder(holder).some(({ kind, slots }) => kind !== "reserved" && slots > 0)
    );
  }

  /** Home has decided: the reservation is a lease now, or a raised level. */
  commit(
    joint_id: string,
    expires_at: number,
    { is_anonymous, fence }: { is_anonymous: boolean; fence: number | null },
    now: number,
  ): void {
    // The word came twice, and late: what it spoke of has ended, and was reserved anew by a question that was late, too.
    if (fence !== null && fence !== (this.#store.findShare(joint_id)?.fence ?? fence)) return;
    if (this.useUp(joint_id, now)) return;
    if (is_anonymous) this.#store.makeAnonymous(joint_id, expires_at);
    else this.#store.setShare(joint_id, "member", expires_at);
    this.#core.wakeAt(endOfLease(expires_at, this.#core.host.expiry_floor));
  }

  /** Slots of a limit that decays are used and not held: what is reserved becomes level. False: they are held here. */
  useUp(joint_id: string, now: number): boolean {
    const config = this.#core.stored;
    if (config === undefined || !doesDecay(config)) return false;
    const share = this.#store.findShare(joint_id);
    const lease = share && this.#core.store.leases.find(share.fence, share.tail);
    if (lease === undefined) return true;
    // What is held since before the limit began to decay stays held.
    if (lease.kind !== "reserved") return false;
    this.#core.endLease(lease, now, "holder");
    this.#core.takeSlots(
      config,
      { ...lease, kind: "lease", request_id: null, first_seconds: 0, joint_id: "", home_key: "" },
      now,
    );
    this.#line.walk(now);
    return true;
  }

  /**
   * Home has given up or has ended: what is reserved, held or waited for here goes. With a fence only the reservation
   * that has it: home may have reserved anew since it said so. `flow_run_id`: the run that it was for.
   */
  undo(
    joint_id: string,
    now: number,
    { fence = null, flow_run_id = null }: { fence?: number | null; flow_run_id?: string | null } = {},
  ): void {
    const share = this.#store.findShare(joint_id);
    if (fence !== null && share?.fence !== fence) return;
    if (share !== undefined && share.kind !== "home")
      this.#core.endLease(share, now, "other_limit", { flow_run_id });
    const waiter = this.#core.store.waiters.find(keyOfJoint(joint_id));
    if (waiter !== undefined) this.#line.remove(waiter);
    this.#line.walk(now);
  }

  /** A share whose deadline has passed: home is asked before it is dropped. */
  askHome(lease: Lease, now: number): void {
    if (lease.joint_id === null || lease.home_key === null) return;
    const share: ShareName = { key: this.#core.key, fence: lease.fence };
    if (lease.home_key === this.#core.key) {
      const asked = accept(this.#links.askHere(lease.joint_id, share, now));
      this.settleAsk({ joint_id: lease.joint_id, share }, asked, now);
      return;
    }
    const again_at = now + RESERVED_SECONDS * 1000;
    this.#store.setShare(lease.joint_id, lease.kind === "member" ? "member" : "reserved", again_at);
    this.#links.send(
      addressOfKey(this.#core.host.address.workspace, "limit", lease.home_key),
      "ask_joint",
      `ask:${lease.joint_id}:${now}`,
      { joint_id: lease.joint_id, share },
    );
  }

  /** Somebody who may do so ends a share: what is held together ends together. */
  tellHomeOfEnd(
    { joint_id, home_key, fence }: Pick<Lease, "joint_id" | "home_key" | "fence">,
    now: number,
  ): void {
    if (joint_id === null || home_key === null) return;
    const share: ShareName = { key: this.#core.key, fence };
    if (home_key === this.#core.key) {
      this.#links.endHere(joint_id, share, now);
      return;
    }
    this.#links.send(
      addressOfKey(this.#core.host.address.workspace, "limit", home_key),
      "end_joint",
      `end:${joint_id}:${this.#core.key}`,
      { joint_id, share },
    );
  }

  /** Home has answered. What it says of a share that was given back meanwhile says nothing of one that was reserved anew. */
  settleAsk({ joint_id, share }: Ask, result: Result<unknown>, now: number): void {
    const fence = share?.fence ?? null;
    if (fence !== null && this.#store.findShare(joint_id)?.fence !== fence) return;
    const answer = result.ok ? (result.value as Asked) : undefined;
    if (answer === undefined || answer.status === "ended") {
      this.undo(joint_id, now);
      return;
    }
    this.#store.setShare(joint_id, answer.status === "held" ? "member" : "reserved", answer.expires_at);
    this.#core.wakeAt(endOfLease(answer.expires_at, this.#core.host.expiry_floor));
  }
}

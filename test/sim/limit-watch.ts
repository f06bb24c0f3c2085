/** Holds one limit to the promises of the design: looks at what is stored after each commit. */
import { addressOfKey, type ObjectAddress } from "../../src/contract/envelope.ts";
import type { Result } from "../../src/contract/errors.ts";
import type { Grant, Limit, Waiting } from "../../src/contract/wire/limits.ts";
import type { Joint } from "../../src/domain/limit/joint.ts";
import { leaseIdOf } from "../../src/domain/limit/naming.ts";
import type { AcquireCommand, LimitOperations } from "../../src/objects/limit/operations.ts";
import { DecayWatch } from "./decay-watch.ts";
import {
  type ConfigRow,
  countFree,
  doesDecay,
  type LeaseRow,
  makeRowReader,
  sumSlots,
  type WaiterRow,
} from "./limit-rows.ts";
import { LineWatch } from "./line-watch.ts";
import type { SimObject } from "./objects.ts";
import { START_GRACE_MS, TrueInstants } from "./server-clock.ts";
import type { World } from "./world.ts";

/** What the design says, whatever the code has. */
const GRACE_MS = 10_000;
/** How long commits that fail and calls that are on their way may put off a deadline. */
const SLACK_MS = 20_000;
/** An alarm that comes late means lost time, which puts deadlines off by half a minute, perhaps more than once. */
const LATE_SLACK_MS = 600_000;
const RESIZED_LATELY_MS = 5000;
/** From what a turn decides to what is known of it. */
const TURN_MS = 50;
/** A request whose lease has ended is never granted again for so long. */
const REPLAY_MS = 600_000;

export class LimitWatch {
  readonly #world: World;
  readonly #object: SimObject;
  readonly #line: LineWatch;
  readonly #decay: DecayWatch;
  readonly #read;
  /** When leases end, in true time. */
  readonly #ends: TrueInstants;
  readonly #find: (address: ObjectAddress) => SimObject | undefined;
  #leases = new Map<number, LeaseRow>();
  #waiters = new Map<string, WaiterRow>();
  #highest_fence = 0;
  #config: ConfigRow | undefined;
  /** When slots that nobody holds were last given back by hand. */
  #countedDownAt = Number.NEGATIVE_INFINITY;
  /** Until when a request must not be granted, because its withdrawal was confirmed. */
  readonly #withdrawn = new Map<string, number>();
  /** Under which fence each request was granted, and until when its end is remembered, once it has ended. */
  readonly #granted = new Map<string, { fence: number; remembered_until: number }>();
  /** Fences of what was taken while the limit decayed, and is held by nobody. */
  readonly #used = new Set<number>();
  /** When each lease was stored, by its fence. */
  readonly given_at = new Map<number, number>();
  /** Leases, requests and attempts that somebody has asked to end. */
  readonly #ended = new Set<string>();
  /** Which sizes the limit has had, and since when. */
  readonly #sizes: { at: number; limit: number }[] = [];
  /** Which sizes somebody has asked for: some may never have been stored, others only within a turn. */
  #asked: { at: number; limit: number }[] = [];
  /** The last commit gave or ended a lease. */
  #isChanged = false;

  constructor(
    world: World,
    object: SimObject,
    socketSince: (waiter_key: string) => number | undefined,
    find: (address: ObjectAddress) => SimObject | undefined,
  ) {
    [this.#world, this.#object, this.#find] = [world, object, find];
    this.#line = new LineWatch(world, object, socketSince);
    this.#decay = new DecayWatch(world, object);
    this.#read = makeRowReader(object);
    this.#ends = new TrueInstants(world.clock);
  }

  /** A command has reached the object. */
  note(operation: string, command: unknown): void {
    const { lease_id, request_id, attempt_id, limit } = command as Record<
      string,
      string | number | undefined
    >;
    this.#line.note(operation, command);
    this.#decay.note(operation);
    if (operation === "release_holder")
      this.#ended.add((command as LimitOperations["release_holder"]["command"]).holder.id);
    if (operation === "decrement") this.#countedDownAt = this.#world.now;
    if (operation === "release" || operation === "force_release") this.#ended.add(String(lease_id));
    if (operation === "withdraw") this.#ended.add(String(request_id));
    if (operation === "end_attempt") this.#ended.add(String(attempt_id));
    if ((operation === "update" || operation === "create") && typeof limit === "number")
      this.#asked = [...this.#asked.slice(-20), { at: this.#world.now, limit }];
  }

  /** An answer has left the object. */
  noteAnswer(operation: string, command: unknown, result: Result<unknown>): void {
    if (!result.ok) return;
    if (operation === "withdraw")
      this.#withdrawn.set((command as { request_id: string }).request_id, this.#world.now + REPLAY_MS);
    if (operation === "set_priority")
      this.#line.noteMoved(command as LimitOperations["set_priority"]["command"]);
    if (operation === "acquire") {
      const answer = result.value as Grant | Waiting;
      const own =
        answer.status === "granted"
          ? answer.limits.find(({ name }) => name === this.#object.name)
          : undefined;
      // I12: what is told is stored, unless somebody has ended it in the turn that gave it.
      if (
        command !== null &&
        !this.#hasEnded(command as AcquireCommand) &&
        own?.fence !== undefined &&
        own.fence !== null &&
        own.fence > this.#highest_fence
      )
        this.#world.fail("I12", `${this.#object.name} told of fence ${own.fence} before it was stored`, {
          command,
          answer,
        });
      if (answer.status === "granted" && command !== null)
        this.#decay.noteGrant(command as AcquireCommand, answer);
    }
    // What else ran in the turn of the answer may have changed what the answer says.
    if (operation === "read" && this.#object.isSettled && !this.#isChanged)
      this.#checkShown(result.value as Limit);
  }

  #hasEnded({ request_id, run, holder }: AcquireCommand): boolean {
    return [request_id, run?.attempt_id, holder?.id].some(
      (word) => typeof word === "string" && this.#ended.has(word),
    );
  }

  /** I2: what is shown is what the holders have, and the level of what decays. */
  #checkShown({ active_slots }: Limit): void {
    const config = this.#config;
    if (config === undefined) return;
    const { now } = this.#world.clock;
    const freeAt = (at: number) => countFree(config, this.#leases.values(), at);
    const shown = config.limit - active_slots;
    if (shown < freeAt(now - TURN_MS) || shown > freeAt(now))
      this.#world.fail("I2", `${this.#object.name} shows ${active_slots} slots in use`, this.describe());
  }

  /** The largest size since an instant. */
  sizeSince(at: number): number {
    const before = this.#sizes.findLast((size) => size.at <= at);
    return Math.max(
      before?.limit ?? 0,
      ...this.#sizes.filter((size) => size.at > at).map(({ limit }) => limit),
    );
  }

  /** Whether an attempt of a flow run has slots here. */
  isHeldBy(attempt_id: string): boolean {
    return [...this.#leases.values()].some((lease) => lease.attempt_id === attempt_id);
  }

  /** Tells whether a grant with this fence has slots that are held here: what was taken while the limit decayed is used. */
  isHeld(fence: number): boolean {
    return this.given_at.has(fence) && !this.#used.has(fence);
  }

  isEmpty(): boolean {
    return this.#leases.size === 0 && this.#waiters.size === 0;
  }

  describe(): unknown {
    return { leases: [...this.#leases.values()], waiters: [...this.#waiters.values()] };
  }

  /** Compares what is stored now with what was stored after the commit before. */
  look(): void {
    const rows = this.#read();
    const { config, leases, waiters } = rows;
    if (config === undefined) return;
    if (config.limit !== this.#config?.limit) this.#sizes.push({ at: this.#world.now, limit: config.limit });
    for (const lease of leases.values()) {
      this.#endOf(lease);
      if (!this.#leases.has(lease.fence)) this.#checkNew(lease, leases, config);
      if (lease.slots === 0 && doesDecay(config)) this.#used.add(lease.fence);
    }
    for (const lease of this.#leases.values())
      if (!leases.has(lease.fence)) {
        this.#checkGone(lease);
        if (lease.kind === "reserved" && doesDecay(config)) this.#used.add(lease.fence);
      }
    this.#isChanged =
      leases.size !== this.#leases.size || [...leases.keys()].some((fence) => !this.#leases.has(fence));
    [this.#leases, this.#waiters, this.#config] = [leases, waiters, config];
    this.#line.look(rows);
    this.#decay.look(config, [...leases.values()]);
    this.#checkDeadlines();
  }

  #checkNew(lease: LeaseRow, leases: Map<number, LeaseRow>, config: ConfigRow): void {
    const { name } = this.#object;
    if (lease.fence <= this.#highest_fence)
      this.#world.fail("I4", `${name} gave fence ${lease.fence} after ${this.#highest_fence}`, lease);
    this.#highest_fence = Math.max(lease.fence, this.#highest_fence);
    this.given_at.set(lease.fence, this.#world.now);
    const asked = this.#asked.filter(({ at }) => at > this.#world.now - RESIZED_LATELY_MS);
    const bound = Math.max(this.#config?.limit ?? 0, config.limit, ...asked.map(({ limit }) => limit));
    const total = sumSlots(leases.values());
    if (total > bound && lease.slots > 0)
      this.#world.fail("I1", `${name} gave ${total} of ${bound} slots`, [...leases.values()]);
    const named = [...leases.values()].flatMap(({ slot_names }) =>
      slot_names === null ? [] : (JSON.parse(slot_names) as string[]),
    );
    if (new Set(named).size < named.length) this.#world.fail("I3", `${name} gave a named slot twice`, named);
    const { holder_type, holder_id } = lease;
    // Who asks for more limits than before takes nothing of those that it has already.
    const isHeldTwice = [...leases.values()].some(
      (other) => other.fence !== lease.fence && other.holder_id === holder_id && other.slots > 0,
    );
    if (holder_type === "task_run" && lease.kind !== "reserved" && lease.slots > 0 && isHeldTwice)
      this.#world.fail("I5", `${name} gave a task run slots twice`, [...leases.values()]);
    if (lease.request_id !== null) {
      const before = this.#granted.get(lease.request_id);
      if (before !== undefined && this.#world.now < before.remembered_until)
        this.#world.fail(
          "I5",
          `${name} granted ${lease.request_id} again, after fence ${before.fence}`,
          lease,
        );
      this.#granted.set(lease.request_id, {
        fence: lease.fence,
        remembered_until: Number.POSITIVE_INFINITY,
      });
      if (this.#world.now < (this.#withdrawn.get(lease.request_id) ?? 0) && !this.#world.faults.canStep)
        this.#world.fail(
          "I5",
          `${name} granted ${lease.request_id} after it had confirmed its withdrawal`,
          lease,
        );
    }
  }

  /** I10: a lease ends because somebody who may say so has said so, or after its deadline and the grace. */
  #checkGone(lease: LeaseRow): void {
    const granted = lease.request_id === null ? undefined : this.#granted.get(lease.request_id);
    // A clock that is put forward takes from the ten minutes.
    if (granted?.fence === lease.fence)
      granted.remembered_until = this.#world.faults.canStep ? 0 : this.#world.now + REPLAY_MS;
    const lease_id = leaseIdOf(this.#object.address.key, lease);
    const words = [lease_id, lease.request_id, lease.attempt_id, lease.holder_id];
    if (words.some((word) => word !== null && this.#ended.has(word))) return;
    if (lease.kind === "anonymous" && this.#world.now < this.#countedDownAt + TURN_MS) return;
    if (lease.joint_id !== null) {
      this.#checkShareGone(lease);
      return;
    }
    const { now, clock } = this.#world;
    if (clock.began_at > 0 && now < clock.began_at + START_GRACE_MS)
      this.#world.fail("I10", `${this.#object.name} ended a lease just after the server began`, {
        lease,
        began_at: clock.began_at,
      });
    if (now >= this.#endOf(lease) + GRACE_MS) return;
    this.#world.fail("I10", `${this.#object.name} ended a lease before its time`, lease);
  }

  #endOf({ fence, expires_at }: LeaseRow): number {
    return this.#ends.see(String(fence), expires_at);
  }

  /** I11: a share of several limits stays for as long as its home holds the acquire. */
  #checkShareGone(lease: LeaseRow): void {
    if (lease.home_key === null || lease.kind !== "member") return;
    const home = this.#find(addressOfKey(this.#object.address.workspace, "limit", lease.home_key));
    const row = home?.database
      .prepare("SELECT record FROM joint WHERE joint_id = ?")
      .get(lease.joint_id ?? "");
    const joint = row === undefined ? undefined : (JSON.parse(String(row["record"])) as Joint);
    if (joint?.phase === "held" && home !== this.#object)
      this.#world.fail("I11", `${this.#object.name} dropped its share of an acquire that is held`, {
        lease,
        joint,
      });
  }

  /** I9 and I10: each row has an alarm that will end it, and none outlives its time. */
  #checkDeadlines(): void {
    const { faults, clock } = this.#world;
    const { now, stepped_at } = clock;
    // Of a lease from before the clock was put forward nobody knows how much of it was left.
    const deadlineOf = ({ expires_at, lease_seconds }: LeaseRow) =>
      Math.max(expires_at, stepped_at === 0 ? 0 : stepped_at + lease_seconds * 1000);
    const ends = [...this.#leases.values()].map(deadlineOf);
    const isLate = faults.isLate;
    if (this.#object.isSettled && (ends.length > 0 || this.#waiters.size > 0)) {
      const { alarm_at } = this.#object;
      const latest =
        Math.max(
          now,
          clock.highest,
          Math.min(...ends, this.#waiters.size > 0 ? now : Number.POSITIVE_INFINITY),
        ) +
        GRACE_MS +
        60_000;
      if (alarm_at === null || alarm_at > latest)
        this.#world.fail("I9", `${this.#object.name} has no alarm for what it keeps`, {
          alarm_at,
          now,
          ...(this.describe() as object),
        });
    }
    for (const lease of this.#leases.values())
      if (lease.joint_id === null && now > deadlineOf(lease) + GRACE_MS + (isLate ? LATE_SLACK_MS : SLACK_MS))
        this.#world.fail("I10", `${this.#object.name} keeps a lease beyond its time`, { lease, now });
  }
}
